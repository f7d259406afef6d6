/**
 * The order among tasks that wait for a device, and a queue of them: higher priority first, then the earlier deadline,
 * then the longer chain of tasks that wait for it in turn, then whoever came first.
 *
 * The deadline is earliest due date first (Jackson 1955); the chain is the critical path of list scheduling (Graham
 * 1966; the upward rank of HEFT, with every task counted as one).
 */
import { Heap } from '../../../shared/model/heap.ts'
import type { TaskRecord } from '../task-record.ts'

/** The queue is rebuilt when entries of tasks that left outnumber the others. */
const STALE_FACTOR = 2
const STALE_MIN = 64

/** A task in the queue. */
export interface Waiting {
  readonly task: TaskRecord
  /** Tasks in the longest chain that waits for it, as far as it is known. */
  readonly rank: number
}

export class WaitingQueue {
  /** Entries of tasks that left, or that went forward since, are skipped when they surface. */
  #heap = new Heap<Waiting>(comesFirst)
  readonly #entries = new Map<TaskRecord, Waiting>()

  get size(): number {
    return this.#entries.size
  }

  /** Those that wait, in no order that matters. */
  tasks(): IterableIterator<TaskRecord> {
    return this.#entries.keys()
  }

  /** Adds a task, or lets one that waits go forward to the place that `rank` gives it. */
  add(task: TaskRecord, rank: number): void {
    const known = this.#entries.get(task)
    if (known !== undefined && known.rank >= rank) return
    const entry = { task, rank }
    this.#entries.set(task, entry)
    this.#heap.push(entry)
    if (this.#heap.size > STALE_FACTOR * this.#entries.size + STALE_MIN) this.#compact()
  }

  /** @returns true when it waited */
  remove(task: TaskRecord): boolean {
    return this.#entries.delete(task)
  }

  /** The one that comes before all others. */
  first(): Waiting | undefined {
    for (let entry = this.#heap.peek(); entry !== undefined; entry = this.#heap.peek()) {
      if (this.#entries.get(entry.task) === entry) return entry
      this.#heap.pop()
    }
    return undefined
  }

  /** The first of them in order, at most `max`. */
  foremost(max: number): Waiting[] {
    const found: Waiting[] = []
    for (let next = this.first(); next !== undefined && found.length < max; next = this.first()) {
      found.push(next)
      this.#heap.pop()
    }
    for (const entry of found) this.#heap.push(entry)
    return found
  }

  #compact(): void {
    this.#heap = new Heap(comesFirst)
    for (const entry of this.#entries.values()) this.#heap.push(entry)
  }
}

/** True when `a` is to be placed before `b`. An array counts as one task, and its elements in its place. */
export function comesFirst(a: Waiting, b: Waiting): boolean {
  const { demand: demandA, seq: seqA } = a.task
  const { demand: demandB, seq: seqB } = b.task
  const priorityA = demandA?.priority ?? 0
  const priorityB = demandB?.priority ?? 0
  if (priorityA !== priorityB) return priorityA > priorityB
  const dueA = demandA?.deadlineMs ?? Number.POSITIVE_INFINITY
  const dueB = demandB?.deadlineMs ?? Number.POSITIVE_INFINITY
  if (dueA !== dueB) return dueA < dueB
  return a.rank === b.rank ? seqA < seqB : a.rank > b.rank
}
