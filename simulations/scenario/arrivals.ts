/**
 * Tasks as they arrive. Each is drawn when its moment has come, so that a run of any length holds only the tasks that
 * are under way.
 */
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { Random } from '../../shared/random/random.ts'
import type { Target } from '../engine/queue.ts'
import { arrayOf, type Behaviour, runOf } from '../node/behaviour.ts'
import type { World } from '../world.ts'
import { ms, type Scenario } from './scenario.ts'
import type { Arrival, RunTime, TaskClass } from './schema.ts'

const DEFAULT_TTL = '1m'
const RUN_TIMES_MAX = 20

/** Sets up all arrivals of a scenario in its world. */
export class Arrivals {
  /** How many tasks were handed to submitters. */
  submitted = 0
  readonly #world: World
  readonly #numbers = new Map<string, number>()

  constructor(world: World, scenario: Scenario) {
    this.#world = world
    for (const row of toldTasks(scenario)) {
      for (const [n, arrival] of row.arrive.entries()) {
        const random = world.engine.random(arrivalName(row, n))
        new Source(world, random, arrival, scenario.durationMs, () => this.#submit(row, random))
      }
    }
  }

  #submit(row: TaskClass, random: Random): void {
    const n = (this.#numbers.get(row.class) ?? 0) + 1
    this.#numbers.set(row.class, n)
    const { submitters, engine } = this.#world
    const submitter = submitters[this.submitted++ % submitters.length]
    const spec = drawSpec(row, n, random)
    submitter?.act({ atMs: engine.nowMs, do: 'submit', task: `${row.class}-${n}`, spec })
  }
}

/** The classes of tasks with what they say of how long they run: nothing, unless somebody goes by it. */
export function toldTasks({ tasks, objective }: Pick<Scenario, 'tasks' | 'objective'>): readonly TaskClass[] {
  return objective === 'makespan' ? tasks.map((row) => ({ duration: row.run.mean, ...row })) : tasks
}

/** Names an arrival's random numbers: the same tasks come in virtual time and in real time. */
export function arrivalName(row: TaskClass, n: number): string {
  return `arrive/${row.class}/${n}`
}

/** One arrival: knows when its next tasks come. */
class Source implements Target {
  readonly serial: number
  readonly #world: World
  readonly #times: Iterator<{ readonly atMs: number; readonly count: number }>
  readonly #submit: () => void

  constructor(world: World, random: Random, arrival: Arrival, durationMs: number, submit: () => void) {
    this.serial = world.engine.serial()
    this.#world = world
    this.#times = arrivalTimes(arrival, durationMs, random)[Symbol.iterator]()
    this.#submit = submit
    this.#wait()
  }

  on(_kind: number, count: unknown): void {
    for (let i = 0; i < (count as number); i++) this.#submit()
    this.#wait()
  }

  #wait(): void {
    const next = this.#times.next()
    if (next.done === true) return
    this.#world.engine.at(Math.ceil(next.value.atMs * 1000), this, 0, next.value.count)
  }
}

/** When tasks arrive, in order, and how many at once. Ends before the end of the run. */
export function* arrivalTimes(
  arrival: Arrival,
  durationMs: number,
  random: Random,
): Generator<{ readonly atMs: number; readonly count: number }> {
  const { pattern, count = 1, rate = 0 } = arrival
  const fromMs = ms(arrival.from, 0)
  const toMs = Math.min(durationMs, ms(arrival.to, pattern === 'burst' ? fromMs : durationMs))
  if (pattern === 'burst') {
    if (toMs === fromMs) yield { atMs: fromMs, count }
    else yield* scattered(fromMs, toMs, count, random)
  } else if (pattern === 'periodic' || pattern === 'steady') {
    const everyMs = pattern === 'periodic' ? ms(arrival.every, 1) : 1000 / rate
    const many = pattern === 'periodic' ? count : 1
    for (let n = 0; fromMs + n * everyMs < toMs; n++) yield { atMs: fromMs + n * everyMs, count: many }
  } else yield* poisson(arrival, fromMs, toMs, random)
}

/** So many moments at random within a time, in order: each is drawn from those that are left. */
function* scattered(
  fromMs: number,
  toMs: number,
  count: number,
  random: Random,
): Generator<{ readonly atMs: number; readonly count: number }> {
  let atMs = fromMs
  for (let left = count; left > 0; left--) {
    atMs += (toMs - atMs) * (1 - (1 - random.float()) ** (1 / left))
    yield { atMs, count: 1 }
  }
}

/** A Poisson process whose rate changes with time, by thinning one of the highest rate. */
function* poisson(
  arrival: Arrival,
  fromMs: number,
  toMs: number,
  random: Random,
): Generator<{ readonly atMs: number; readonly count: number }> {
  const { pattern, rate = 0, toRate = rate, swing = 0 } = arrival
  const periodMs = ms(arrival.period, 1)
  const highest = pattern === 'ramp' ? Math.max(rate, toRate) : rate * (1 + swing)
  if (highest <= 0) return
  const rateAt = (atMs: number): number => {
    if (pattern === 'ramp') return rate + ((toRate - rate) * (atMs - fromMs)) / (toMs - fromMs)
    if (pattern === 'season') return rate * (1 - swing * Math.cos((2 * Math.PI * (atMs - fromMs)) / periodMs))
    return rate
  }
  let atMs = fromMs
  for (;;) {
    atMs += random.exponential(1000 / highest)
    if (atMs >= toMs) return
    if (random.float() * highest < rateAt(atMs)) yield { atMs, count: 1 }
  }
}

/** What a spec runs, of the behaviour of its one command or of each element. */
export type WorkOf = (
  behaviours: readonly [Behaviour, ...Behaviour[]],
  array: boolean,
) => Pick<TaskSpec, 'run' | 'array'>

/**
 * Draws the next task of a class.
 *
 * @param n its number, from 1
 * @param workOf turns how it behaves, or how its elements do, into what its spec runs
 */
export function drawSpec(
  row: TaskClass,
  n: number,
  random: Random,
  workOf: WorkOf = (behaviours, array) => (array ? arrayOf(behaviours) : { run: runOf(behaviours[0]) }),
): TaskSpec {
  const [first, ...more] = Array.from({ length: row.array ?? 1 }, () => drawBehaviour(row, random))
  return {
    ...workOf([first as Behaviour, ...more], row.array !== undefined),
    ...(row.resources === undefined ? {} : { resources: row.resources }),
    ...(row.where === undefined ? {} : { where: row.where }),
    ...(row.priority === undefined ? {} : { priority: row.priority }),
    ...(row.after === undefined ? {} : { after: row.after.map((name) => `${name}-${n}`) }),
    ...(row.exclusive === true ? { exclusive: true } : {}),
    ...(row.duration === undefined ? {} : { duration: row.duration }),
    ...(row.timeout === undefined ? {} : { timeout: row.timeout }),
    ...(row.grace === undefined ? {} : { grace: row.grace }),
    ...(row.retries === undefined ? {} : { retries: row.retries }),
    ttl: row.ttl ?? DEFAULT_TTL,
  }
}

function drawBehaviour(row: TaskClass, random: Random): Behaviour {
  const runs = Math.max(1, Math.round(drawRunMs(row.run, random)))
  return { ms: runs, ends: random.chance(row.fails ?? 0) ? 'fails' : 'succeeds' }
}

function drawRunMs({ shape = 'fixed', mean, spread = 0.5, most }: RunTime, random: Random): number {
  const meanMs = ms(mean, 0)
  const mostMs = ms(most, RUN_TIMES_MAX * meanMs)
  switch (shape) {
    case 'fixed':
      return Math.min(meanMs, mostMs)
    case 'uniform':
      return Math.min(mostMs, random.between(Math.max(0, meanMs * (1 - spread)), meanMs * (1 + spread)))
    case 'exponential':
      return Math.min(mostMs, random.exponential(meanMs))
    case 'lognormal': {
      // Box and Muller; the median is set so that the mean comes out.
      const normal = Math.sqrt(2 * random.exponential(1)) * Math.cos(2 * Math.PI * random.float())
      return Math.min(mostMs, meanMs * Math.exp(spread * normal - spread ** 2 / 2))
    }
  }
}
