import { describe, expect, it } from 'vitest'
import { DEVICES_MAX, faultOfGraph, type GraphProblem, PAIRS_MAX, TASKS_MAX } from './problem.ts'

const good: GraphProblem = {
  tasks: [
    { id: 'a', cost: 1 },
    { id: 'b', cost: 0, seconds: { x: 2 }, eligible: ['x'] },
  ],
  dependencies: [{ from: 'a', to: 'b', size: 0 }],
  devices: [
    { id: 'x', speed: 1 },
    { id: 'y', speed: 2 },
  ],
  links: [{ from: 'x', to: 'y', bandwidth: 1 }],
}
const task = (id: string) => ({ id, cost: 1 })
const many = <T>(length: number, of: (at: number) => T): T[] => Array.from({ length }, (_, at) => of(at))

describe('a problem of workflows', () => {
  it('is taken when nothing is wrong with it', () => {
    expect(faultOfGraph(good)).toBeUndefined()
    const [link] = good.links
    const both = [...good.links, { ...link, from: 'y', to: 'x', bandwidth: 2 }]
    expect(faultOfGraph({ ...good, links: both })).toBeUndefined()
  })

  it.each<[Partial<GraphProblem>, string]>([
    [{ tasks: many(TASKS_MAX + 1, (at) => task(`t${at}`)) }, 'tasks: 20001, at most 20000'],
    [{ devices: many(DEVICES_MAX + 1, (at) => ({ id: `d${at}`, speed: 1 })) }, 'devices: 501, at most 500'],
    [
      {
        tasks: many(PAIRS_MAX / DEVICES_MAX + 1, (at) => task(`t${at}`)),
        devices: many(DEVICES_MAX, (at) => ({ id: `d${at}`, speed: 1 })),
      },
      'tasks: 4001 for 500 devices, at most 2000000 pairs',
    ],
    [{ devices: [] }, 'devices: there are none; name one at least'],
    [{ devices: [...good.devices, { id: 'x', speed: 1 }] }, 'devices: x is there twice'],
    [{ devices: [{ id: 'x', speed: 0 }] }, 'devices: x: its speed is 0; give a number from 1e-9'],
    [{ links: [{ from: 'x', to: 'z', bandwidth: 1 }] }, 'links: x to z: z is none of the devices'],
    [
      { links: [{ from: 'x', to: 'x', bandwidth: 1 }] },
      'links: x to x: what stays on a device needs no link',
    ],
    [{ links: [...good.links, ...good.links] }, 'links: x to y: it is there twice'],
    [{ links: [{ from: 'x', to: 'y', bandwidth: Number.NaN }] }, 'links: x to y: its bandwidth is NaN'],
    [
      { links: [{ from: 'x', to: 'y', bandwidth: 1, latencySeconds: -1 }] },
      'links: x to y: its latency is -1; give a number from 0',
    ],
    [{ links: [] }, 'links: there is none between x and y; give one for any two devices'],
    [{ tasks: [...good.tasks, task('a')] }, 'tasks: a is there twice'],
    [{ tasks: [...good.tasks, { id: 'c', cost: -1 }] }, 'tasks: c: its cost is -1; give a number from 0'],
    [{ tasks: [...good.tasks, { ...task('c'), seconds: { z: 1 } }] }, 'tasks: c: it names z, which is none'],
    [{ tasks: [...good.tasks, { ...task('c'), eligible: ['z'] }] }, 'tasks: c: it names z, which is none'],
    [{ tasks: [...good.tasks, { ...task('c'), seconds: { x: -1 } }] }, 'tasks: c: on x it takes -1'],
    [{ tasks: [...good.tasks, { ...task('c'), eligible: [] }] }, 'tasks: c: no device may take it'],
    [{ dependencies: [{ from: 'a', to: 'z', size: 1 }] }, 'dependencies: a to z: z is none of the tasks'],
    [
      { dependencies: [...good.dependencies, ...good.dependencies] },
      'dependencies: a to b: it is there twice',
    ],
    [{ dependencies: [{ from: 'a', to: 'b', size: -1 }] }, 'dependencies: a to b: its size is -1'],
    [
      { dependencies: [...good.dependencies, { from: 'b', to: 'a', size: 1 }] },
      'dependencies: a waits for itself, or for tasks that do; break the cycle',
    ],
    [{ dependencies: [{ from: 'a', to: 'a', size: 1 }] }, 'dependencies: a waits for itself'],
  ])('is refused with what is wrong, where, and what would be right: %#', (part, said) => {
    expect(faultOfGraph({ ...good, ...part })?.slice(0, said.length)).toBe(said)
  })
})
