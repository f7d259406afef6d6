/**
 * A host's way to the broker: latency, and the ways in which it fails. All connections of the host share it.
 * While a direction is blocked, what is sent waits (TCP would send it again) and flows when the block ends.
 */
import type { Random } from '../../shared/random/random.ts'
import type { Cpu } from '../engine/cpu.ts'
import type { Connection } from './connection.ts'

/** Latency of one direction: a floor plus an exponential part, cut off where TCP would have sent again. */
export interface Latency {
  readonly baseMs: number
  readonly jitterMs: number
}

export const LAN: Latency = { baseMs: 0.4, jitterMs: 0.6 }
const JITTER_TIMES_MAX = 20

export type Direction = 'up' | 'down'

export class Link {
  readonly #latency: Latency
  readonly #random: Random
  readonly connections = new Set<Connection>()
  /** How many faults block a direction now: client to broker, broker to client. */
  upBlocks = 0
  downBlocks = 0
  /** Added to the latency of both directions while the link is slow. */
  slowMs = 0
  /** Most that each connection adds to it, each its own, while they are uneven. */
  unevenMs = 0
  /** Share of QoS 1 messages that the broker sends to the host twice. */
  repeatShare = 0
  /** Share of QoS 0 messages for the host that the broker drops. */
  lossShare = 0
  /** The host does not run: frozen, suspended, or without power. It neither sends nor answers. */
  hostSilent = false
  /** Handles every packet of the host, where computing takes time. */
  cpu: Cpu | undefined

  constructor(latency: Latency, random: Random) {
    this.#latency = latency
    this.#random = random
  }

  delayMs(): number {
    const { baseMs, jitterMs } = this.#latency
    const jitter = Math.min(this.#random.exponential(jitterMs), jitterMs * JITTER_TIMES_MAX)
    return baseMs + jitter + (this.slowMs === 0 ? 0 : this.slowMs * (0.5 + this.#random.float()))
  }

  block(direction: Direction): void {
    if (direction === 'up') this.upBlocks++
    else this.downBlocks++
    for (const connection of this.connections) connection.assess()
  }

  unblock(direction: Direction): void {
    const blocks = direction === 'up' ? this.upBlocks-- : this.downBlocks--
    if (blocks <= 0) throw new RangeError(`${direction} was not blocked`)
    for (const connection of [...this.connections]) {
      connection.assess()
      if (blocks === 1) connection.flush(direction)
    }
  }

  /** Tells whether the host runs; its kernel holds what arrives meanwhile. */
  setSilent(silent: boolean): void {
    this.hostSilent = silent
    for (const connection of this.connections) connection.assess()
  }

  /** Every connection there is now is closed at both ends. */
  reset(): void {
    for (const connection of [...this.connections]) connection.reset()
  }

  /** Every connection there is now is dead for good without either side knowing; new ones will work. */
  sever(): void {
    for (const connection of this.connections) connection.sever()
  }
}
