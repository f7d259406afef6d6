/** From what a scenario says of faults to a plan: each single fault with its moment, length and targets. */
import { Random } from '../../shared/random/random.ts'
import type { Fault, FaultKind } from '../faults/plan.ts'
import type { Outage } from './outages.ts'
import { DEFAULTS, ms, namesOf, type Scenario } from './scenario.ts'
import type { FaultRow, Targets } from './schema.ts'

export const FAULTS_MAX = 200_000
/** A random length is at most so many times its mean. */
const LENGTH_TIMES_MAX = 10
const HOUR_MS = 3_600_000

type Draft = Omit<Fault, 'id'>

/** Draws the plan of a scenario, ordered by time. */
export function faultPlan(scenario: Scenario, seed: string): Fault[] {
  const drafts: Draft[] = []
  for (const [n, row] of scenario.faults.entries()) {
    for (const draft of faultsOf(row, scenario, new Random(`${seed}/faults/${n}`))) {
      if (drafts.length >= FAULTS_MAX) throw new RangeError(`the scenario has more than ${FAULTS_MAX} faults`)
      drafts.push(draft)
    }
  }
  return drafts.sort((a, b) => a.atMs - b.atMs).map((draft, id) => ({ id, ...draft }))
}

function* faultsOf(row: FaultRow, scenario: Scenario, random: Random): Generator<Draft> {
  const durationMs = ms(row.duration, DEFAULTS.faultDurationMs)
  const fault = (atMs: number, lengthMs: number, targets: readonly string[]): Draft => ({
    kind: kindOf(row),
    atMs: Math.round(atMs),
    durationMs: Math.round(lengthMs),
    targets,
    size: row.size ?? random.float(),
    ...(row.upon === undefined ? {} : { upon: row.upon }),
  })
  const drawLength = (): number => Math.min(random.exponential(durationMs), LENGTH_TIMES_MAX * durationMs)
  const fromMs = ms(row.from, 0)
  const toMs = Math.min(scenario.durationMs, ms(row.to, scenario.durationMs))
  const picker = new Picker(row, scenario, random)
  if (row.trace !== undefined) {
    yield* replay(row, scenario, picker.pool, fault)
  } else if (row.probability !== undefined) {
    for (const device of picker.pool) {
      if (random.chance(row.probability)) yield fault(random.between(fromMs, toMs), drawLength(), [device])
    }
  } else {
    for (const atMs of momentsOf(row, fromMs, toMs, random)) {
      const targets = picker.next()
      if (picker.pool.length === 0 && picker.wanted) continue
      yield fault(atMs, row.rate === undefined ? durationMs : drawLength(), targets)
    }
  }
}

function kindOf({ kind, targets }: FaultRow): FaultKind {
  return targets === 'coordinator' ? (`${kind}-holder` as FaultKind) : kind
}

function* momentsOf(row: FaultRow, fromMs: number, toMs: number, random: Random): Generator<number> {
  if (row.at !== undefined) yield ms(row.at, 0)
  else if (row.every !== undefined) {
    const everyMs = ms(row.every, 1)
    for (let atMs = row.from === undefined ? everyMs : fromMs; atMs < toMs; atMs += everyMs) yield atMs
  } else {
    const meanMs = HOUR_MS / (row.rate ?? 1)
    for (let atMs = fromMs + random.exponential(meanMs); atMs < toMs; atMs += random.exponential(meanMs)) {
      yield atMs
    }
  }
}

/** Chooses whom a row strikes, each time anew. */
class Picker {
  readonly pool: readonly string[]
  /** Whether the kind strikes chosen devices at all. */
  readonly wanted: boolean
  readonly #targets: Targets
  readonly #random: Random
  #next = 0

  constructor({ kind, targets = {} }: FaultRow, scenario: Scenario, random: Random) {
    this.wanted = targets !== 'coordinator' && !kind.startsWith('broker-') && !kind.endsWith('-holder')
    this.#targets = targets === 'coordinator' ? {} : targets
    this.pool = this.wanted ? poolOf(this.#targets, scenario) : []
    this.#random = random
  }

  next(): string[] {
    const { fraction, count, devices, pick } = this.#targets
    const { pool } = this
    const all = devices !== undefined && count === undefined && fraction === undefined
    const many = all ? pool.length : fraction === undefined ? (count ?? 1) : Math.ceil(fraction * pool.length)
    const size = Math.min(many, pool.length)
    if (pick !== 'rolling') return this.#random.shuffle([...pool]).slice(0, size)
    const first = this.#next
    this.#next += size
    return Array.from({ length: size }, (_, n) => pool[(first + n) % pool.length] as string)
  }
}

/** The devices that a row may strike. Those that an override took away are left out. */
export function poolOf(targets: Targets, { fleet }: Pick<Scenario, 'fleet'>): string[] {
  const { class: name, devices } = targets
  const known = fleet.filter((row) => name === undefined || row.class === name).flatMap(namesOf)
  if (devices === undefined) return known
  const exist = new Set(known)
  return devices.filter((device) => exist.has(device))
}

/** Each machine of the file stands for one device, in the order of their names, while there are devices. */
function* replay(
  row: FaultRow,
  scenario: Scenario,
  pool: readonly string[],
  fault: (atMs: number, lengthMs: number, targets: readonly string[]) => Draft,
): Generator<Draft> {
  const outages = scenario.outages.get(row.trace as string)
  if (outages === undefined) throw new RangeError(`the outages of ${row.trace} were not read`)
  const minuteMs = ms(row.minute, 60_000)
  const fromMs = ms(row.from, 0)
  const toMs = Math.min(scenario.durationMs, ms(row.to, scenario.durationMs))
  const startMinute = row.startMinute ?? outages[0]?.startMin ?? 0
  const device = new Map(nodesOf(outages).map((node, n) => [node, pool[n]]))
  for (const { node, startMin, endMin } of outages) {
    const target = device.get(node)
    const startMs = Math.max(fromMs, fromMs + (startMin - startMinute) * minuteMs)
    const endMs = fromMs + (endMin - startMinute) * minuteMs
    if (target === undefined || endMs <= startMs || startMs >= toMs) continue
    yield fault(startMs, endMs - startMs, [target])
  }
}

function nodesOf(outages: readonly Outage[]): string[] {
  const order = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : 1)
  return [...new Set(outages.map(({ node }) => node))].sort(order)
}
