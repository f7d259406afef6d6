/** All executors of a device as one: each attempt goes to that of its kind. */
import type { JournalEntry, Now } from '../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { type ExecutorName, executorOf } from '../../shared/protocol/schemas/index.ts'
import type { Executor } from './executor.ts'
import { failed } from './failed.ts'
import type { Emit } from './link.ts'

export type ExecutorsByName = ReadonlyMap<ExecutorName, Executor>

export class Executors implements Executor {
  readonly #emit: Emit
  readonly #byName: ExecutorsByName
  /** Which executor has an attempt, until it has ended. */
  readonly #having = new Map<string, Executor>()

  /** @param make makes the executors; what they emit passes through here */
  constructor(emit: Emit, make: (emit: Emit) => ExecutorsByName) {
    this.#emit = emit
    this.#byName = make((input) => {
      if (input.in === 'ended') this.#having.delete(attemptKey(input.attempt))
      emit(input)
    })
  }

  run(...order: Parameters<Executor['run']>): void {
    const [attempt, , spec] = order
    const name = executorOf(spec.run)
    const executor = this.#byName.get(name)
    if (executor === undefined) {
      const end = failed('E_EXECUTOR', `the device has no executor "${name}"`)
      this.#emit({ in: 'ended', attempt, end })
      return
    }
    this.#having.set(attemptKey(attempt), executor)
    executor.run(...order)
  }

  extend(from: Now): void {
    for (const executor of this.#byName.values()) executor.extend(from)
  }

  kill(attempt: Attempt, graceMs: number): void {
    const executor = this.#having.get(attemptKey(attempt))
    if (executor !== undefined) executor.kill(attempt, graceMs)
    else this.#emit({ in: 'ended', attempt, end: failed('E_INTERRUPTED', 'the attempt was not running') })
  }

  reap(entries: readonly JournalEntry[]): void {
    for (const executor of this.#byName.values()) executor.reap(entries)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#byName.values()].map((executor) => executor.close()))
  }
}
