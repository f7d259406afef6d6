/**
 * Counts what the worker asked the journal to keep, so that "has this become durable?" is one comparison.
 * The journal answers in order; a change that could not be written is remembered until its owner asks.
 */

import type { JournalChange } from '../../shared/ports.ts'
import type { Context } from '../core/context.ts'

export class Journaling {
  readonly #context: Context
  #asked = 0
  #answered = 0
  readonly #waiting = new Map<number, (error: string | undefined) => void>()

  constructor(context: Context) {
    this.#context = context
  }

  /** Asks for a change to be kept; `then` is called once it is durable, or with the error that prevented it. */
  persist(change: JournalChange, then?: (error: string | undefined) => void): void {
    const seq = ++this.#asked
    if (then !== undefined) this.#waiting.set(seq, then)
    this.#context.emit({ do: 'persist', seq, change })
  }

  /** The journal's answer: everything up to `seq` is durable, or `seq` itself is not. */
  answered(seq: number, error: string | undefined): void {
    const upTo = error === undefined ? seq : seq - 1
    for (let done = this.#answered + 1; done <= upTo; done++) this.#settle(done, undefined)
    if (error !== undefined) this.#settle(seq, error)
    this.#answered = Math.max(this.#answered, seq)
  }

  #settle(seq: number, error: string | undefined): void {
    const then = this.#waiting.get(seq)
    this.#waiting.delete(seq)
    then?.(error)
  }
}
