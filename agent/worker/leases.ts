/**
 * Leases of exclusive attempts on this device.
 *
 * The coordinator echoes the number of a heartbeat that it heard; every exclusive attempt here may then go on for
 * its lease, counted from when that heartbeat was *sent*. A lease that was over once is over: nothing that is heard
 * later brings the attempt back, because by then another device may have it.
 */
import { leaseLeftMs } from '../../shared/model/lease.ts'
import type { Lease, Now } from '../../shared/ports.ts'
import type { Context } from '../core/context.ts'
import type { Held } from './held.ts'
import { SentHeartbeats } from './sent-heartbeats.ts'

export const LEASE_TIMER = 'worker/lease'

/** A lease with less left is not renewed: its guard might end the work before the renewal reaches it. */
const RENEW_MS_MIN = 250
const NONE: readonly Held[] = Object.freeze([])

export class Leases {
  readonly #context: Context
  readonly #exclusive = new Set<Held>()
  readonly #sent = new SentHeartbeats()
  /** When the last heartbeat was sent that the coordinator heard. */
  #from: Now | undefined
  /** The timer is wanted: some attempt is held whose lease is not known to be over. */
  #armed = false

  constructor(context: Context) {
    this.#context = context
  }

  /** A heartbeat is being sent on the present connection. */
  sent(seq: number): void {
    this.#sent.add(seq, this.#context.now)
  }

  /** A new connection: what was sent on the former one is not waited for any more. */
  reconnected(): void {
    this.#sent.clear()
  }

  /** How much of a lease of that length is left; 0 or less for none. */
  leftMs(leaseMs: number): number {
    return this.#from === undefined ? 0 : leaseLeftMs(this.#from, leaseMs, this.#context.now)
  }

  /** Why an attempt must not begin, or `undefined` when it may. */
  refusal(leaseMs: number | undefined): string | undefined {
    if (leaseMs === undefined) return 'exclusive work came without a lease'
    return this.leftMs(leaseMs) > 0 ? undefined : `no heartbeat of the last ${leaseMs} ms was heard`
  }

  /** An exclusive attempt was taken in. */
  hold(held: Held): void {
    this.#exclusive.add(held)
    this.#arm()
  }

  /** Its process is gone, or never was. */
  drop(held: Held): void {
    this.#exclusive.delete(held)
  }

  /** What the shell's guard is told at the start of an attempt. */
  leaseOf(held: Held): { lease?: Lease } {
    if (held.leaseMs === undefined || this.#from === undefined) return {}
    return { lease: { from: this.#from, leaseMs: held.leaseMs } }
  }

  /** Attempts whose lease is over; each is given once. */
  takeLapsed(marginMs = 0): readonly Held[] {
    if (!this.#armed) return NONE
    const lapsed: Held[] = []
    for (const held of this.#exclusive) {
      if (held.lapsed === true || this.leftMs(held.leaseMs ?? 0) > marginMs) continue
      held.lapsed = true
      lapsed.push(held)
    }
    this.#arm()
    return lapsed
  }

  /** The coordinator has heard a heartbeat. @returns attempts that it comes too late for */
  heard(seq: number): readonly Held[] {
    const at = this.#sent.at(seq)
    if (at === undefined) return NONE
    const lapsed = this.takeLapsed(RENEW_MS_MIN)
    this.#from = at
    this.#sent.forgetUpTo(seq)
    if (this.#exclusive.size > 0) this.#context.emit({ do: 'lease', from: this.#from })
    this.#arm()
    return lapsed
  }

  /** Lets the timer come when the next lease is over by the monotonic clock. */
  #arm(): void {
    let leftMs = Number.POSITIVE_INFINITY
    for (const held of this.#exclusive) {
      if (held.lapsed !== true) leftMs = Math.min(leftMs, this.leftMs(held.leaseMs ?? 0))
    }
    const wanted = leftMs !== Number.POSITIVE_INFINITY
    if (wanted) this.#context.timer(LEASE_TIMER, Math.max(0, leftMs))
    else if (this.#armed) this.#context.cancelTimer(LEASE_TIMER)
    this.#armed = wanted
  }
}
