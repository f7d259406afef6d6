/**
 * The real executor, watched: what starts and ends is told, and when the agent that started it crashes it goes on,
 * as it does when the process of a real agent is killed.
 */
import { ExecExecutor } from '../../agent/shell/exec.ts'
import type { Executor } from '../../agent/shell/executor.ts'
import type { ShellLimits } from '../../agent/shell/limits.ts'
import type { Emit } from '../../agent/shell/link.ts'
import type { Log } from '../../agent/shell/log.ts'
import { accumulate, emptyVector, type Resources } from '../../shared/model/resources.ts'
import { demandOf } from '../../shared/model/task.ts'
import type { AgentInput, JournalEntry, Now } from '../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'

export interface ExecutorWatch {
  process(cpuMilli: number, running: boolean): void
  /** Of an attempt whose agent has learned of its end. */
  finished(attempt: string, succeeded: boolean): void
  /** From the order to run until the process was there, in milliseconds. */
  started(tookMs: number): void
}

export interface WatchedContext {
  readonly agent: { readonly mesh: string; readonly device: string; readonly data: string }
  readonly emit: Emit
  readonly log: Log
  readonly limits: ShellLimits
}

export class WatchedExecutor implements Executor {
  readonly #exec: ExecExecutor
  readonly #emit: Emit
  readonly #watch: ExecutorWatch
  readonly #runs = new Map<string, { readonly resources: Resources; readonly sinceMs: number }>()
  /** What all that runs asked for, in thousandths. */
  readonly placed = emptyVector()
  #orphaned = false

  constructor(context: WatchedContext, watch: ExecutorWatch) {
    this.#emit = context.emit
    this.#watch = watch
    this.#exec = new ExecExecutor({ ...context, emit: (input) => this.#on(input) })
  }

  /** How many of its processes run. */
  get running(): number {
    return this.#runs.size
  }

  run(...order: Parameters<Executor['run']>): void {
    const [attempt, , spec] = order
    const { resources } = demandOf(spec)
    this.#runs.set(attemptKey(attempt), { resources, sinceMs: performance.now() })
    accumulate(this.placed, resources, 1)
    this.#watch.process(resources['cpu'] ?? 0, true)
    this.#exec.run(...order)
  }

  extend(from: Now): void {
    this.#exec.extend(from)
  }

  kill(attempt: Attempt, graceMs: number): void {
    this.#exec.kill(attempt, graceMs)
  }

  reap(entries: readonly JournalEntry[]): void {
    this.#exec.reap(entries)
  }

  /** From now on nobody hears of what it runs, and closing does not end it. */
  orphan(): void {
    this.#orphaned = true
  }

  async close(): Promise<void> {
    if (!this.#orphaned) await this.#exec.close()
  }

  /** Ends what runs, also what a crash has left behind. */
  end(): Promise<void> {
    return this.#exec.close()
  }

  #on(input: AgentInput): void {
    if (input.in === 'started') {
      const run = this.#runs.get(attemptKey(input.attempt))
      if (run !== undefined) this.#watch.started(performance.now() - run.sinceMs)
    } else if (input.in === 'ended') {
      const key = attemptKey(input.attempt)
      const run = this.#runs.get(key)
      if (run !== undefined) {
        this.#runs.delete(key)
        accumulate(this.placed, run.resources, -1)
        this.#watch.process(run.resources['cpu'] ?? 0, false)
      }
      if (!this.#orphaned) this.#watch.finished(key, input.end.outcome === 'succeeded')
    }
    if (!this.#orphaned) this.#emit(input)
  }
}
