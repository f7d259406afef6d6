/** Named timers: a name has at most one, and setting it again replaces it. */
import { invariant } from '../../shared/errors/errors.ts'

/** Node fires a longer timeout at once, so a longer delay is made of several. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

interface Timer {
  readonly dueMs: number
  immediate?: NodeJS.Immediate
  timeout?: NodeJS.Timeout
}

export class Timers {
  readonly #fire: (name: string) => void
  readonly #timersMax: number
  readonly #timers = new Map<string, Timer>()

  constructor(fire: (name: string) => void, timersMax: number) {
    this.#fire = fire
    this.#timersMax = timersMax
  }

  /** (Re)starts a timer. A delay of 0 or less runs after everything that is waiting now. */
  set(name: string, delayMs: number): void {
    this.cancel(name)
    invariant(this.#timers.size < this.#timersMax, () => `timer ${name} exceeds timersMax ${this.#timersMax}`)
    const timer: Timer = { dueMs: performance.now() + delayMs }
    this.#timers.set(name, timer)
    if (delayMs <= 0) timer.immediate = setImmediate(() => this.#expire(name, timer))
    else this.#wait(name, timer)
  }

  cancel(name: string): void {
    const timer = this.#timers.get(name)
    if (timer === undefined) return
    this.#timers.delete(name)
    if (timer.immediate !== undefined) clearImmediate(timer.immediate)
    if (timer.timeout !== undefined) clearTimeout(timer.timeout)
  }

  clear(): void {
    for (const name of [...this.#timers.keys()]) this.cancel(name)
  }

  /** Node's timers may fire up to a millisecond early by the monotonic clock; a core's must not. */
  #wait(name: string, timer: Timer): void {
    const leftMs = timer.dueMs - performance.now()
    if (leftMs <= 0) this.#expire(name, timer)
    else
      timer.timeout = setTimeout(() => this.#wait(name, timer), Math.min(Math.ceil(leftMs), TIMEOUT_MS_MAX))
  }

  #expire(name: string, timer: Timer): void {
    if (this.#timers.get(name) !== timer) return
    this.#timers.delete(name)
    this.#fire(name)
  }
}
