/**
 * Virtual time. The engine's unit is the whole microsecond, so that times compare exactly and a run is the
 * same on every machine; everything that people read or write is in milliseconds.
 *
 * All randomness of a run comes from one seed. A subsystem takes a fork of its own (`engine.random('net')`),
 * so that drawing more in one does not shift what another draws.
 */
import { Random } from '../../shared/random/random.ts'
import { TraceHash } from './hash.ts'
import { EventQueue, type Handle, type Target } from './queue.ts'
import type { Trace } from './trace.ts'

export const US_PER_MS = 1000

export interface EngineOptions {
  readonly seed: string
  /** Records what happens; costs time and memory, so only where somebody will read it. */
  readonly trace?: Trace
}

export class Engine {
  readonly seed: string
  readonly hash = new TraceHash()
  readonly trace: Trace | undefined
  nowUs = 0
  /** How many events have been carried out. */
  events = 0
  readonly #queue = new EventQueue()
  readonly #random: Random
  #serials = 0
  #stopped = false

  constructor(options: EngineOptions) {
    this.seed = options.seed
    this.trace = options.trace
    this.#random = new Random(options.seed)
  }

  get nowMs(): number {
    return this.nowUs / US_PER_MS
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** A generator of its own for the subsystem of that name. */
  random(name: string): Random {
    return this.#random.fork(name)
  }

  /** A number for a new target, the same in every run. */
  serial(): number {
    return ++this.#serials
  }

  /** An event at a time of the engine's clock; one in the past comes now, after what is waiting for now. */
  at(timeUs: number, target: Target, kind: number, arg: unknown = undefined, n = 0): Handle {
    return this.#queue.push(Math.max(timeUs, this.nowUs), target, kind, arg, n)
  }

  /** An event after a delay in milliseconds, rounded up to the microsecond. */
  after(delayMs: number, target: Target, kind: number, arg: unknown = undefined, n = 0): Handle {
    return this.at(this.nowUs + Math.ceil(delayMs * US_PER_MS), target, kind, arg, n)
  }

  cancel(handle: Handle): boolean {
    return this.#queue.cancel(handle)
  }

  /** Carries out all events up to a time, and lets that time come. Returns early after `stop`. */
  runUntil(timeMs: number): void {
    const untilUs = Math.round(timeMs * US_PER_MS)
    const queue = this.#queue
    this.#stopped = false
    while (!this.#stopped && queue.nextUs() <= untilUs) {
      queue.pop()
      const target = queue.target as Target
      this.nowUs = queue.timeUs
      this.events++
      this.hash.number(queue.timeUs)
      this.hash.int(queue.serial)
      this.hash.int(queue.kind)
      target.on(queue.kind, queue.arg, queue.n)
    }
    if (!this.#stopped) this.nowUs = Math.max(this.nowUs, untilUs)
  }

  /** Lets `runUntil` return after the event at hand. */
  stop(): void {
    this.#stopped = true
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Adds a line to the trace, if one is recorded. Callers that must build `detail` ask `trace` first. */
  note(who: string, what: string, detail?: unknown): void {
    this.trace?.add({ ms: this.nowMs, who, what, ...(detail === undefined ? {} : { detail }) })
  }
}
