import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UNBOUND } from '../../../shared/model/tenants.ts'
import { STRATEGIES, type StrategyName } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import { ArrayRecord, elementSpecOf } from '../array-record.ts'
import type { DeviceRecord } from '../device-record.ts'
import { GATHER_MS, WORK_MAX } from './batches.ts'
import type { Scheduler } from './scheduler.ts'
import { hasRoom } from './score.ts'
import { STRATEGY } from './strategies.ts'
import { device, fleet, NOW, run, task } from './testing/fleet.ts'

const PLANNERS = ['dp', 'heuristic', 'genetic'] as const

/** A device with so many cores and nothing else that counts. */
const cores = (id: string, cpu: number, labels: Record<string, string> = {}): DeviceRecord =>
  device(id, { cpu: String(cpu), memory: '64Gi' }, labels)

const needs = (cpu: number) => ({ resources: { cpu: String(cpu), memory: '1Mi' } })

/** A scheduler by a strategy, over devices. */
function by(strategy: StrategyName, ...devices: DeviceRecord[]): Scheduler {
  const scheduler = fleet(...devices)
  scheduler.defaults.strategy = STRATEGY[strategy]
  return scheduler
}

/** Runs until nothing is left to decide. */
function settle(scheduler: Scheduler, begin = NOW) {
  let now = begin
  const all: Omit<ReturnType<typeof run>, 'pauseMs'> = {
    placed: [],
    decisions: [],
    explanations: [],
    waits: [],
  }
  for (;;) {
    const { pauseMs, ...some } = run(scheduler, 1_000, now)
    all.placed.push(...some.placed)
    all.decisions.push(...some.decisions)
    all.explanations.push(...some.explanations)
    all.waits.push(...some.waits)
    if (pauseMs === undefined) return all
    now = { monoMs: now.monoMs + pauseMs, wallMs: now.wallMs + pauseMs }
  }
}

describe('batches as textbooks have them', () => {
  it.each(STRATEGIES)('by %s places tasks of 2, 3 and 4 on nodes of 10, 8 and 6', (strategy) => {
    const scheduler = by(strategy, cores('n1', 10), cores('n2', 8), cores('n3', 6))
    for (const cpu of [2, 3, 4]) scheduler.enqueue(task(`t${cpu}`, needs(cpu)))
    expect(
      settle(scheduler)
        .placed.map(([id]) => id)
        .sort(),
    ).toEqual(['t2', 't3', 't4'])
  })

  it.each(PLANNERS)(
    'by %s gives tasks of 2, 3 and 4 on 6, 4, 2 and 6 the lowest peak there is',
    (strategy) => {
      const devices = [cores('r1', 6), cores('r2', 4), cores('r3', 2), cores('r4', 6)]
      const scheduler = by(strategy, ...devices)
      for (const cpu of [2, 3, 4]) scheduler.enqueue(task(`t${cpu}`, needs(cpu)))
      expect(settle(scheduler).placed).toHaveLength(3)
      const peak = Math.max(...devices.map((one) => (one.reserved['cpu'] ?? 0) / (one.capacity['cpu'] ?? 1)))
      expect(peak).toBeCloseTo(4 / 6, 9)
    },
  )

  it.each(['dp', 'genetic'] as const)('by %s places what would not find room one by one', (strategy) => {
    const one = (name: StrategyName) => {
      const scheduler = by(name, cores('a', 5), cores('b', 4))
      for (const cpu of [2, 3, 4]) scheduler.enqueue(task(`t${cpu}`, needs(cpu)))
      return settle(scheduler).placed.length
    }
    expect([one('greedy'), one(strategy)]).toEqual([2, 3])
  })
})

describe.each(PLANNERS)('by %s for an objective', (strategy) => {
  it.each([
    ['packing', ['laden', 'laden'], 'the fewest devices in use, 1'],
    ['spread', ['empty', 'empty'], 'the most even spread, 8 as squares of tasks'],
    ['makespan', ['empty', 'empty'], 'the earliest end, in 30s'],
    ['peak', ['laden', 'laden'], 'the lowest peak, 50 %'],
  ] as const)('plans by %s with what is there already', (objective, on, told) => {
    const laden = cores('laden', 16)
    const scheduler = by('greedy', laden)
    for (const id of ['there', 'too']) scheduler.enqueue(task(id, { ...needs(2), duration: '2m' }))
    settle(scheduler)
    for (const placement of laden.placements.values())
      Object.assign(placement, { endsMs: laden.measuredMs + 120_000 })
    scheduler.deviceChanged(cores('empty', objective === 'peak' ? 3 : 8))
    Object.assign(scheduler.defaults, { strategy: STRATEGY[strategy], objective })
    for (const id of ['t1', 't2']) scheduler.enqueue(task(id, { ...needs(2), duration: '1m' }))
    const { placed, explanations } = settle(scheduler)
    expect(placed.map(([, device]) => device)).toEqual(on)
    expect(explanations[0]).toContain(`2 devices for ${told}`)
  })
})

describe('a batch', () => {
  it('waits a moment for others, says so, and is planned as a whole', () => {
    const scheduler = by('dp', cores('a', 5), cores('b', 4))
    const text = `waits: up to ${GATHER_MS} ms for other tasks that dp can plan together with it`
    expect(scheduler.enqueue(task('t2', needs(2)))?.text).toBe(text)
    expect(run(scheduler)).toMatchObject({ placed: [], pauseMs: GATHER_MS })
    scheduler.enqueue(task('t3', needs(3)))
    const half = { ...NOW, monoMs: NOW.monoMs + GATHER_MS / 2 }
    expect(run(scheduler, 9, half)).toMatchObject({ placed: [], pauseMs: GATHER_MS / 2 })
    scheduler.enqueue(task('t4', needs(4)))
    const { explanations, pauseMs } = run(scheduler, 9, { ...NOW, monoMs: NOW.monoMs + GATHER_MS })
    expect(pauseMs).toBeUndefined()
    expect(explanations[0]).toBe(
      'placed on a: by dp, one of 3 tasks planned over 2 devices for the lowest peak, 100 %, proven best; 60 % of its scarcest resource is left',
    )
    expect(explanations).toHaveLength(3)
  })

  it('that is full waits for no others', () => {
    const scheduler = by('dp', cores('a', 64), cores('b', 64))
    const { tasksMax = 0 } = STRATEGY.dp.batch ?? {}
    for (let n = 0; n < tasksMax; n++) scheduler.enqueue(task(`t${n}`, needs(1)))
    expect(run(scheduler).placed).toHaveLength(tasksMax)
  })

  it('waits no second time when room comes free', () => {
    const busy = cores('busy', 2)
    const scheduler = by('dp', busy)
    for (const id of ['first', 'second']) scheduler.enqueue(task(id, needs(2)))
    expect(settle(scheduler).placed).toEqual([['first', 'busy']])
    for (const placement of [...busy.placements.values()]) busy.remove(placement)
    scheduler.deviceFreed(busy)
    expect(run(scheduler, 9, { ...NOW, monoMs: NOW.monoMs + 500 }).placed).toEqual([['second', 'busy']])
  })

  it.each(PLANNERS)('by %s leaves no higher priority out for several lower ones', (strategy) => {
    const scheduler = by(strategy, cores('d', 4))
    for (const id of ['low-1', 'low-2']) scheduler.enqueue(task(id, { ...needs(2), priority: 50 }))
    scheduler.enqueue(task('high', { ...needs(3), priority: 60 }))
    expect(settle(scheduler).placed).toEqual([['high', 'd']])
  })

  it('holds what comes behind it in order, whatever its strategy, and lets pass what comes before', () => {
    const scheduler = by('greedy', cores('d', 5))
    scheduler.enqueue(task('older', needs(1)))
    scheduler.enqueue(task('planned', { ...needs(3), strategy: 'dp' }))
    scheduler.enqueue(task('younger', needs(2)))
    expect(run(scheduler).placed).toEqual([['older', 'd']])
    const after = { ...NOW, monoMs: NOW.monoMs + GATHER_MS }
    expect(run(scheduler, 9, after).placed).toEqual([['planned', 'd']])
  })

  it('is planned while something before it waits for bids', () => {
    const scheduler = by('dp', cores('d', 5))
    scheduler.auctions = true
    scheduler.enqueue(task('offered', { ...needs(1), strategy: 'auction' }))
    scheduler.enqueue(task('planned', needs(2)))
    expect(settle(scheduler).placed).toEqual([['planned', 'd']])
  })

  it('leaves what planners know nothing of to the scored choice, in the same run', () => {
    const scheduler = by('dp', cores('a', 4, { zone: 'x' }), cores('b', 8))
    const prefer = [{ where: { zone: 'x' }, weight: 10 }]
    expect(scheduler.enqueue(task('picky', { ...needs(1), prefer }))).toBeUndefined()
    expect(
      scheduler.enqueue(task('kin', { ...needs(1), group: 'g', apart: [{ group: 'g' }] })),
    ).toBeUndefined()
    const { placed, explanations, pauseMs } = run(scheduler)
    expect(pauseMs).toBeUndefined()
    expect(placed.map(([id]) => id)).toEqual(['picky', 'kin'])
    expect(placed[0]).toEqual(['picky', 'a'])
    expect(explanations[0]).toMatch(/; by itself, because dp knows no preferences$/)
    expect(explanations[1]).toMatch(/; by itself, because dp knows nothing of groups$/)
  })

  it('is planned by heuristic where dp would have to look at too much, and says so', () => {
    const random = new Random('hard')
    const devices = Array.from({ length: 4 }, (_, n) => cores(`d${n}`, 9 + n))
    const scheduler = by('dp', ...devices)
    for (let n = 0; n < 10; n++) {
      const cpu = `${1_000 + random.below(3_000)}m`
      scheduler.enqueue(task(`t${n}`, { resources: { cpu, memory: '1Mi' } }))
    }
    const { placed, explanations } = settle(scheduler)
    expect(placed).toHaveLength(10)
    expect(explanations[0]).toMatch(
      /by heuristic, because dp would look at more than 2500 states; one of 10 tasks planned over 4 devices for the lowest peak, \d+ %, the best of 1\d plans; /,
    )
  })

  it('takes elements of an array, those for one device one after another', () => {
    const scheduler = by('heuristic', cores('a', 4), cores('b', 4))
    const array = task('many', { ...needs(1), array: [1, 2, 3, 4, 5] })
    array.array = new ArrayRecord(5)
    array.array.spec = elementSpecOf(array.spec ?? { run: { exec: ['true'] } })
    scheduler.enqueue(array)
    scheduler.enqueue(task('other', needs(2)))
    const { decisions } = settle(scheduler)
    expect(decisions.map((one) => one.task.id).sort()).toEqual(
      ['many[0]', 'many[1]', 'many[2]', 'many[3]', 'many[4]', 'other'].sort(),
    )
    for (const [at, { device: on, follows }] of decisions.entries()) {
      const before = decisions[at - 1]
      const same = before?.device === on && before.task.element !== undefined
      expect(follows).toBe(same && decisions[at]?.task.element !== undefined)
    }
    expect(scheduler.waiting).toBe(0)
  })

  it('places nothing on room that is kept for other work', () => {
    const kept = cores('kept', 16)
    const scheduler = by('dp', kept, cores('free', 2))
    kept.claim = { task: task('claimant'), priority: 50 }
    for (const id of ['a', 'b']) scheduler.enqueue(task(id, needs(2)))
    scheduler.enqueue(task('above', { ...needs(2), priority: 51 }))
    expect(settle(scheduler).placed).toEqual([
      ['above', 'kept'],
      ['a', 'free'],
    ])
  })

  it('keeps within a quota', () => {
    const scheduler = by('dp', cores('a', 8), cores('b', 8))
    scheduler.tenants.configure(new Map([['lab', { ...UNBOUND, quota: { cpu: 5_000 } }]]))
    for (const id of ['a', 'b', 'c']) scheduler.enqueue(task(id, { ...needs(2), tenant: 'lab' }))
    const { placed, waits } = settle(scheduler)
    expect(placed).toHaveLength(2)
    expect(waits[0]?.explanation.text).toContain('tenant lab has reserved 4 of its quota of 5 cpu')
  })

  it.each(PLANNERS)('by %s shares nine cores and 18 GB between two tenants as one by one', (strategy) => {
    const scheduler = by(strategy, device('d', { cpu: '9', memory: '18Gi' }))
    for (let n = 0; n < 9; n++) {
      scheduler.enqueue(task(`a${n}`, { resources: { cpu: '1', memory: '4Gi' }, tenant: 'a' }))
    }
    for (let n = 0; n < 9; n++) {
      scheduler.enqueue(task(`b${n}`, { resources: { cpu: '3', memory: '1Gi' }, tenant: 'b' }))
    }
    const names = settle(scheduler).placed.map(([id = '']) => id[0])
    expect([
      names.filter((name) => name === 'a').length,
      names.filter((name) => name === 'b').length,
    ]).toEqual([3, 2])
  })

  it('takes the tenants in turn where there is room for all', () => {
    const scheduler = by('dp', cores('a', 64), cores('b', 64))
    for (const tenant of ['a', 'b'])
      for (let n = 0; n < 10; n++) scheduler.enqueue(task(`${tenant}${n}`, { ...needs(1), tenant }))
    const first = run(scheduler, 10).placed.map(([id = '']) => id[0])
    expect(first.filter((name) => name === 'a')).toHaveLength(5)
  })

  it('ends the run when its work is spent, and the next goes on', () => {
    const random = new Random('many')
    const devices = Array.from({ length: 64 }, (_, n) => cores(`d${n}`, 8 + random.below(8)))
    const scheduler = by('heuristic', ...devices)
    for (let n = 0; n < 300; n++) scheduler.enqueue(task(`t${n}`, needs(1 + random.below(3))))
    const first = run(scheduler)
    expect(first.pauseMs).toBe(0)
    const { tasksMax = 0, devicesMax = 0 } = STRATEGY.heuristic.batch ?? {}
    const passes = first.placed.length / tasksMax
    // Ten plans and more of each batch were looked at, and the last one may go beyond.
    expect(10 * passes * tasksMax * devicesMax).toBeLessThan(2 * WORK_MAX)
    settle(scheduler)
    expect(scheduler.waiting).toBe(300 - devices.reduce((sum, { placements }) => sum + placements.size, 0))
  })
})

const fleets = fc.record({
  rooms: fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }), fc.nat(2)), {
    minLength: 1,
    maxLength: 4,
  }),
  wishes: fc.array(
    fc.record({
      cpu: fc.integer({ min: 1, max: 5 }),
      memory: fc.integer({ min: 1, max: 5 }),
      zone: fc.option(fc.nat(2), { freq: 3 }),
      priority: fc.constantFrom(50, 50, 50, 60),
    }),
    { minLength: 1, maxLength: 6 },
  ),
})
type Small = typeof fleets extends fc.Arbitrary<infer T> ? T : never

function small({ rooms, wishes }: Small, strategy: StrategyName) {
  const devices = rooms.map(([cpu, memory, zone], n) =>
    device(`d${n}`, { cpu: String(cpu), memory: `${memory}Gi` }, { zone: String(zone) }),
  )
  const scheduler = by(strategy, ...devices)
  const tasks = wishes.map(({ cpu, memory, zone, priority }, n) =>
    task(`t${n}`, {
      resources: { cpu: String(cpu), memory: `${memory}Gi` },
      priority,
      ...(zone === null ? {} : { where: { zone: String(zone) } }),
    }),
  )
  for (const one of tasks) scheduler.enqueue(one)
  const { placed } = settle(scheduler)
  return { devices, tasks, placed, scheduler }
}

/** The most tasks of the list that any placement has room for. */
function mostPlaced(tasks: Small['wishes'], rooms: readonly (readonly [number, number, number])[]): number {
  const [one, ...others] = tasks
  if (one === undefined) return 0
  let most = mostPlaced(others, rooms)
  for (const [at, [cpu, memory, zone]] of rooms.entries()) {
    if (one.cpu > cpu || one.memory > memory || (one.zone !== null && one.zone !== zone)) continue
    const left = rooms.map((room, j) =>
      j === at ? ([cpu - one.cpu, memory - one.memory, zone] as const) : room,
    )
    most = Math.max(most, 1 + mostPlaced(others, left))
  }
  return most
}

describe.each(PLANNERS)('the strategy %s over small fleets', (strategy) => {
  it('exceeds no capacity, goes where tasks may go, and leaves nothing that has room', () => {
    fc.assert(
      fc.property(fleets, (one) => {
        const { devices, tasks, placed } = small(one, strategy)
        for (const { capacity, reserved } of devices) {
          for (const name in capacity) expect(reserved[name] ?? 0).toBeLessThanOrEqual(capacity[name] ?? 0)
        }
        const at = new Map(placed.map(([id, on]) => [id, on]))
        expect(at.size).toBe(placed.length)
        for (const { id, spec, demand } of tasks) {
          const may = devices.filter(({ labels }) => {
            const zone = spec?.where?.['zone']
            return zone === undefined || labels['zone'] === zone
          })
          if (at.has(id)) expect(may.map((on) => on.id)).toContain(at.get(id))
          else expect(may.filter((on) => hasRoom(on, demand?.resources ?? {}))).toEqual([])
        }
      }),
      { numRuns: 150, seed: 7 },
    )
  })

  it('does the same again from the same', () => {
    fc.assert(
      fc.property(fleets, (one) => {
        expect(small(one, strategy).placed).toEqual(small(one, strategy).placed)
      }),
      { numRuns: 30, seed: 7 },
    )
  })
})

describe('the strategy dp over small fleets', () => {
  it('places of the highest priority as many as any plan could', () => {
    fc.assert(
      fc.property(fleets, (one) => {
        const { placed } = small(one, 'dp')
        const highest = Math.max(...one.wishes.map(({ priority }) => priority))
        const first = one.wishes.filter(({ priority }) => priority === highest)
        const ids = one.wishes.flatMap(({ priority }, n) => (priority === highest ? [`t${n}`] : []))
        const count = placed.filter(([id = '']) => ids.includes(id)).length
        expect(count).toBe(mostPlaced(first, one.rooms))
      }),
      { numRuns: 150, seed: 7 },
    )
  })
})
