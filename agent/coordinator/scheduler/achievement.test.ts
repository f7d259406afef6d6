/** Whether each objective achieves more of what it is for than the others do. */
import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { device, fleet, NOW, task } from './testing/fleet.ts'
import { workLeftMs } from './work-left.ts'

const NAMES = ['peak', 'packing', 'spread', 'makespan'] as const
type Measured = Record<(typeof NAMES)[number], number>

/** What the planners judge a batch by, of devices that were empty before: less is better. */
function measure(devices: readonly DeviceRecord[]): Measured {
  const shares = devices.map(({ capacity, reserved }) =>
    Math.max(...['cpu', 'memory'].map((name) => (reserved[name] ?? 0) / (capacity[name] as number))),
  )
  return {
    peak: Math.max(...shares),
    packing: devices.filter(({ held }) => held > 0).length,
    spread: devices.reduce((sum, { held }) => sum + held ** 2, 0),
    makespan: Math.max(...devices.map(workLeftMs)),
  }
}

function place(seed: string, objective: (typeof NAMES)[number]): Measured {
  const random = new Random(seed)
  const devices = Array.from({ length: 12 }, (_, n) =>
    device(`d${n}`, { cpu: `${2 + random.below(7)}`, memory: `${2 + random.below(7)}Gi` }),
  )
  for (const one of devices) one.measuredMs = NOW.monoMs
  const scheduler = fleet(...devices)
  scheduler.defaults.objective = objective
  let placed = 0
  for (let n = 0; n < 40; n++) {
    const resources = {
      cpu: `${50 * (1 + random.below(10))}m`,
      memory: `${64 * (1 + random.below(10))}Mi`,
    }
    const one = task(`t${n}`, { resources, duration: `${1 + random.below(120)}s` })
    scheduler.enqueue(one)
    scheduler.run(
      NOW,
      1,
      ({ device: on, task: { id, demand } }) => {
        placed++
        const { resources: taken = {}, durationMs = 0 } = demand ?? {}
        on.add({
          ...{ key: id, attempt: { term: 1, agent: 'a', n }, task: id, resources: taken, seq: 1 },
          ...{ phase: 'held', endsMs: NOW.monoMs + durationMs },
        })
      },
      () => undefined,
    )
  }
  expect(placed).toBe(40)
  return measure(devices)
}

const SEEDS = Array.from({ length: 40 }, (_, n) => `batch ${n}`)

/** By objective what all of them come to on average, in the order of their names. */
function means(): number[][] {
  return NAMES.map((objective) => {
    const runs = SEEDS.map((seed) => place(seed, objective))
    return NAMES.map((name) => runs.reduce((sum, run) => sum + run[name], 0) / runs.length)
  })
}

describe('over random batches', () => {
  it.each(NAMES)('%s is least where it is the objective', (name) => {
    const column = NAMES.indexOf(name)
    const table = means()
    const own = table[column]?.[column] as number
    for (const [row, others] of table.entries()) {
      if (row !== column) expect(own).toBeLessThan(others[column] as number)
    }
  })
})
