import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { device, fleet, run, task } from './testing/fleet.ts'

const asking = (id: string, gpu: string) => task(id, { resources: { cpu: '100m', memory: '1Mi', gpu } })
const roomy = (id: string, gpu: string) => device(id, { cpu: '64', memory: '64Gi', gpu })
const lefts = (of: DeviceRecord): number[] => of.gpus.lefts()

describe('the scheduler and GPUs', () => {
  it('gives no share that only several GPUs have together, and says what would do', () => {
    const pi = roomy('pi-1', '4')
    const scheduler = fleet(pi)
    for (let n = 0; n < 4; n++) scheduler.enqueue(asking(`first-${n}`, '600m'))
    expect(run(scheduler).placed).toHaveLength(4)
    expect(lefts(pi)).toEqual([400, 400, 400, 400])
    scheduler.enqueue(asking('half', '500m'))
    scheduler.enqueue(asking('two', '2'))
    expect(run(scheduler).waits.map(({ explanation }) => explanation.text)).toEqual([
      'waits: 1 of 1 devices have too little left on any one gpu; 100m more gpu on one gpu of pi-1 would do',
      'waits: 1 of 1 devices have too little left; 1200m more gpu on 2 gpus of pi-1 would do',
    ])
  })

  it('tells GPUs that are broken into from too few', () => {
    const pi = roomy('pi-1', '4')
    const scheduler = fleet(pi)
    for (let n = 0; n < 4; n++) pi.gpus.count([n], 100, 1)
    pi.reserved['gpu'] = 400
    scheduler.enqueue(asking('two', '2'))
    expect(run(scheduler).waits[0]?.explanation.text).toBe(
      'waits: 1 of 1 devices have too few gpus that are free as a whole; 200m more gpu on 2 gpus of pi-1 would do',
    )
    scheduler.enqueue(asking('six', '6'))
    expect(run(scheduler).waits[0]?.explanation.text).toContain('are too small; 6 more gpu on pi-1 would do')
  })

  it('names what is missing on a GPU beside what is missing of the device', () => {
    const pi = device('pi-1', { cpu: '1', memory: '1Gi', gpu: '1' })
    const scheduler = fleet(pi)
    scheduler.enqueue(task('half', { resources: { cpu: '900m', gpu: '500m' } }))
    run(scheduler)
    scheduler.enqueue(task('more', { resources: { cpu: '300m', gpu: '600m' } }))
    expect(run(scheduler).waits[0]?.explanation.text).toContain(
      '; 200m more cpu on pi-1 and 100m more gpu on one gpu of pi-1 would do',
    )
  })

  it('takes the GPU with least left that is enough, the lowest of equals, and says which', () => {
    const pi = roomy('pi', '3')
    const scheduler = fleet(pi)
    for (const [id, gpu] of [
      ['a', '300m'],
      ['b', '800m'],
      ['c', '700m'],
      ['d', '1'],
    ] as const) {
      scheduler.enqueue(asking(id, gpu))
      expect(run(scheduler).placed).toEqual([[id, 'pi']])
    }
    // a on 0, b on 1, c beside a, d on the last.
    expect(lefts(pi)).toEqual([0, 200, 0])
    for (const one of [...pi.placements.values()]) pi.remove(one)
    expect(lefts(pi)).toEqual([1_000, 1_000, 1_000])
    scheduler.deviceFreed(pi)
    scheduler.enqueue(asking('e', '2'))
    expect(run(scheduler).explanations[0]).toMatch(/^placed on pi with gpu 0, 1: /)
  })

  it('places again what waits for one GPU when that has room', () => {
    const pi = roomy('pi', '1')
    const scheduler = fleet(pi)
    scheduler.enqueue(asking('a', '700m'))
    scheduler.enqueue(asking('b', '400m'))
    expect(run(scheduler).placed).toEqual([['a', 'pi']])
    for (const one of [...pi.placements.values()]) pi.remove(one)
    scheduler.deviceFreed(pi)
    expect(run(scheduler).placed).toEqual([['b', 'pi']])
  })

  it('never breaks a GPU and leaves nothing waiting that has room, over random fleets', () => {
    for (let round = 0; round < 60; round++) {
      const random = new Random(`gpus ${round}`)
      const devices = Array.from({ length: 1 + random.below(8) }, (_, n) =>
        roomy(`d${n}`, `${random.below(5)}`),
      )
      const scheduler = fleet(...devices)
      const tasks = Array.from({ length: 60 }, (_, n) =>
        asking(`t${n}`, random.pick(['100m', '250m', '500m', '900m', '1', '2', '3'])),
      )
      for (const one of tasks) scheduler.enqueue(one)
      const placed = new Set(run(scheduler).placed.map(([id]) => id))
      for (const one of devices) {
        expect(Math.min(0, ...lefts(one))).toBe(0)
        const reserved = lefts(one).reduce((sum, left) => sum + 1_000 - left, 0)
        expect(reserved).toBe(one.reserved['gpu'] ?? 0)
      }
      for (const one of tasks) {
        if (placed.has(one.id)) continue
        expect(devices.filter(({ gpus }) => gpus.fits(one.demand?.resources['gpu'] ?? 0))).toEqual([])
      }
    }
  })
})
