/** What a coordinator is to achieve by its settings, from the moment they are set. */
import { expect, it } from 'vitest'
import type { MeshConfig, TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { SPEC } from './testing/driver.ts'
import { Floor } from './testing/floor.ts'

const small = (more: Partial<TaskSpec> = {}): TaskSpec => ({ ...SPEC, resources: { cpu: '100m' }, ...more })

it('The objective of the mesh decides among devices with room until it is another', () => {
  const floor = Floor.serving(['a', 'b', 'c'])
  floor.submit('first', { ...SPEC, where: { device: 'b' }, resources: { cpu: '1' }, duration: '1s' })
  floor.submit('second', { ...SPEC, where: { device: 'c' }, resources: { cpu: '500m' }, duration: '10m' })
  floor.submit('third', small({ where: { device: 'c' }, duration: '10m' }))
  floor.turn()
  const next = (task: string, config: MeshConfig, spec = small()) => {
    floor.configure(config)
    floor.submit(task, spec)
    floor.turn()
    return floor.assigned.at(-1)
  }
  expect(next('packed', { objective: 'packing' })).toBe('packed to b')
  expect(next('peak', {})).toBe('peak to a')
  expect(next('own', {}, small({ objective: 'packing' }))).toBe('own to b')
  expect(next('spread', { objective: 'spread' })).toBe('spread to a')
  // Two on each of a and c, three on b; c would have most left of the two, and the most work.
  expect(next('soon', { objective: 'makespan' }, small({ duration: '1s' }))).not.toBe('soon to c')
  expect(floor.last.get('soon')?.explanation).toContain('soonest done of 3 with room')
})

it('Links that are set decide what is near its data, also for a kind of task that is known', () => {
  const floor = Floor.serving(['a', 'b', 'c'])
  const data = [{ at: 'c', size: '1Gi' }]
  const linked = (to: string): MeshConfig => ({
    siteLabel: 'device',
    objective: 'data',
    links: [{ between: ['c', to], bandwidth: '10G' }],
  })
  for (const [task, config] of [
    ['one', linked('b')],
    ['two', linked('a')],
    ['three', linked('b')],
  ] as const) {
    floor.configure(config)
    floor.submit(task, small({ data, where: { device: ['a', 'b'] } }))
    floor.turn()
  }
  expect(floor.assigned).toEqual(['one to b', 'two to a', 'three to b'])
  expect(floor.last.get('three')?.explanation).toContain('(859ms to fetch 1Gi from c over 10G)')
})
