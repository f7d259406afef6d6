/** All tasks that the coordinator knows, and those of them that have ended, the oldest first. */
import { parseWork } from '../../shared/protocol/ids.ts'
import type { TaskRecord } from './task-record.ts'

/**
 * Ended tasks whose status is kept for its `ttl`, and the bytes of their output; beyond either the oldest go
 * first. The broker keeps these statuses too, and must never be so full that none can be written.
 */
export const FINISHED_MAX = 50_000
export const FINISHED_BYTES_MAX = 64 * 1024 * 1024
/** What a status takes besides the output in it. */
const STATUS_BYTES = 1_024

export interface LedgerLimits {
  readonly finishedMax: number
  readonly finishedBytesMax: number
}

const DEFAULT_LIMITS: LedgerLimits = { finishedMax: FINISHED_MAX, finishedBytesMax: FINISHED_BYTES_MAX }

export class Ledger {
  readonly #limits: LedgerLimits
  readonly #tasks = new Map<string, TaskRecord>()
  /** Ended tasks that the broker knows to have ended, and the bytes of each, in the order in which they did. */
  readonly #finished = new Map<TaskRecord, number>()
  #finishedBytes = 0
  #seq = 0

  constructor(limits: LedgerLimits = DEFAULT_LIMITS) {
    this.#limits = limits
  }

  get size(): number {
    return this.#tasks.size
  }

  nextSeq(): number {
    return ++this.#seq
  }

  get(id: string): TaskRecord | undefined {
    return this.#tasks.get(id)
  }

  /** What a device means by a name: a task, or an element of an array. */
  find(name: string): TaskRecord | undefined {
    const { task: id, element } = parseWork(name)
    const task = this.#tasks.get(id)
    return element === undefined || task === undefined ? task : task.array?.find(task, element)
  }

  add(task: TaskRecord): void {
    this.#tasks.set(task.id, task)
  }

  values(): IterableIterator<TaskRecord> {
    return this.#tasks.values()
  }

  /** The broker has the task's terminal status. @returns those that have to go for it */
  finished(task: TaskRecord): readonly TaskRecord[] {
    if (!this.#finished.has(task)) {
      const bytes = STATUS_BYTES + outputChars(task.result) + historyChars(task) + pagesBytes(task)
      this.#finished.set(task, bytes)
      this.#finishedBytes += bytes
    }
    const surplus: TaskRecord[] = []
    let count = this.#finished.size
    let bytes = this.#finishedBytes
    const { finishedMax, finishedBytesMax } = this.#limits
    // Asked first, because finding the oldest means passing over all that were deleted before it.
    if (count <= finishedMax && bytes <= finishedBytesMax) return surplus
    for (const [oldest, its] of this.#finished) {
      if (count <= finishedMax && bytes <= finishedBytesMax) break
      surplus.push(oldest)
      count--
      bytes -= its
    }
    return surplus
  }

  /** A finished task must not go: a task names it that has not ended. It counts no more until it finishes again. */
  keep(task: TaskRecord): void {
    this.#finishedBytes -= this.#finished.get(task) ?? 0
    this.#finished.delete(task)
  }

  remove(task: TaskRecord): void {
    this.#tasks.delete(task.id)
    this.keep(task)
  }
}

/** What a result holds beside its fixed fields. */
function outputChars(result: TaskRecord['result']): number {
  const value = result?.value === undefined ? 0 : JSON.stringify(result.value).length
  return (result?.stdout?.length ?? 0) + (result?.stderr?.length ?? 0) + value
}

function historyChars({ history = [] }: TaskRecord): number {
  return history.reduce((sum, { text }) => sum + text.length, 0)
}

/** About what the pages of an ended array take on the broker. */
function pagesBytes(task: TaskRecord): number {
  let bytes = 0
  for (const page of task.pages?.values() ?? []) bytes += page
  return bytes
}
