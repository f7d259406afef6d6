import { describe, expect, it } from 'vitest'
import { parseQuantity } from '../../../shared/model/quantity.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { device, fleet, run, task } from './testing/fleet.ts'

/** What the explanation says would do: amounts by resource, and where. */
function changeIn(text: string): { id: string; amounts: [name: string, amount: string][] } {
  const [, change = '', id = ''] = /; ([^;]+) on (\S+) would do$/.exec(text) ?? []
  const amounts = change.split(' and ').map((part): [string, string] => {
    const [, amount = '', name = ''] = /^(\S+) more (\S+)$/.exec(part) ?? []
    return [name, amount]
  })
  return { id, amounts }
}

/** Gives the device that much more. */
function grow(changed: DeviceRecord, amounts: readonly [string, string][]): void {
  const capacity: Record<string, string> = {}
  for (const [name, milli] of Object.entries(changed.capacity)) capacity[name] = `${milli}m`
  for (const [name, amount] of amounts)
    capacity[name] = `${(changed.capacity[name] ?? 0) + (parseQuantity(amount) ?? Number.NaN)}m`
  changed.update({ ...changed.state, capacity })
}

describe('explanations', () => {
  it('name all that is missing on the device that misses least', () => {
    const scheduler = fleet(
      device('a', { cpu: '1', memory: '1Gi' }),
      device('b', { cpu: '800m', memory: '60Mi', gpu: '1' }),
    )
    scheduler.enqueue(task('t', { resources: { cpu: '1', memory: '64Mi', gpu: '1' } }))
    expect(run(scheduler).waits[0]?.explanation.text).toBe(
      'waits: 2 of 2 devices are too small; 200m more cpu and 4Mi more memory on b would do',
    )
  })

  it('never name less than what is missing', () => {
    const scheduler = fleet(device('d', { cpu: '1', memory: '1000000' }))
    scheduler.enqueue(task('t', { resources: { cpu: '1', memory: '2090001' } }))
    const text = run(scheduler).waits[0]?.explanation.text ?? ''
    expect(text).toContain('1.1Mi more memory on d would do')
  })

  it('tell the truth, over random fleets: with the named change the task is placed, and there', () => {
    let changes = 0
    for (let round = 0; round < 200; round++) {
      const random = new Random(`explain ${round}`)
      const devices = Array.from({ length: 1 + random.below(6) }, (_, n) =>
        device(
          `d${n}`,
          {
            cpu: `${100 * (1 + random.below(20))}m`,
            memory: `${random.below(400_000_000)}`,
            ...(random.chance(0.5) ? { gpu: `${random.below(3)}` } : {}),
          },
          { zone: `z${random.below(2)}` },
        ),
      )
      for (const one of devices) if (random.chance(0.1)) one.desired = { cordon: true }
      const scheduler = fleet(...devices)
      const fillers = Array.from({ length: 10 }, (_, n) => {
        const resources = { cpu: `${100 * (1 + random.below(10))}m`, memory: `${random.below(99_000_000)}` }
        return task(`filler${n}`, { resources })
      })
      for (const filler of fillers) scheduler.enqueue(filler)
      run(scheduler)
      // What waits for room as well might take it first.
      for (const filler of fillers) scheduler.remove(filler)
      const asked = task('asked', {
        where: { zone: 'z0' },
        resources: {
          cpu: `${1 + random.below(3_000)}m`,
          memory: `${random.below(500_000_000)}`,
          ...(random.chance(0.3) ? { gpu: '1' } : {}),
        },
      })
      scheduler.enqueue(asked)
      const wait = run(scheduler).waits.find(({ ids }) => ids.includes('asked'))
      if (wait === undefined || !wait.explanation.text.endsWith(' would do')) continue
      const { id, amounts } = changeIn(wait.explanation.text)
      const changed = devices.find((one) => one.id === id) as DeviceRecord
      expect(amounts.length).toBeGreaterThan(0)
      grow(changed, amounts)
      scheduler.deviceChanged(changed)
      expect([round, run(scheduler).placed]).toEqual([round, expect.arrayContaining([['asked', id]])])
      changes++
    }
    expect(changes).toBeGreaterThan(50)
  })
})
