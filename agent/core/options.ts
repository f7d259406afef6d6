/** What an agent's core is told at its start, and the times it works with. */
import type { Candidacy } from '../../shared/protocol/schemas/index.ts'

export interface AgentOptions {
  readonly mesh: string
  readonly device: string
  readonly labels: Readonly<Record<string, string>>
  /** Quantities as written, like `{ cpu: "2", memory: "1Gi" }`. */
  readonly capacity: Readonly<Record<string, string | number>>
  readonly executors: readonly string[]
  /** Handlers of the executor `function`. */
  readonly functions?: readonly string[]
  readonly candidate: Candidacy
  readonly version: string
  /** Seed of the agent's random numbers: nonces, jitter, back-off. */
  readonly seed: string
  readonly timing?: Partial<Timing>
}

/** All in milliseconds unless the name says otherwise. */
export interface Timing {
  /** Between two beacons. The lease is `LEASE_INTERVALS` of them. */
  readonly intervalMs: number
  /** Between two heartbeats of a device in a small fleet; grows with the fleet. */
  readonly heartbeatMs: number
  /** A candidate of rank r waits r steps before it claims the seat. */
  readonly stepMs: number
  /** Random addition to that wait. */
  readonly jitterMs: number
  /** How long retained messages may trail their SUBACK or a marker. */
  readonly settleMs: number
  /** How long a lost connection of a device is taken for a blink. */
  readonly lostGraceMs: number
  /** Least lease of exclusive work; should outlast the loss of a coordinator, or that ends all such work. */
  readonly exclusiveLeaseMs: number
  /** First back-off after a failed or lost connection; doubles up to `reconnectCapMs`, with full jitter. */
  readonly reconnectBaseMs: number
  readonly reconnectCapMs: number
}

export const LEASE_INTERVALS = 3
export const INVENTORY_INTERVALS = 2.5
export const CANDIDATES_MAX = 5

export const DEFAULT_TIMING: Timing = {
  intervalMs: 1_000,
  heartbeatMs: 1_000,
  stepMs: 150,
  jitterMs: 50,
  settleMs: 150,
  lostGraceMs: 1_000,
  exclusiveLeaseMs: 10_000,
  reconnectBaseMs: 100,
  reconnectCapMs: 10_000,
}
