/**
 * The time between the loss of a coordinator and a claim: who steps in, and who goes first.
 *
 *   open ──named candidate──────────────────────▶ waiting ──rank × step + jitter──▶ turn
 *    └───others──▶ offering ──too few offers──────▲ └──────── enough offers ──▶ yielded
 */
import type { Beacon, DeviceState } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import { Offers, offerWaitMs } from './offers.ts'
import { placeOf } from './rank.ts'

export const OFFER_TIMER = 'election/offer'
export const CLAIM_TIMER = 'election/claim'

/** What a vacancy asks of the election, and what it tells it. */
export interface VacancyEvents {
  /** Since when this agent has kept the warm copy, on the monotonic clock; `undefined` when it is no candidate. */
  candidateSinceMs(): number | undefined
  /** The last beacon that was heard. */
  beacon(): Beacon | undefined
  /** The last state of every device that the warm copy knows. */
  states(): Iterable<readonly [string, DeviceState]>
  /** This agent has offered itself, and is a candidate from now on. */
  offered(): void
  /** Others have offered themselves in number. */
  yielded(): void
  /** This agent may claim the seat. */
  turn(): void
}

export class Vacancy {
  readonly #context: Context
  readonly #events: VacancyEvents
  readonly #offers = new Offers()
  #phase: 'filled' | 'offering' | 'waiting' = 'filled'
  #dead: string | undefined
  /** The wait counts by rank; before, it is for the ranks to become known. */
  #ranked = false
  #backingOff = false

  constructor(context: Context, events: VacancyEvents) {
    this.#context = context
    this.#events = events
  }

  /**
   * There is no coordinator.
   *
   * @param dead nonce of the beacon that ended; after mere silence any beacon ends the wait
   * @param roundTripMs what the link took to answer last
   */
  open(dead: string | undefined, roundTripMs: number): void {
    this.#dead = dead
    if (this.#events.candidateSinceMs() !== undefined) return this.#wait()
    this.#phase = 'offering'
    const { random, timing } = this.#context
    const waitMs = offerWaitMs(random, timing.settleMs, roundTripMs)
    this.#context.timer(OFFER_TIMER, waitMs)
  }

  /** What a dead coordinator sent last may come after its death notice. */
  isDead(beacon: Beacon): boolean {
    return this.#phase !== 'filled' && beacon.nonce === this.#dead
  }

  /** Another agent steps in. */
  offer(agent: string): void {
    if (agent !== this.#context.options.device) this.#offers.hear(agent)
  }

  /** A coordinator was heard. */
  filled(): void {
    this.#offers.filled()
    this.close()
  }

  /** This agent waits no more. */
  close(): void {
    if (this.#phase === 'offering') this.#context.cancelTimer(OFFER_TIMER)
    if (this.#phase === 'waiting') this.#context.cancelTimer(CLAIM_TIMER)
    this.#phase = 'filled'
  }

  /** This agent makes no claim until it has backed off. */
  backOff(): void {
    this.#backingOff = true
  }

  backedOff(): void {
    this.#backingOff = false
    if (this.#phase === 'waiting') this.#wait()
  }

  /** @returns true when the timer was the vacancy's */
  timer(name: string): boolean {
    if (name === OFFER_TIMER) this.#offer()
    else if (name === CLAIM_TIMER) this.#due()
    else return false
    return true
  }

  /** Nobody was faster, or too few. */
  #offer(): void {
    if (this.#phase !== 'offering') return
    if (this.#offers.yield()) {
      this.#phase = 'filled'
      return this.#events.yielded()
    }
    this.#context.publish('device', 'offer', undefined, { agent: this.#context.options.device })
    this.#events.offered()
    this.#wait()
  }

  #wait(): void {
    this.#phase = 'waiting'
    if (this.#backingOff) return
    const { now, timing } = this.#context
    // A copy that is only just being read knows no ranks yet.
    const unsettledMs = (this.#events.candidateSinceMs() ?? now.monoMs) + timing.settleMs - now.monoMs
    this.#ranked = unsettledMs <= 0
    this.#context.timer(CLAIM_TIMER, this.#ranked ? this.#turnMs() : unsettledMs)
  }

  /** How long this agent lets others go first. */
  #turnMs(): number {
    const { random, timing } = this.#context
    return this.#rank() * timing.stepMs + random.float() * timing.jitterMs
  }

  /** This agent's place among those who may claim now; the dead coordinator is not among them. */
  #rank(): number {
    const { agent, candidates = [] } = this.#events.beacon() ?? {}
    const groups = [candidates, this.#offers.heard]
    return placeOf(this.#context.options.device, this.#events.states(), groups, agent)
  }

  /** The wait is over; a beacon that came meanwhile would have ended it. */
  #due(): void {
    if (this.#phase !== 'waiting') return
    if (!this.#ranked) {
      this.#ranked = true
      return this.#context.timer(CLAIM_TIMER, this.#turnMs())
    }
    this.#phase = 'filled'
    this.#events.turn()
  }
}
