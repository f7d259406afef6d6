/**
 * The gauge: what the device is to measure itself for. Every answer belongs to the question that was asked first, since
 * shells answer in order.
 */
import type { Measured } from '../../shared/ports.ts'
import type { Context } from '../core/context.ts'

/** Shells tell no cpu when asked twice within less than this; then what was found the first time still holds. */
const CPU_HOLDS_MS = 100

/** Questions that are remembered; shells answer at once. */
const OPEN_MAX = 8

export type Purpose = 'heartbeat' | 'bid'

export class Gauge {
  readonly #context: Context
  /** Questions that are open. */
  #asked: Purpose[] = []
  #last: { readonly purpose: Purpose; readonly load: Measured; readonly atMs: number } | undefined

  constructor(context: Context) {
    this.#context = context
  }

  /** Asks the shell. */
  measure(purpose: Purpose): void {
    // Mostly nothing else is open, and a list of one takes less room than one that grows.
    if (this.#asked.length === 0) this.#asked = [purpose]
    else this.#asked.push(purpose)
    if (this.#asked.length > OPEN_MAX) this.#asked.shift()
    this.#context.emit({ do: 'measure' })
  }

  /** The shell answers. @returns what for, and what was found; an answer that nobody asked for is a heartbeat's */
  read(found: Measured): { purpose: Purpose; load: Measured } {
    const purpose = this.#asked.shift() ?? 'heartbeat'
    const load = this.#held(found, purpose)
    this.#last = { purpose, load, atMs: this.#context.now.monoMs }
    return { purpose, load }
  }

  /** A bid comes at any time: neither it nor the heartbeat beside it goes without cpu for that. */
  #held(found: Measured, purpose: Purpose): Measured {
    const last = this.#last
    if (found.cpu !== undefined || last?.load.cpu === undefined || last.purpose === purpose) return found
    if (this.#context.now.monoMs - last.atMs >= CPU_HOLDS_MS) return found
    const { cpu, cpuTotal } = last.load
    return { ...found, cpu, ...(cpuTotal === undefined ? {} : { cpuTotal }) }
  }
}
