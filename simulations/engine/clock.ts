/**
 * A node's clocks. The monotonic one runs at the node's own rate, stands still in suspend and starts anew at
 * a reboot. The wall clock runs on in suspend and may be set. Neither ever shows the engine's time.
 */
import type { Now } from '../../shared/ports.ts'
import { type Engine, US_PER_MS } from './engine.ts'

/** 2030-01-01T00:00:00Z: where wall clocks start that are right. */
export const WALL_START_MS = Date.UTC(2030, 0, 1)

export interface ClockOptions {
  /** How much faster than true time it runs, in parts per million; may be negative. */
  readonly driftPpm?: number
  /** How far the wall clock is off at the start. */
  readonly wallOffsetMs?: number
}

export class NodeClock {
  readonly #engine: Engine
  readonly #rate: number
  #monoBaseMs: number
  #sinceUs: number
  #suspended = false
  #wallOffsetMs: number
  /** What `now` said last, and at which time of the engine; NaN once it may be another. */
  #now: Now = { monoMs: 0, wallMs: 0 }
  #nowUs = Number.NaN

  constructor(engine: Engine, monoStartMs: number, options: ClockOptions = {}) {
    this.#engine = engine
    this.#rate = 1 + (options.driftPpm ?? 0) / 1e6
    this.#monoBaseMs = monoStartMs
    this.#sinceUs = engine.nowUs
    this.#wallOffsetMs = WALL_START_MS + (options.wallOffsetMs ?? 0)
  }

  now(): Now {
    // A heartbeat is two steps at one time.
    if (this.#engine.nowUs !== this.#nowUs) {
      this.#nowUs = this.#engine.nowUs
      this.#now = { monoMs: this.monoMs(), wallMs: this.wallMs() }
    }
    return this.#now
  }

  monoMs(): number {
    if (this.#suspended) return this.#monoBaseMs
    const ms = this.#monoBaseMs + ((this.#engine.nowUs - this.#sinceUs) / US_PER_MS) * this.#rate
    // To the microsecond, as a real clock would: binary fractions of a drift would only clutter traces.
    return Math.floor(ms * US_PER_MS + 0.5) / US_PER_MS
  }

  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + (this.#engine.nowUs / US_PER_MS) * this.#rate)
  }

  /** How long the engine must wait until `delayMs` have passed on this monotonic clock. */
  engineMs(delayMs: number): number {
    return delayMs / this.#rate
  }

  /** The monotonic clock stands still from now on. */
  suspend(): void {
    this.#nowUs = Number.NaN
    this.#monoBaseMs = this.monoMs()
    this.#suspended = true
  }

  resume(): void {
    this.#nowUs = Number.NaN
    this.#suspended = false
    this.#sinceUs = this.#engine.nowUs
  }

  /** Sets the wall clock forward or, with a negative step, back. */
  step(ms: number): void {
    this.#nowUs = Number.NaN
    this.#wallOffsetMs += ms
  }

  /** Lets the monotonic clock start anew, as a boot does. */
  reboot(): void {
    this.#nowUs = Number.NaN
    this.#suspended = false
    this.#monoBaseMs = 0
    this.#sinceUs = this.#engine.nowUs
  }
}
