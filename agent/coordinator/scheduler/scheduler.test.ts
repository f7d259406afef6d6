import { describe, expect, it } from 'vitest'
import { tenantRules } from '../../../shared/model/tenants.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { Decision } from './decision.ts'
import { Scheduler } from './scheduler.ts'
import { STRATEGY } from './strategies.ts'
import { device, fleet, NOW, run, task } from './testing/fleet.ts'

describe('scheduler', () => {
  it('places on the device that has most left of its scarcest resource', () => {
    const scheduler = fleet(
      device('small', { cpu: '1', memory: '1Gi' }),
      device('large', { cpu: '4', memory: '4Gi' }),
    )
    scheduler.enqueue(task('t', { resources: { cpu: '500m', memory: '64Mi' } }))
    expect(run(scheduler).placed).toEqual([['t', 'large']])
  })

  it('blames a quota no longer than there is one in the way, also in a large fleet', () => {
    const scheduler = fleet(
      ...Array.from({ length: 300 }, (_, n) => device(`d${n}`, { cpu: '1', memory: '8Gi' })),
    )
    const allow = (cpu: string) => {
      scheduler.tenants.configure(tenantRules({ tenants: { team: { quota: { cpu } } } }))
      scheduler.quotasChanged()
    }
    const why = (monoMs: number) => run(scheduler, 1_000, { ...NOW, monoMs }).waits[0]?.explanation.text
    allow('1')
    for (const id of ['one', 'two']) scheduler.enqueue(task(id, { tenant: 'team', resources: { cpu: '1' } }))
    expect(why(1_000)).toMatch(/^waits: tenant team has reserved 1 of its quota of 1 cpu/)
    for (let n = 0; n < 299; n++) scheduler.enqueue(task(`other-${n}`, { resources: { cpu: '1' } }))
    run(scheduler)
    allow('4')
    expect(why(1_050)).toMatch(/^waits: 300 of 300 devices have too little left/)
  })

  it('lets messages have their turn when very many kinds of tasks wait', () => {
    const scheduler = fleet(device('a', { cpu: '1' }))
    const tasks = Array.from({ length: 2_000 }, (_, n) =>
      task(`t${n}`, { resources: { cpu: `${2_000 + n}m` } }),
    )
    for (const one of tasks) scheduler.enqueue(one)
    const told: string[] = []
    let runs = 0
    for (let pauseMs: number | undefined = 0; pauseMs !== undefined; runs++) {
      const done = run(scheduler)
      pauseMs = done.pauseMs
      told.push(...done.waits.flatMap(({ ids }) => ids))
    }
    expect(told).toEqual(tasks.map(({ id }) => id))
    expect(runs).toBeGreaterThan(1)
  })

  it('knows few kinds of tasks, however many durations they are expected to have', () => {
    const scheduler = fleet(device('a', { cpu: '1' }))
    const kinds = new Set<unknown>()
    for (let ms = 1_000; ms < 11_000; ms++) kinds.add(scheduler.able(task('t', { duration: `${ms}ms` })))
    expect(kinds.size).toBeLessThan(100)
    // A minute is no hour.
    expect(scheduler.able(task('hour', { duration: '1h' }))).not.toBe(
      scheduler.able(task('minute', { duration: '1m' })),
    )
  })

  it.each([
    ['greedy', 'roomy', 'most free'],
    ['best-fit', 'tight', 'best packed'],
  ] as const)('by the strategy %s chooses the device %s', (name, chosen, superlative) => {
    const scheduler = new Scheduler()
    scheduler.defaults.strategy = STRATEGY[name]
    const fleet = [
      device('roomy', { cpu: '16', memory: '8Gi' }),
      device('tight', { cpu: '2', memory: '2Gi' }),
    ]
    for (const one of fleet) scheduler.deviceChanged(one)
    scheduler.enqueue(task('t', { resources: { cpu: '1', memory: '1Gi' } }))
    const decisions: Decision[] = []
    scheduler.run(
      NOW,
      1,
      (decision) => decisions.push(decision),
      () => undefined,
    )
    expect(decisions.map((decision) => decision.device.id)).toEqual([chosen])
    expect(decisions[0]?.explanation).toContain(`${superlative} of 2 with room`)
  })

  it('goes by the strategy that a task names, and by that of the mesh for the others', () => {
    const scheduler = fleet(
      device('roomy', { cpu: '16', memory: '8Gi' }),
      device('tight', { cpu: '2', memory: '2Gi' }),
    )
    const resources = { cpu: '100m', memory: '64Mi' }
    scheduler.enqueue(task('its-own', { resources, strategy: 'best-fit' }))
    scheduler.enqueue(task('the-mesh', { resources }))
    expect(run(scheduler).placed).toEqual([
      ['its-own', 'tight'],
      ['the-mesh', 'roomy'],
    ])
    scheduler.defaults.strategy = STRATEGY['best-fit']
    scheduler.enqueue(task('changed', { resources }))
    scheduler.enqueue(task('unchanged', { resources, strategy: 'greedy' }))
    expect(run(scheduler).placed).toEqual([
      ['changed', 'tight'],
      ['unchanged', 'roomy'],
    ])
  })

  it('counts network as it counts anything that a device offers', () => {
    const scheduler = fleet(device('d', { cpu: '4', memory: '4Gi', network: '100M' }))
    for (let n = 0; n < 4; n++) scheduler.enqueue(task(`t${n}`, { resources: { network: '30M' } }))
    const { placed, waits } = run(scheduler)
    expect(placed).toHaveLength(3)
    expect(waits[0]?.explanation.text).toContain('20M more network on d would do')
  })

  it('takes higher priorities first, then the older task', () => {
    const scheduler = fleet(device('d', { cpu: '200m', memory: '1Gi' }))
    for (const [id, priority] of [
      ['low', 10],
      ['old', 50],
      ['new', 50],
      ['high', 90],
    ] as const) {
      scheduler.enqueue(task(id, { priority, resources: { cpu: '100m', memory: '1Mi' } }))
    }
    expect(run(scheduler).placed.map(([id]) => id)).toEqual(['high', 'old'])
  })

  it.each([
    ['priority', { priority: 90 }, { priority: 10 }, { priority: 50 }],
    ['deadline', { deadline: '2030-01-01T00:00:00Z' }, {}, { deadline: '2030-01-02T00:00:00Z' }],
  ])('sends no more of a kind at once than come before others by %s', (_, first, rest, between) => {
    const scheduler = fleet(device('d', { cpu: '200m', memory: '1Gi' }))
    const kind = { resources: { cpu: '100m', memory: '1Mi' } }
    scheduler.enqueue(task('first', { ...kind, ...first }))
    for (let n = 0; n < 3; n++) scheduler.enqueue(task(`rest${n}`, { ...kind, ...rest }))
    scheduler.enqueue(task('between', { resources: { cpu: '100m', memory: '2Mi' }, ...between }))
    expect(run(scheduler).placed.map(([id]) => id)).toEqual(['first', 'between'])
  })

  it('explains a wait by counted reasons and names the smallest change that would end it', () => {
    const scheduler = fleet(
      device('pi-1', { cpu: '1', memory: '50Mi' }, { arch: 'arm64' }),
      device('pi-2', { cpu: '1', memory: '20Mi' }, { arch: 'arm64' }),
      device('pc', { cpu: '8', memory: '8Gi' }, { arch: 'x64' }),
    )
    scheduler.enqueue(task('t', { where: { arch: 'arm64' }, resources: { cpu: '100m', memory: '64Mi' } }))
    const { waits } = run(scheduler)
    expect(waits[0]?.explanation).toEqual({
      text: 'waits: no device of this mesh can take it even when empty: 2 of 3 are too small; 1 lack arch=arm64; 14Mi more memory on pi-1 would do',
      reasons: { 'are too small': 2, 'lack arch=arm64': 1 },
      impossible: true,
    })
  })

  it('looks again only when a device that could help has changed', () => {
    const busy = device('busy', { cpu: '100m', memory: '1Gi' })
    const scheduler = fleet(busy)
    scheduler.enqueue(task('first', { resources: { cpu: '100m', memory: '1Mi' } }))
    expect(run(scheduler).placed).toHaveLength(1)
    scheduler.enqueue(task('second', { resources: { cpu: '100m', memory: '1Mi' } }))
    expect(run(scheduler).waits).toHaveLength(1)
    expect(run(scheduler)).toMatchObject({ placed: [], waits: [] })
    for (const placement of [...busy.placements.values()]) busy.remove(placement)
    expect(run(scheduler).placed).toEqual([])
    scheduler.deviceFreed(busy)
    expect(run(scheduler).placed).toEqual([['second', 'busy']])
  })

  it('tells a task that joins a waiting kind at once why it waits', () => {
    const scheduler = fleet(device('d', { cpu: '50m', memory: '1Gi' }))
    scheduler.enqueue(task('first'))
    run(scheduler)
    expect(scheduler.enqueue(task('second'))?.text).toContain('1 of 1 are too small')
  })

  it.each([
    ['cordoned', (d: DeviceRecord) => Object.assign(d, { desired: { cordon: true } }), 'are cordoned'],
    ['draining', (d: DeviceRecord) => Object.assign(d, { desired: { drain: true } }), 'are draining'],
    ['lost', (d: DeviceRecord) => Object.assign(d, { condition: 'lost' }), 'are offline'],
    ['silent', (d: DeviceRecord) => Object.assign(d, { condition: 'suspect' }), 'are silent'],
    [
      'unreported',
      (d: DeviceRecord) => Object.assign(d, { reportedNonce: undefined }),
      'have not reported yet',
    ],
    [
      'held',
      (d: DeviceRecord) =>
        Object.assign(d, {
          desired: { hold: { by: 'kim', reason: 'tests', until: '2099-01-01T00:00:00Z' } },
        }),
      'are held by kim',
    ],
  ])('places nothing on a %s device and says so', (_, close, reason) => {
    const closed = device('d', { cpu: '4', memory: '4Gi' })
    close(closed)
    const scheduler = fleet(closed)
    scheduler.enqueue(task('t'))
    const { placed, waits } = run(scheduler)
    expect(placed).toEqual([])
    expect(waits[0]?.explanation.reasons).toEqual({ [reason]: 1 })
  })

  it('gives a function to a device that has it, and says how many lack it', () => {
    const bare = device('bare', { cpu: '4', memory: '4Gi' })
    const other = device('other', { cpu: '4', memory: '4Gi' })
    const fit = device('fit', { cpu: '4', memory: '4Gi' })
    other.update({ ...other.state, executors: ['exec', 'function'], functions: ['shrink'] })
    const scheduler = fleet(bare, other)
    scheduler.enqueue(task('t', { run: { function: 'grow' } }))
    expect(run(scheduler).waits[0]?.explanation.reasons).toEqual({
      'lack executor function': 1,
      'lack function grow': 1,
    })
    expect(fit.update({ ...fit.state, executors: ['function'], functions: ['grow'] })).toBe(true)
    scheduler.deviceChanged(fit)
    expect(run(scheduler).placed).toEqual([['t', 'fit']])
    expect(fit.update({ ...fit.state, functions: ['grow', 'shrink'] })).toBe(true)
  })

  it('skips a task that was taken out of the queue', () => {
    const scheduler = fleet(device('d', { cpu: '4', memory: '4Gi' }))
    const gone = task('gone')
    scheduler.enqueue(gone)
    scheduler.enqueue(task('stays'))
    scheduler.remove(gone)
    expect(run(scheduler).placed).toEqual([['stays', 'd']])
    expect(scheduler.waiting).toBe(0)
  })

  it('never exceeds a capacity and leaves nothing waiting that has room, over random fleets', () => {
    for (let round = 0; round < 60; round++) {
      const random = new Random(`fleet ${round}`)
      const devices = Array.from({ length: 1 + random.below(8) }, (_, index) =>
        device(`d${index}`, {
          cpu: `${100 * (1 + random.below(20))}m`,
          memory: `${16 * (1 + random.below(20))}Mi`,
        }),
      )
      const scheduler = fleet(...devices)
      const tasks = Array.from({ length: 60 }, (_, index) =>
        task(`t${index}`, {
          resources: { cpu: `${100 * (1 + random.below(4))}m`, memory: `${16 * (1 + random.below(4))}Mi` },
        }),
      )
      for (const one of tasks) scheduler.enqueue(one)
      const placed = new Set(run(scheduler).placed.map(([id]) => id))
      for (const one of devices) {
        for (const name in one.capacity) {
          expect(one.reserved[name] ?? 0).toBeLessThanOrEqual(one.capacity[name] as number)
        }
      }
      for (const one of tasks) {
        if (placed.has(one.id)) continue
        const fitting = devices.filter((candidate) =>
          Object.entries(one.demand?.resources ?? {}).every(
            ([name, need]) => need <= (candidate.capacity[name] ?? 0) - (candidate.reserved[name] ?? 0),
          ),
        )
        expect(fitting.map((candidate) => candidate.id)).toEqual([])
      }
    }
  })
})
