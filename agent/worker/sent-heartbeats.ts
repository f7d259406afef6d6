/**
 * When the last heartbeats of a connection were sent. A device sends them all its life and is rarely told which of them
 * were heard, so they stand in two rings of plain numbers: remembering one allocates nothing.
 */
import type { Now } from '../../shared/ports.ts'

/** Heartbeats whose moment is remembered; one that is heard later than that renews nothing. */
export const SENT_MAX = 256

export class SentHeartbeats {
  readonly #monoMs: number[] = []
  readonly #wallMs: number[] = []
  /** Numbers of the oldest that is remembered and of the next one; equal when none is. */
  #oldest = 0
  #next = 0

  /** @param seq one more than that of the heartbeat before */
  add(seq: number, at: Now): void {
    if (seq !== this.#next) this.#oldest = seq
    this.#next = seq + 1
    this.#oldest = Math.max(this.#oldest, this.#next - SENT_MAX)
    this.#monoMs[seq % SENT_MAX] = at.monoMs
    this.#wallMs[seq % SENT_MAX] = at.wallMs
  }

  /** Forgets all. */
  clear(): void {
    this.#oldest = this.#next
  }

  /** When it was sent; `undefined` when that is not remembered. */
  at(seq: number): Now | undefined {
    if (seq < this.#oldest || seq >= this.#next) return undefined
    return { monoMs: this.#monoMs[seq % SENT_MAX] as number, wallMs: this.#wallMs[seq % SENT_MAX] as number }
  }

  /** Forgets it and what was sent before it. */
  forgetUpTo(seq: number): void {
    this.#oldest = Math.min(Math.max(this.#oldest, seq + 1), this.#next)
  }
}
