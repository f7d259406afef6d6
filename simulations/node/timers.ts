/**
 * An agent's named timers on its own monotonic clock. They stand still while that clock does. Agents start the same
 * few timers again and again, so one that has come is kept for its next start; only so many that rest are.
 */
import type { NodeClock } from '../engine/clock.ts'
import { type Engine, US_PER_MS } from '../engine/engine.ts'
import { type Handle, NO_EVENT, type Target } from '../engine/queue.ts'

export interface Timer {
  readonly name: string
  /** Whether it is started: neither stopped nor acted on since. */
  armed: boolean
  /** Grows with every start, so that an event that waits to be acted on is known to be of an older one. */
  generation: number
  /** The event that waits for it; none once that has come. */
  handle: Handle
  /** When the event comes. It may be before the timer is due, and is sent on then. */
  eventUs: number
  /** When it is due: on the engine's clock, while it runs. */
  dueUs: number
}

const RESTING_TIMERS_MAX = 16

export class NodeTimers {
  readonly #engine: Engine
  readonly #clock: NodeClock
  readonly #target: Target
  readonly #kind: number
  readonly #timers = new Map<string, Timer>()
  /** Those that came last and were looked for last: most starts are of one of them. */
  #came: Timer | undefined
  #sought: Timer | undefined
  #armed = 0

  /** The target's event has the timer as its argument. It asks `came` what that means. */
  constructor(engine: Engine, clock: NodeClock, target: Target, kind: number) {
    this.#engine = engine
    this.#clock = clock
    this.#target = target
    this.#kind = kind
  }

  get size(): number {
    return this.#armed
  }

  /** Starts or restarts a timer; the delay is on the node's clock. */
  set(name: string, delayMs: number): void {
    const dueUs = this.#engine.nowUs + Math.ceil(this.#clock.engineMs(delayMs) * US_PER_MS)
    const timer = this.#timer(name)
    if (!timer.armed) {
      timer.armed = true
      this.#armed++
    }
    timer.generation++
    timer.dueUs = dueUs
    // A lease is put off at every beacon: the event that waits comes first and is sent on.
    if (timer.handle !== NO_EVENT && timer.eventUs <= dueUs) return
    this.#engine.cancel(timer.handle)
    this.#push(timer)
  }

  #timer(name: string): Timer {
    const came = this.#came
    const sought = this.#sought
    // Compared only when they are there: then strings are compared, and not values of any kind.
    if (came !== undefined && came.name === name) return came
    if (sought !== undefined && sought.name === name) return sought
    let timer = this.#timers.get(name)
    if (timer === undefined) {
      timer = { name, armed: false, generation: 0, handle: NO_EVENT, eventUs: 0, dueUs: 0 }
      this.#timers.set(name, timer)
    }
    this.#sought = timer
    return timer
  }

  #push(timer: Timer): void {
    timer.eventUs = timer.dueUs
    timer.handle = this.#engine.at(timer.dueUs, this.#target, this.#kind, timer)
  }

  /** The timer's event has come; false when the timer was put off meanwhile and is due later. */
  came(timer: Timer): boolean {
    timer.handle = NO_EVENT
    if (timer.dueUs <= this.#engine.nowUs) {
      this.#came = timer
      return true
    }
    this.#push(timer)
    return false
  }

  cancel(name: string): void {
    const timer = this.#timers.get(name)
    if (timer?.armed !== true) return
    this.#engine.cancel(timer.handle)
    timer.handle = NO_EVENT
    this.#rest(timer)
  }

  /** Takes a timer whose event has come; false when it was cancelled or restarted before this was asked. */
  take(timer: Timer, generation: number): boolean {
    if (!timer.armed || timer.generation !== generation) return false
    this.#rest(timer)
    return true
  }

  #rest(timer: Timer): void {
    timer.armed = false
    this.#armed--
    if (this.#timers.size - this.#armed <= RESTING_TIMERS_MAX) return
    this.#forgetRecent()
    for (const [name, other] of this.#timers) if (!other.armed) this.#timers.delete(name)
  }

  #forgetRecent(): void {
    this.#came = undefined
    this.#sought = undefined
  }

  clear(): void {
    this.#forgetRecent()
    for (const timer of this.#timers.values()) {
      this.#engine.cancel(timer.handle)
      timer.armed = false
    }
    this.#timers.clear()
    this.#armed = 0
  }

  /** The clock stands still from now on. */
  suspend(): void {
    for (const timer of this.#timers.values()) {
      this.#engine.cancel(timer.handle)
      timer.handle = NO_EVENT
    }
  }

  /** The clock goes on after it has stood still for so long. */
  resume(stoodStillUs: number): void {
    for (const timer of this.#timers.values()) {
      if (!timer.armed) continue
      // One that had come before and waits to be acted on needs no second event.
      if (timer.dueUs <= this.#engine.nowUs - stoodStillUs) continue
      timer.dueUs += stoodStillUs
      this.#push(timer)
    }
  }
}
