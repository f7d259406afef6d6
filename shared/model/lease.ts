/**
 * The lease of exclusive work: how long it may go on after a heartbeat that the coordinator heard.
 *
 * It is counted on the device from when that heartbeat was *sent*, which is before the coordinator heard it; so
 * whoever waits a lease and the margin from hearing it knows the work to be over, whatever was lost on the way.
 */
import type { Now } from '../ports.ts'

/** Heartbeats that may be lost in a row before exclusive work ends. */
export const LEASE_HEARTBEATS = 5
/** Two clocks differ by at most this share: each runs wrong by up to 1 %. */
const CLOCK_DRIFT_MAX = 0.02
/** What a guard needs to see that a lease is over, and a KILL to take effect. */
const END_MS_MAX = 2_000
/** A wall clock that falls behind the monotonic one by more was set back, and shows no sleep any more. */
const SET_BACK_MS_MAX = 1_000

/**
 * How much of a lease is left, in milliseconds; 0 or less when it is over.
 *
 * Over is what either clock calls over: the monotonic one stands still while a device sleeps, the wall clock may be
 * set. A wall clock that was set back ends the lease, because it could hide that the device slept.
 */
export function leaseLeftMs(from: Now, leaseMs: number, now: Now): number {
  const monoMs = now.monoMs - from.monoMs
  const wallMs = now.wallMs - from.wallMs
  if (wallMs < monoMs - SET_BACK_MS_MAX) return 0
  return leaseMs - Math.max(monoMs, wallMs)
}

/** The longest lease that a coordinator with this beacon may have given, in milliseconds. */
export function leaseMsOf(beacon: { heartbeatMs: number; leaseMs?: number }): number {
  return beacon.leaseMs ?? LEASE_HEARTBEATS * beacon.heartbeatMs
}

/** How long after a lease the work is gone for certain, by the clock of another machine. */
export function leaseMarginMs(leaseMs: number): number {
  return END_MS_MAX + Math.ceil(leaseMs * CLOCK_DRIFT_MAX)
}
