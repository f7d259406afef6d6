import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { Scheduler } from './scheduler.ts'
import { STRATEGY } from './strategies.ts'
import { device, run, task } from './testing/fleet.ts'

function replaying(seed: string, ...devices: DeviceRecord[]): Scheduler {
  const scheduler = new Scheduler(undefined, new Random(seed))
  scheduler.defaults.strategy = STRATEGY.replay
  for (const one of devices) scheduler.deviceChanged(one)
  return scheduler
}

const asking = (id: string, cpu: string, gpu?: string) =>
  task(id, { resources: { cpu, memory: '1Mi', ...(gpu === undefined ? {} : { gpu }) } })

describe('the strategy replay', () => {
  it('puts work without GPUs where its cpu is of no use to GPUs', () => {
    const devices = [
      device('scarce', { cpu: '8', memory: '1Gi', gpu: '4' }),
      device('rich', { cpu: '80', memory: '1Gi', gpu: '1' }),
      device('plain', { cpu: '80', memory: '1Gi' }),
    ]
    const scheduler = replaying('a', ...devices)
    for (let n = 0; n < 2; n++) scheduler.enqueue(asking(`gpu-${n}`, '2', '1'))
    expect(run(scheduler).placed).toHaveLength(2)
    for (let n = 0; n < 4; n++) {
      scheduler.enqueue(asking(`cpu-${n}`, '4'))
      const [placed] = run(scheduler).placed
      expect(placed?.[1]).not.toBe('scarce')
    }
  })

  it('puts shares that fill a GPU together on the same one, and leaves whole ones whole', () => {
    const pi = device('d', { cpu: '64', memory: '1Gi', gpu: '3' })
    const scheduler = replaying('a', pi)
    for (const [n, gpu] of ['700m', '300m', '700m', '300m', '1'].entries()) {
      scheduler.enqueue(asking(`t${n}`, '1', gpu))
      expect(run(scheduler).placed).toEqual([[`t${n}`, 'd']])
    }
    expect(pi.gpus.lefts()).toEqual([0, 0, 0])
  })

  it('says so, with what it made of the best', () => {
    const scheduler = replaying(
      'a',
      device('a', { cpu: '8', memory: '1Gi', gpu: '1' }),
      device('b', { cpu: '8', memory: '1Gi' }),
    )
    scheduler.enqueue(asking('half', '1', '500m'))
    expect(run(scheduler).explanations[0]).toMatch(
      /^placed on a with gpu 0: least missed of 1 with room looked at, 1 could take it; /,
    )
    scheduler.enqueue(asking('none', '8'))
    scheduler.enqueue(asking('one', '7'))
    expect(run(scheduler).explanations[0]).toMatch(/^placed on b: least missed of 1 /)
  })

  it('is chosen by a task too, beside others that are placed otherwise', () => {
    const devices = [
      device('a', { cpu: '64', memory: '1Gi', gpu: '4' }),
      device('b', { cpu: '2', memory: '1Gi' }),
    ]
    const scheduler = replaying('a', ...devices)
    scheduler.defaults.strategy = STRATEGY.greedy
    scheduler.enqueue(task('gpus', { strategy: 'replay', resources: { cpu: '16', memory: '1Mi', gpu: '1' } }))
    expect(run(scheduler).placed).toEqual([['gpus', 'a']])
    scheduler.enqueue(asking('greedy', '1'))
    expect(run(scheduler).placed).toEqual([['greedy', 'a']])
    scheduler.enqueue(task('replay', { strategy: 'replay', resources: { cpu: '1', memory: '1Mi' } }))
    expect(run(scheduler).placed).toEqual([['replay', 'b']])
  })

  it('decides the same from the same seed, never breaks a GPU, and leaves nothing waiting that has room', () => {
    for (let round = 0; round < 40; round++) {
      const once = () => {
        const random = new Random(`replaying ${round}`)
        const devices = Array.from({ length: 1 + random.below(8) }, (_, n) =>
          device(`d${n}`, { cpu: `${1 + random.below(16)}`, memory: '1Gi', gpu: `${random.below(5)}` }),
        )
        const scheduler = replaying(`seed ${round}`, ...devices)
        const tasks = Array.from({ length: 50 }, (_, n) =>
          asking(
            `t${n}`,
            `${500 * (1 + random.below(6))}m`,
            random.pick([undefined, '100m', '250m', '500m', '900m', '1', '2']),
          ),
        )
        const placed: unknown[][] = []
        for (const one of tasks) {
          scheduler.enqueue(one)
          if (!random.chance(0.3)) continue
          placed.push(...run(scheduler).placed)
          const [gone] = [...(devices[0] as DeviceRecord).placements.values()]
          if (gone === undefined || !random.chance(0.3)) continue
          devices[0]?.remove(gone)
          scheduler.deviceFreed(devices[0] as DeviceRecord)
        }
        placed.push(...run(scheduler).placed)
        for (const one of devices) expect(Math.min(0, ...one.gpus.lefts())).toBe(0)
        for (const one of tasks) {
          if (one.queued === undefined) continue
          const need = one.demand?.resources ?? {}
          const able = devices.filter(
            ({ capacity, reserved, gpus }) =>
              (need['cpu'] ?? 0) <= (capacity['cpu'] ?? 0) - (reserved['cpu'] ?? 0) &&
              gpus.fits(need['gpu'] ?? 0),
          )
          expect(able).toEqual([])
        }
        return placed
      }
      expect(once()).toEqual(once())
    }
  })
})
