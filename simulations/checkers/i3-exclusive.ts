/**
 * I3: for `exclusive` tasks no two attempts run at the same moment, up to the time a KILL takes.
 *
 * Counted are processes as the executors have them, from their start to their end, also those whose agent is frozen or
 * has died. What runs on a device that sleeps stands still and does no work. Nothing is excused: whatever the broker
 * loses, a lease is a matter between a device and whoever hears it.
 */
import { attemptKey } from '../../shared/protocol/attempt.ts'
import type { Engine } from '../engine/engine.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

/** What a guard needs to see after a sleep that a lease is over, and a KILL to take effect. */
export const OVERLAP_MS_MAX = 500

/** The processes of one task, and since when more than one of them has been at work. */
interface Runs {
  readonly processes: Map<Process, string>
  sinceMs: number | undefined
  /** The attempts that were at work together. */
  who: string
}

export class ExclusiveChecker implements Checker {
  readonly name = 'I3'
  readonly #violations: Violations
  readonly #engine: Engine
  readonly #runs = new Map<string, Runs>()
  readonly #asleep = new Set<string>()

  constructor(violations: Violations, engine: Engine) {
    this.#violations = violations
    this.#engine = engine
  }

  process(node: SimNode, process: Process, running: boolean): void {
    if (process.spec.exclusive !== true) return
    const { task } = process
    const runs = this.#runs.get(task) ?? { processes: new Map(), sinceMs: undefined, who: '' }
    this.#runs.set(task, runs)
    if (running) runs.processes.set(process, node.device)
    else runs.processes.delete(process)
    this.#judge(task, runs)
    if (runs.processes.size === 0) this.#runs.delete(task)
  }

  sleep(node: SimNode, asleep: boolean): void {
    if (asleep) this.#asleep.add(node.device)
    else this.#asleep.delete(node.device)
    for (const [task, runs] of this.#runs) this.#judge(task, runs)
  }

  /** What still runs together when the run is over. */
  finish(): void {
    for (const [task, runs] of this.#runs) this.#close(task, runs)
  }

  #judge(task: string, runs: Runs): void {
    const working = [...runs.processes].filter(([, device]) => !this.#asleep.has(device))
    if (working.length > 1) {
      runs.sinceMs ??= this.#engine.nowMs
      runs.who = working.map(([{ attempt }, device]) => `${attemptKey(attempt)} on ${device}`).join(' and ')
    } else this.#close(task, runs)
  }

  #close(task: string, runs: Runs): void {
    const { sinceMs, who } = runs
    runs.sinceMs = undefined
    if (sinceMs === undefined) return
    const togetherMs = Math.round(this.#engine.nowMs - sinceMs)
    if (togetherMs <= OVERLAP_MS_MAX) return
    const expected = `one attempt at a time, or two for ${OVERLAP_MS_MAX} ms`
    this.#violations.add('I3', `task ${task}`, expected, `${who} for ${togetherMs} ms`)
  }
}
