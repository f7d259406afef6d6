/**
 * A virtual guard: a process beside the agent that ends exclusive work when its lease is over, whatever has become of
 * the agent. It sleeps with the device, and looks at the clocks when that wakes.
 */
import { leaseLeftMs } from '../../shared/model/lease.ts'
import type { Lease, Now } from '../../shared/ports.ts'
import type { Random } from '../../shared/random/random.ts'
import type { NodeClock } from '../engine/clock.ts'
import type { Engine } from '../engine/engine.ts'
import { type Handle, NO_EVENT, type Target } from '../engine/queue.ts'
import type { Process } from './executor.ts'

/** A real guard looks at its clocks this often, and so comes as much too late. */
const LOOK_MS_MAX = 200

interface Watch {
  readonly process: Process
  readonly leaseMs: number
  from: Now
  handle: Handle
}

export class VirtualGuard implements Target {
  readonly serial: number
  readonly #engine: Engine
  readonly #clock: NodeClock
  readonly #random: Random
  readonly #kill: (process: Process) => void
  readonly #watches = new Map<Process, Watch>()
  #asleep = false

  constructor(engine: Engine, clock: NodeClock, random: Random, kill: (process: Process) => void) {
    this.serial = engine.serial()
    this.#engine = engine
    this.#clock = clock
    this.#random = random
    this.#kill = kill
  }

  hold(process: Process, { from, leaseMs }: Lease): void {
    const watch = { process, leaseMs, from, handle: NO_EVENT }
    this.#watches.set(process, watch)
    this.#look(watch)
  }

  /** Leases count from then on. One that is over stays over. */
  extend(from: Now): void {
    for (const watch of [...this.#watches.values()]) {
      if (this.#leftMs(watch) <= 0) continue
      watch.from = from
      this.#look(watch)
    }
  }

  drop(process: Process): void {
    const watch = this.#watches.get(process)
    if (watch === undefined) return
    this.#engine.cancel(watch.handle)
    this.#watches.delete(process)
  }

  suspend(): void {
    this.#asleep = true
  }

  wake(): void {
    this.#asleep = false
    for (const watch of [...this.#watches.values()]) this.#look(watch)
  }

  on(_kind: number, arg: unknown): void {
    const watch = arg as Watch
    watch.handle = NO_EVENT
    if (this.#watches.get(watch.process) === watch) this.#look(watch)
  }

  #leftMs({ from, leaseMs }: Watch): number {
    return leaseLeftMs(from, leaseMs, this.#clock.now())
  }

  #look(watch: Watch): void {
    this.#engine.cancel(watch.handle)
    watch.handle = NO_EVENT
    if (this.#asleep) return
    const leftMs = this.#leftMs(watch)
    if (leftMs > 0) {
      const lateMs = this.#random.between(0, LOOK_MS_MAX)
      watch.handle = this.#engine.after(this.#clock.engineMs(leftMs) + lateMs, this, 0, watch)
      return
    }
    this.#watches.delete(watch.process)
    this.#kill(watch.process)
  }
}
