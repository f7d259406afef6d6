/** The attempts that one executor runs: each at most once, bounded in number, found again when they must end. */
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { failed } from './failed.ts'
import type { ShellLimits } from './limits.ts'
import type { Emit } from './link.ts'

/** One attempt at work. */
export interface Run {
  /** Asks it to end now; what has not after the grace is ended by force. Asked again, the earlier end holds. */
  kill(graceMs: number): void
  /** Resolves after `ended` was emitted and all that the attempt used is gone. */
  readonly done: Promise<void>
}

export class RunTable<R extends Run> {
  readonly #emit: Emit
  readonly #limits: Pick<ShellLimits, 'childrenMax'>
  readonly #runs = new Map<string, R>()

  constructor(emit: Emit, limits: Pick<ShellLimits, 'childrenMax'>) {
    this.#emit = emit
    this.#limits = limits
  }

  values(): IterableIterator<R> {
    return this.#runs.values()
  }

  /** Begins an attempt, or ends it as refused. */
  start(attempt: Attempt, begin: () => R): void {
    const key = attemptKey(attempt)
    const { childrenMax } = this.#limits
    const refusal = this.#runs.has(key)
      ? `attempt ${key} runs already`
      : this.#runs.size >= childrenMax && `${this.#runs.size} attempts run, childrenMax is ${childrenMax}`
    if (refusal !== false) {
      this.#emit({ in: 'ended', attempt, end: failed('E_START', refusal) })
      return
    }
    // It counts as running until its files are removed too, so a late `kill` of it is answered only once.
    const run = begin()
    this.#runs.set(key, run)
    void run.done.then(() => this.#runs.delete(key))
  }

  /** Ends an attempt; `ended` follows, of one that does not run too. */
  kill(attempt: Attempt, graceMs: number): void {
    const run = this.#runs.get(attemptKey(attempt))
    if (run !== undefined) run.kill(graceMs)
    else this.#emit({ in: 'ended', attempt, end: failed('E_INTERRUPTED', 'the attempt was not running') })
  }

  /** Ends all by force; resolves when they are gone. */
  async close(): Promise<void> {
    const runs = [...this.#runs.values()]
    for (const run of runs) run.kill(0)
    await Promise.all(runs.map(({ done }) => done))
  }
}
