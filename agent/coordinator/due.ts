/**
 * Things that fall due: one heap, one timer. There is one entry a kind and id; a newer one takes the place of an
 * older, and what is no longer wanted is dropped, so that the list is never longer than what it is about.
 */
import { Heap } from '../../shared/model/heap.ts'
import type { Context } from '../core/context.ts'

export const DUE_TIMER = 'coordinator/due'

export type DueKind =
  | 'retry'
  | 'deadline'
  | 'stopped'
  | 'predecessor'
  | 'expire'
  | 'orphan'
  | 'doubt'
  | 'pages'
  | 'lost'
  | 'lease'
  | 'batch'

export interface Due {
  readonly atMs: number
  readonly kind: DueKind
  /** The task's or the device's id. */
  readonly id: string
  /** Tells whether it still means the same: an attempt's key, a nonce. */
  readonly mark: string
}

/** No timer is set for longer: the wall clock may be set meanwhile, and timers of 25 days overflow. */
const TIMER_MS_MAX = 3_600_000
/** The heap is rebuilt when entries that were replaced or dropped outnumber the others. */
const STALE_FACTOR = 2
const STALE_MIN = 64

const earlier = (a: Due, b: Due): boolean => a.atMs < b.atMs

export class DueList {
  readonly #context: Context
  #heap = new Heap<Due>(earlier)
  readonly #wanted = new Map<string, Due>()
  readonly #counts = new Map<DueKind, number>()
  #armedForMs = Number.POSITIVE_INFINITY

  constructor(context: Context) {
    this.#context = context
  }

  /** How many things are going to fall due. */
  get size(): number {
    return this.#wanted.size
  }

  /** How many of a kind are going to fall due. */
  count(kind: DueKind): number {
    return this.#counts.get(kind) ?? 0
  }

  /** Lets it come up after `delayMs`, instead of when it was to come up before. */
  add(delayMs: number, kind: DueKind, id: string, mark = ''): void {
    const due = { atMs: this.#context.now.monoMs + delayMs, kind, id, mark }
    this.drop(kind, id)
    this.#wanted.set(`${kind}/${id}`, due)
    this.#counts.set(kind, this.count(kind) + 1)
    this.#heap.push(due)
    if (this.#heap.size > STALE_FACTOR * this.#wanted.size + STALE_MIN) this.#compact()
    this.#arm()
  }

  drop(kind: DueKind, id: string): void {
    if (this.count(kind) === 0) return
    if (this.#wanted.delete(`${kind}/${id}`)) this.#counts.set(kind, this.count(kind) - 1)
  }

  #compact(): void {
    this.#heap = new Heap<Due>(earlier)
    for (const due of this.#wanted.values()) this.#heap.push(due)
  }

  #arm(): void {
    const next = this.#heap.peek()
    if (next === undefined || next.atMs >= this.#armedForMs) return
    const leftMs = Math.min(TIMER_MS_MAX, Math.max(0, next.atMs - this.#context.now.monoMs))
    this.#armedForMs = this.#context.now.monoMs + leftMs
    this.#context.timer(DUE_TIMER, leftMs)
  }

  /** Hands over what is due now. Call on `DUE_TIMER`. */
  *take(): IterableIterator<Due> {
    this.#armedForMs = Number.POSITIVE_INFINITY
    for (let next = this.#heap.peek(); next !== undefined; next = this.#heap.peek()) {
      if (next.atMs > this.#context.now.monoMs) break
      this.#heap.pop()
      if (this.#wanted.get(`${next.kind}/${next.id}`) !== next) continue
      this.drop(next.kind, next.id)
      yield next
    }
    this.#arm()
  }
}
