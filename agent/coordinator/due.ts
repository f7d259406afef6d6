/** Things that fall due: one heap, one timer. What is no longer wanted is recognised when it comes up. */
import { Heap } from '../../shared/model/heap.ts'
import type { Context } from '../core/context.ts'

export const DUE_TIMER = 'coordinator/due'

export type DueKind = 'retry' | 'deadline' | 'stopped' | 'expire' | 'orphan' | 'lost' | 'open'

export interface Due {
  readonly atMs: number
  readonly kind: DueKind
  /** The task's or the device's id. */
  readonly id: string
  /** Tells whether it still means the same: an attempt's key, a nonce, a version. */
  readonly mark: string
}

export class DueList {
  readonly #context: Context
  readonly #heap = new Heap<Due>((a, b) => a.atMs < b.atMs)
  #armedForMs = Number.POSITIVE_INFINITY

  constructor(context: Context) {
    this.#context = context
  }

  /** Lets it come up after `delayMs`. */
  add(delayMs: number, kind: DueKind, id: string, mark = ''): void {
    this.#heap.push({ atMs: this.#context.now.monoMs + delayMs, kind, id, mark })
    this.#arm()
  }

  #arm(): void {
    const next = this.#heap.peek()
    if (next === undefined || next.atMs >= this.#armedForMs) return
    this.#armedForMs = next.atMs
    this.#context.timer(DUE_TIMER, Math.max(0, next.atMs - this.#context.now.monoMs))
  }

  /** Hands over what is due now. Call on `DUE_TIMER`. */
  *take(): IterableIterator<Due> {
    this.#armedForMs = Number.POSITIVE_INFINITY
    for (let next = this.#heap.peek(); next !== undefined; next = this.#heap.peek()) {
      if (next.atMs > this.#context.now.monoMs) break
      this.#heap.pop()
      yield next
    }
    this.#arm()
  }
}
