/**
 * What every strategy holds to, for every objective, held against a search that knows only the words of a spec and looks
 * at every device: nothing goes where it may not, nothing waits that some device could take, nothing goes before what has
 * a higher priority and could be placed, and what is said of a wait is true.
 */
import { describe, expect, it } from 'vitest'

import {
  accumulate,
  emptyVector,
  fits,
  parseResources,
  type Resources,
} from '../../../shared/model/resources.ts'
import { UNBOUND } from '../../../shared/model/tenants.ts'
import { OBJECTIVES, type TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord, Placement } from '../device-record.ts'
import { kinOf } from '../kinship.ts'
import type { TaskRecord } from '../task-record.ts'
import { needsOf } from './needs.ts'
import { comesFirst } from './queue.ts'
import { Scheduler } from './scheduler.ts'
import { STRATEGY, towards } from './strategies.ts'
import { device, NOW, task } from './testing/fleet.ts'

const QUOTA = parseResources({ cpu: '2' })
const GROUPS = ['g', 'h']
/** Runs until there is nothing left to decide: some wait for others to plan them with. */
const RUNS_MAX = 100

interface Standing {
  readonly task: TaskRecord
  readonly on: DeviceRecord
  readonly placement: Placement
}

/** A few devices and what stands on them, with a scheduler that is told of every change. */
class Yard {
  readonly random: Random
  readonly scheduler = new Scheduler(undefined, undefined, 0)
  readonly devices: DeviceRecord[]
  readonly waiting = new Set<TaskRecord>()
  standing: Standing[] = []
  /** Every decision, in order. */
  readonly told: string[] = []
  now = NOW
  readonly #batch: boolean
  #last = ''
  #seq = 0

  constructor(seed: string, strategy: keyof typeof STRATEGY, objective: (typeof OBJECTIVES)[number]) {
    this.random = new Random(seed)
    this.#batch = STRATEGY[strategy].batch !== undefined
    Object.assign(this.scheduler.defaults, { strategy: STRATEGY[strategy], objective })
    this.scheduler.tenants.configure(new Map([['bound', { ...UNBOUND, quota: QUOTA }]]))
    this.devices = Array.from({ length: 1 + this.random.below(7) }, (_, n) => {
      const one = device(`d${n}`, this.#capacity(), this.#labels())
      if (this.random.chance(0.3))
        one.update({ ...one.state, executors: ['exec', 'function'], functions: ['f'] })
      one.kinship = this.scheduler.kinship
      this.scheduler.deviceChanged(one)
      return one
    })
  }

  #capacity(): Record<string, string> {
    const { random } = this
    return {
      cpu: `${500 * (1 + random.below(8))}m`,
      memory: `${256 * (1 + random.below(8))}Mi`,
      ...(random.chance(0.2) ? { gpu: '1' } : {}),
    }
  }

  #labels(): Record<string, string> {
    const { random } = this
    return {
      ...(random.chance(0.8) ? { zone: `z${random.below(3)}` } : {}),
      ...(random.chance(0.5) ? { cores: `${1 << random.below(4)}` } : {}),
    }
  }

  /** Many of one kind, of any priority: several of them go at once. */
  comeAlike(): void {
    const { random } = this
    const cpu = `${250 * (1 + random.below(2))}m`
    for (let n = random.below(24); n >= 0; n--)
      this.#come({ resources: { cpu, memory: '64Mi' }, priority: 10 * random.below(10) })
  }

  #come(spec: Partial<TaskSpec>): void {
    const one = task(`t${++this.#seq}`, spec)
    this.waiting.add(one)
    this.scheduler.enqueue(one)
  }

  come(): void {
    const { random } = this
    const relations = () => {
      const by = random.pick([undefined, 'zone', 'device'])
      return [{ group: random.pick(GROUPS), ...(by === undefined ? {} : { by }) }]
    }
    const where = random.pick([
      undefined,
      undefined,
      { zone: 'z0' },
      { zone: ['z1', 'z2'] },
      { cores: '>= 4' },
    ])
    const group = random.chance(0.3) ? random.pick(GROUPS) : undefined
    this.#come({
      ...(random.chance(0.1) ? { run: { function: random.pick(['f', 'none']) } } : {}),
      resources: {
        cpu: `${250 * (1 + random.below(5))}m`,
        memory: `${128 * (1 + random.below(4))}Mi`,
        ...(random.chance(0.1) ? { gpu: '1' } : {}),
      },
      ...(where === undefined ? {} : { where }),
      ...(group === undefined ? {} : { group }),
      ...(group !== undefined && random.chance(0.3) ? { spread: 'zone' } : {}),
      ...(random.chance(0.1) ? { near: relations() } : {}),
      ...(random.chance(0.1) ? { apart: relations() } : {}),
      ...(random.chance(0.2) ? { prefer: [{ where: { zone: 'z1' }, weight: 1 + random.below(9) }] } : {}),
      ...(random.chance(0.3) ? { priority: 10 * random.below(10) } : {}),
      ...(random.chance(0.2) ? { deadline: `2030-01-0${1 + random.below(3)}T00:00:00Z` } : {}),
      ...(random.chance(0.2) ? { tenant: 'bound' } : {}),
      ...(random.chance(0.2) ? { duration: '5s' } : {}),
    })
  }

  /** Something ends, or a device closes, opens, or is another than before. */
  befall(): void {
    const { random } = this
    const ended = this.standing.filter(() => random.chance(0.3))
    this.standing = this.standing.filter((one) => !ended.includes(one))
    for (const { on, placement } of ended) on.remove(placement)
    for (const { on } of ended) this.scheduler.deviceFreed(on)
    const one = random.pick(this.devices)
    const what = random.below(3)
    if (what === 0) one.desired = { cordon: true }
    else if (what === 1) {
      one.desired = {}
      this.scheduler.deviceFreed(one)
    } else if (one.update({ ...one.state, labels: this.#labels() })) this.scheduler.deviceChanged(one)
  }

  run(): void {
    this.#last = ''
    for (let runs = 0, inMs: number | undefined = 0; inMs !== undefined; runs++) {
      expect(runs).toBeLessThan(RUNS_MAX)
      this.now = { monoMs: this.now.monoMs + inMs, wallMs: this.now.wallMs + inMs }
      inMs = this.scheduler.run(
        this.now,
        1_000,
        ({ task: placed, device: on }) => this.#placed(placed, on),
        () => undefined,
      )
    }
    for (const one of this.waiting) expect([one.id, this.takers(one)]).toEqual([one.id, []])
    for (const { tasks, explanation } of this.scheduler.blocked(this.now)) {
      for (const one of tasks) this.#explained(one, explanation)
    }
  }

  #placed(placed: TaskRecord, on: DeviceRecord): void {
    expect(this.takers(placed)).toContain(on.id)
    this.waiting.delete(placed)
    const kind = `${JSON.stringify(needsOf(placed))} to ${on.id}`
    for (const other of this.waiting) {
      const ofOne = tenantOf(other) === tenantOf(placed)
      const higher = priorityOf(other) > priorityOf(placed) || (ofOne && isDueBefore(other, placed))
      // Of one kind some may go at once, before what is of another kind and as urgent. A plan of a batch leaves out what makes
      // room for most, of what is as urgent.
      const before =
        kind !== this.#last && ofOne && !this.#batch && comesFirst(inQueue(other), inQueue(placed))
      if (higher || before)
        expect([placed.id, other.id, this.takers(other)]).toEqual([placed.id, other.id, []])
    }
    this.#last = kind
    this.told.push(`${placed.id} to ${on.id}`)
    const { resources = {}, tenant = '', durationMs = 0 } = placed.demand ?? {}
    const placement: Placement = {
      ...{
        key: `${this.told.length}`,
        attempt: { term: 1, agent: 'a', n: this.told.length },
        task: placed.id,
      },
      ...{ resources, kin: kinOf(placed.spec), account: this.scheduler.tenants.account(tenant) },
      ...{ seq: 1, phase: 'held', endsMs: this.now.monoMs + durationMs },
    }
    on.add(placement)
    this.standing.push({ task: placed, on, placement })
    for (const one of this.devices) expect(fits(this.#used(one), one.capacity)).toBe(true)
  }

  #used(on: DeviceRecord): Resources {
    return sum(this.standing.filter((one) => one.on === on))
  }

  /** Devices that could take the task now. */
  takers(one: TaskRecord): string[] {
    const theirs = this.standing.filter((other) => tenantOf(other.task) === 'bound')
    const total = emptyVector()
    accumulate(total, sum(theirs), 1)
    accumulate(total, resourcesOf(one), 1)
    if (tenantOf(one) === 'bound' && !fits(total, { ...total, ...QUOTA })) return []
    return this.devices.filter((on) => this.against(one, on) === undefined).map(({ id }) => id)
  }

  /** What kind of reason there is against the device, in the order in which they are told. */
  against(one: TaskRecord, on: DeviceRecord, empty = false): string | undefined {
    const spec = one.spec as TaskSpec
    if (!empty && on.desired.cordon === true) return 'are cordoned'
    if (lacks(spec, on)) return 'lack'
    if (!empty && this.#misplaced(spec, on)) return 'relations'
    const need = resourcesOf(one)
    if (!fits(need, on.capacity)) return 'are too small'
    const whole = emptyVector()
    accumulate(whole, this.#used(on), 1)
    accumulate(whole, need, 1)
    return empty || fits(whole, on.capacity) ? undefined : 'have too little left'
  }

  /** Whether other tasks stand against it, as near and apart are written. */
  #misplaced({ group, near = [], apart = [] }: TaskSpec, on: DeviceRecord): boolean {
    const of = (name: string) => this.standing.filter(({ task: other }) => other.spec?.group === name)
    const there = (other: Standing, by = 'device') =>
      on.labels[by] !== undefined && other.on.labels[by] === on.labels[by]
    const unmet = near.some(
      ({ group: to, by }) =>
        !of(to).some((other) => there(other, by)) && !(to === group && of(to).length === 0),
    )
    const beside = apart.some(({ group: from, by }) => of(from).some((other) => there(other, by)))
    const keptAway = this.standing.some((other) =>
      other.task.spec?.apart?.some((its) => its.group === group && there(other, its.by)),
    )
    return unmet || beside || keptAway
  }

  #explained(
    one: TaskRecord,
    {
      text,
      reasons,
      impossible = false,
    }: { text: string; reasons: Record<string, number>; impossible?: boolean },
  ): void {
    if (Object.keys(reasons).length === 0) return expect(text).toContain('quota of')
    expect(impossible).toBe(this.devices.every((on) => this.against(one, on, true) !== undefined))
    const expected: Record<string, number> = {}
    for (const on of this.devices) {
      const reason = this.against(one, on, impossible) ?? 'nothing'
      expected[reason] = (expected[reason] ?? 0) + 1
    }
    const counted: Record<string, number> = {}
    for (const [reason, count] of Object.entries(reasons)) {
      const kind = /^lack /.test(reason)
        ? 'lack'
        : /^have (nothing of|something)/.test(reason)
          ? 'relations'
          : reason
      counted[kind] = (counted[kind] ?? 0) + count
    }
    expect([one.id, text, counted]).toEqual([one.id, text, expected])
  }
}

const priorityOf = (one: TaskRecord): number => one.demand?.priority ?? 0
const dueMs = (one: TaskRecord): number => one.demand?.deadlineMs ?? Number.POSITIVE_INFINITY
const inQueue = (one: TaskRecord) => ({ priority: priorityOf(one), dueMs: dueMs(one), rank: 0, seq: one.seq })
const isDueBefore = (a: TaskRecord, b: TaskRecord): boolean =>
  priorityOf(a) === priorityOf(b) && dueMs(a) < dueMs(b)
const tenantOf = (one: TaskRecord): string => one.demand?.tenant ?? ''
const resourcesOf = (one: TaskRecord): Resources => one.demand?.resources ?? {}

function sum(standing: readonly Standing[]): Resources {
  const whole = emptyVector()
  for (const { task: one } of standing) accumulate(whole, resourcesOf(one), 1)
  return whole
}

/** Whether the device lacks an executor, a function or a label, also one to be near something by. */
function lacks({ run, where = {}, near = [] }: TaskSpec, { state, labels }: DeviceRecord): boolean {
  const works =
    'function' in run
      ? state.executors.includes('function') && state.functions?.includes(run.function) === true
      : state.executors.includes('exec')
  const labelled = Object.entries(where).every(([label, wanted]) => {
    const has = labels[label]
    if (Array.isArray(wanted)) return has !== undefined && wanted.includes(has)
    return wanted === '>= 4' ? Number(has ?? 0) >= 4 : has === wanted
  })
  return !works || !labelled || near.some(({ by = 'device' }) => labels[by] === undefined)
}

/** Every strategy with every objective that it heeds. */
const KINDS = (Object.keys(STRATEGY) as (keyof typeof STRATEGY)[]).flatMap((strategy) => {
  const first = new Map(
    [...OBJECTIVES].reverse().map((objective) => [towards(STRATEGY[strategy], objective), objective]),
  )
  return [...first.values()].map((objective) => [strategy, objective] as const)
})

describe.each(KINDS)('by %s for %s', (strategy, objective) => {
  const play = (round: number): Yard => {
    const yard = new Yard(`${strategy} ${objective} ${round}`, strategy, objective)
    for (let step = 0; step < 10; step++) {
      for (let n = yard.random.below(8); n >= 0; n--) yard.come()
      if (yard.random.chance(0.3)) yard.comeAlike()
      yard.run()
      yard.befall()
      yard.run()
    }
    return yard
  }

  it('all goes where it may, in order, nothing waits that has room, and waits are explained truly', () => {
    let decisions = 0
    for (let round = 0; round < 5; round++) decisions += play(round).told.length
    expect(decisions).toBeGreaterThan(100)
  })

  it('the same comes of the same', () => {
    expect(play(1).told).toEqual(play(1).told)
  })
})
