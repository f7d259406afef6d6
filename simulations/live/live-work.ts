/** The tasks and the operator of a scenario in real time: the same as in virtual time for the same seed. */
import type { Desired } from '../../shared/protocol/schemas/index.ts'
import type { Topics } from '../../shared/protocol/topics.ts'
import { Random } from '../../shared/random/random.ts'
import type { Behaviour } from '../node/behaviour.ts'
import { arrivalName, arrivalTimes, drawSpec, toldTasks, type WorkOf } from '../scenario/arrivals.ts'
import { ordersOf } from '../scenario/operator.ts'
import { ms, type Scenario } from '../scenario/scenario.ts'
import type { Operation, TaskClass } from '../scenario/schema.ts'
import type { LiveSubmitter } from './live-submitter.ts'
import type { Timetable } from './timetable.ts'

export interface WorkContext {
  readonly topics: Topics
  readonly timetable: Timetable
  readonly submitters: readonly LiveSubmitter[]
  /** A submitter has the receipt of a task. */
  readonly receipt: (task: string) => void
}

/** Submits tasks when their moments come. */
export class LiveWork {
  submitted = 0
  readonly #context: WorkContext
  readonly #numbers = new Map<string, number>()
  readonly #desired = new Map<string, Operation['do']>()

  constructor(scenario: Scenario, seed: string, context: WorkContext) {
    this.#context = context
    const random = new Random(seed)
    for (const row of toldTasks(scenario)) {
      for (const [n, arrival] of row.arrive.entries()) {
        const own = random.fork(arrivalName(row, n))
        const times = arrivalTimes(arrival, scenario.durationMs, own)[Symbol.iterator]()
        this.#wait(times, () => this.#submit(row, own))
      }
    }
    for (const { row, devices } of ordersOf(scenario, seed)) {
      const ask = (wish: Operation['do'] | undefined) => () => {
        for (const device of devices) this.#desire(device, wish)
      }
      context.timetable.at(ms(row.at, 0), ask(row.do))
      if (row.duration !== undefined) {
        context.timetable.at(ms(row.at, 0) + ms(row.duration, 0), ask(undefined))
      }
    }
  }

  /** Takes back whatever the operator has asked for. */
  release(): void {
    for (const device of [...this.#desired.keys()]) this.#desire(device, undefined)
  }

  #wait(times: Iterator<{ readonly atMs: number; readonly count: number }>, submit: () => void): void {
    const next = times.next()
    if (next.done === true) return
    this.#context.timetable.at(next.value.atMs, () => {
      for (let i = 0; i < next.value.count; i++) submit()
      this.#wait(times, submit)
    })
  }

  #submit(row: TaskClass, random: Random): void {
    const n = (this.#numbers.get(row.class) ?? 0) + 1
    this.#numbers.set(row.class, n)
    const task = `${row.class}-${n}`
    const spec = drawSpec(row, n, random, workOf)
    const { submitters, topics, receipt } = this.#context
    const submitter = submitters[this.submitted++ % submitters.length]
    submitter?.publish(topics.of('spec', task), spec, () => receipt(task))
  }

  #desire(device: string, wish: Operation['do'] | undefined): void {
    if (this.#desired.get(device) === wish) return
    if (wish === undefined) this.#desired.delete(device)
    else this.#desired.set(device, wish)
    const desired: Desired = wish === undefined ? {} : { [wish]: true }
    const { submitters, topics } = this.#context
    submitters[0]?.publish(topics.of('desired', device), desired)
  }
}

/** Elements read how they behave: seconds, negative ones to fail. */
const ELEMENT = 'read -r s; sleep "$(echo "$s" | tr -d -)"; case $s in -*) exit 1; esac'

/** Real commands that run so long and end so. */
const workOf: WorkOf = (behaviours, array) => {
  if (array) return { run: { exec: ['sh', '-c', ELEMENT] }, array: behaviours.map(signedSeconds) }
  const [{ ms: runMs, ends }] = behaviours
  const seconds = (runMs / 1000).toFixed(3)
  return {
    run: { exec: ends === 'fails' ? ['sh', '-c', 'sleep "$0"; exit 1', seconds] : ['sleep', seconds] },
  }
}

const signedSeconds = ({ ms: runMs, ends }: Behaviour): number => (ends === 'fails' ? -runMs : runMs) / 1000
