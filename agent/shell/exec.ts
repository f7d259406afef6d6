/** The executor `exec`: a program with its arguments, without a shell, as a process group of its own. */
import type { JournalEntry, Lease, Now } from '../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { ChildRun, failed, type RunContext } from './child-run.ts'
import type { Executor } from './executor.ts'
import { Guard } from './guard.ts'
import { reapLeftovers } from './reap.ts'

export class ExecExecutor implements Executor {
  readonly #context: RunContext
  readonly #runs = new Map<string, ChildRun>()
  readonly #guard: Guard

  constructor(context: RunContext) {
    this.#context = context
    this.#guard = new Guard(context.agent.data, context.log)
  }

  /** The process that ends exclusive work when the agent cannot; there is one once there was such work. */
  get guardPid(): number | undefined {
    return this.#guard.pid
  }

  run(attempt: Attempt, task: string, spec: TaskSpec, lease?: Lease): void {
    const key = attemptKey(attempt)
    const { childrenMax } = this.#context.limits
    const refusal = this.#runs.has(key)
      ? `attempt ${key} runs already`
      : this.#runs.size >= childrenMax && `${this.#runs.size} commands run, childrenMax is ${childrenMax}`
    if (refusal !== false) {
      this.#context.emit({ in: 'ended', attempt, end: failed('E_START', refusal) })
      return
    }
    // It counts as running until its files are removed too, so a late `kill` of it is answered only once.
    const guarded = lease === undefined ? undefined : { guard: this.#guard, lease }
    const run = new ChildRun(attempt, task, spec, this.#context, guarded)
    this.#runs.set(key, run)
    void run.done.then(() => this.#runs.delete(key))
  }

  extend(from: Now): void {
    this.#guard.extend(from)
  }

  kill(attempt: Attempt, graceMs: number): void {
    const run = this.#runs.get(attemptKey(attempt))
    if (run !== undefined) run.kill(graceMs)
    else
      this.#context.emit({
        in: 'ended',
        attempt,
        end: failed('E_INTERRUPTED', 'the attempt was not running'),
      })
  }

  reap(entries: readonly JournalEntry[]): void {
    const pids = entries.map(({ pid }) => pid).filter((pid) => pid !== undefined)
    reapLeftovers(this.#context.agent.data, pids, this.#context.log)
  }

  async close(): Promise<void> {
    const runs = [...this.#runs.values()]
    for (const run of runs) run.kill(0)
    await Promise.all(runs.map(({ done }) => done))
    this.#guard.close()
  }
}
