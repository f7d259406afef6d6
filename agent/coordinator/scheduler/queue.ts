/**
 * The order among tasks that wait for a device, and a queue of them: higher priority first, then the earlier deadline,
 * then the longer chain of tasks that wait for it in turn, then whoever came first.
 *
 * The deadline is earliest due date first (Jackson 1955); the chain is the critical path of list scheduling (Graham
 * 1966; the upward rank of HEFT, with every task counted as one).
 */
import { Heap } from '../../../shared/model/heap.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Shape } from './shape.ts'

/** The queue is rebuilt when entries of tasks that left outnumber the others. */
const STALE_FACTOR = 2
const STALE_MIN = 64

/** What the order goes by. */
export interface Order {
  readonly priority: number
  /** On the wall clock; infinite without a deadline. */
  readonly dueMs: number
  /** Tasks in the longest chain that waits for it, as far as it is known. */
  readonly rank: number
  readonly seq: number
}

/** A task in a queue. It is in one at a time, and knows its place there. */
export interface Waiting extends Order {
  readonly task: TaskRecord
  readonly queue: WaitingQueue
}

export class WaitingQueue {
  /** Whose queue it is. */
  readonly shape: Shape | undefined
  /**
   * Most tasks come after all that wait already, so they stand in line; the others are in the heap. Entries of tasks that
   * left, or that went forward since, are skipped when they surface.
   */
  #line: Waiting[] = []
  #head = 0
  #heap = new Heap<Waiting>(comesFirst)
  #size = 0

  constructor(shape?: Shape) {
    this.shape = shape
  }

  get size(): number {
    return this.#size
  }

  /** Those that wait, in no order that matters. */
  tasks(): TaskRecord[] {
    return this.#entries().map(({ task }) => task)
  }

  #entries(): Waiting[] {
    return [...this.#line.slice(this.#head), ...this.#heap.items()].filter(stands)
  }

  has(task: TaskRecord): boolean {
    return task.queued?.queue === this
  }

  /** Adds a task, or lets one that waits go forward to the place that `rank` gives it. */
  add(task: TaskRecord, rank: number): void {
    const known = this.has(task)
    if (known && (task.queued as Waiting).rank >= rank) return
    const { priority, dueMs, seq } = orderOf(task, rank)
    const entry: Waiting = { priority, dueMs, rank, seq, task, queue: this }
    task.queued = entry
    if (!known) this.#size++
    const last = this.#line.at(-1)
    if (last === undefined || comesFirst(last, entry)) this.#line.push(entry)
    else this.#heap.push(entry)
    if (this.#line.length + this.#heap.size > STALE_FACTOR * this.#size + STALE_MIN) this.#compact()
  }

  /** @returns true when it waited */
  remove(task: TaskRecord): boolean {
    if (!this.has(task)) return false
    task.queued = undefined
    this.#size--
    return true
  }

  /** The one that comes before all others. */
  first(): Waiting | undefined {
    const line = this.#line
    while (this.#head < line.length && !stands(line[this.#head] as Waiting)) this.#head++
    const next = line[this.#head]
    if (this.#heap.size === 0) return next
    let top = this.#heap.peek()
    while (top !== undefined && !stands(top)) {
      this.#heap.pop()
      top = this.#heap.peek()
    }
    return next === undefined || (top !== undefined && comesFirst(top, next)) ? top : next
  }

  /** The first of them in order, at most `max`. */
  foremost(max: number): Waiting[] {
    const found: Waiting[] = []
    for (let i = this.#head; i < this.#line.length && found.length < max; i++) {
      const entry = this.#line[i] as Waiting
      if (stands(entry)) found.push(entry)
    }
    const others: Waiting[] = []
    while (others.length < max) {
      const entry = this.#heap.pop()
      if (entry === undefined) break
      if (stands(entry)) others.push(entry)
    }
    for (const entry of others) this.#heap.push(entry)
    return [...found, ...others].sort((a, b) => (comesFirst(a, b) ? -1 : 1)).slice(0, max)
  }

  #compact(): void {
    const line = this.#line.slice(this.#head).filter(stands)
    const others = this.#heap.items().filter(stands)
    this.#line = line
    this.#head = 0
    this.#heap = new Heap<Waiting>(comesFirst)
    for (const entry of others) this.#heap.push(entry)
  }
}

/** @param rank tasks in the longest chain that waits for it */
export function orderOf({ demand, seq }: TaskRecord, rank: number): Order {
  const { priority = 0, deadlineMs = Number.POSITIVE_INFINITY } = demand ?? {}
  return { priority, dueMs: deadlineMs, rank, seq }
}

/** Whether an entry is the task's place still. */
function stands(entry: Waiting): boolean {
  return entry.task.queued === entry
}

/** True when `a` is to be placed before `b`. An array counts as one task, and its elements in its place. */
export function comesFirst(a: Order, b: Order): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority
  if (a.dueMs !== b.dueMs) return a.dueMs < b.dueMs
  return a.rank === b.rank ? a.seq < b.seq : a.rank > b.rank
}

/** Whether nothing comes between the two but what is of another rank or age. */
export function isAsUrgent({ demand: a }: TaskRecord, b: TaskRecord | undefined): boolean {
  return a?.priority === b?.demand?.priority && a?.deadlineMs === b?.demand?.deadlineMs
}
