/** All tasks that the coordinator knows, and those of them that have ended, the oldest first. */
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { TaskRecord } from './task-record.ts'

/** Terminal statuses that are kept for their `ttl`; beyond it the oldest go first. */
export const FINISHED_MAX = 100_000

export class Ledger {
  readonly #tasks = new Map<string, TaskRecord>()
  /** Finished tasks in the order in which they ended. */
  readonly #finished = new Set<TaskRecord>()
  #seq = 0

  get size(): number {
    return this.#tasks.size
  }

  nextSeq(): number {
    return ++this.#seq
  }

  get(id: string): TaskRecord | undefined {
    return this.#tasks.get(id)
  }

  add(task: TaskRecord): void {
    this.#tasks.set(task.id, task)
    if (isTerminal(task.state)) this.#finished.add(task)
  }

  values(): IterableIterator<TaskRecord> {
    return this.#tasks.values()
  }

  /** A task ended. @returns the one that has to go for it, when too many are kept */
  finished(task: TaskRecord): TaskRecord | undefined {
    this.#finished.add(task)
    if (this.#finished.size <= FINISHED_MAX) return undefined
    for (const oldest of this.#finished) if (oldest.publication.inFlight === 0) return oldest
    return undefined
  }

  remove(task: TaskRecord): void {
    this.#tasks.delete(task.id)
    this.#finished.delete(task)
  }
}
