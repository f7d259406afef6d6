/** The executor `exec`: a program with its arguments, without a shell, as a process group of its own. */
import type { Given, JournalEntry, Now } from '../../shared/ports.ts'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { ChildRun, type RunContext } from './child-run.ts'
import type { Executor } from './executor.ts'
import { Guard } from './guard.ts'
import type { Limiter } from './limiter/limiter.ts'
import { reapLeftovers } from './reap.ts'
import { RunTable } from './run-table.ts'

export class ExecExecutor implements Executor {
  readonly #context: RunContext
  readonly #runs: RunTable<ChildRun>
  readonly #guard: Guard
  readonly #limiter: Limiter | undefined

  /**
   * @param limiter what holds commands to what their tasks state; default: nothing
   * @param guard who ends exclusive work when the agent cannot
   */
  constructor(
    context: RunContext,
    limiter?: Limiter,
    guard: Guard = new Guard(context.agent.data, context.log),
  ) {
    this.#context = context
    this.#limiter = limiter
    this.#runs = new RunTable(context.emit, context.limits)
    this.#guard = guard
  }

  /** The process that ends exclusive work when the agent cannot; there is one once there was such work. */
  get guardPid(): number | undefined {
    return this.#guard.pid
  }

  run(attempt: Attempt, task: string, spec: TaskSpec, given: Given = {}): void {
    const { lease } = given
    const guarded = lease === undefined ? undefined : { guard: this.#guard, lease }
    const bounds = { guarded, limiter: this.#limiter }
    this.#runs.start(attempt, () => new ChildRun(attempt, task, spec, this.#context, bounds, given))
  }

  extend(from: Now): void {
    this.#guard.extend(from)
  }

  kill(attempt: Attempt, graceMs: number): void {
    this.#runs.kill(attempt, graceMs)
  }

  reap(entries: readonly JournalEntry[]): void {
    const pids = entries.map(({ pid }) => pid).filter((pid) => pid !== undefined)
    reapLeftovers(this.#context.agent.data, pids, this.#context.log)
  }

  async close(): Promise<void> {
    await this.#runs.close()
    this.#guard.close()
  }
}
