/**
 * Offers: how a fleet without a coordinator comes to a few candidates, however large it is.
 *
 * A candidate follows everything that a coordinator must know; were all agents of a large fleet to begin with that at
 * once, what they read would grow with its square. So an agent that no beacon has named waits for a random while, then
 * offers itself to all; whoever has heard enough offers by then keeps still. The density of the wait grows
 * exponentially towards its end, so that few draw a short one, however many draw, and are heard before the others' end.
 *
 * J. Nonnenmacher, E. W. Biersack: Scalable Feedback for Large Groups. IEEE/ACM Transactions on Networking 7 (3), 1999.
 */
import type { Random } from '../../shared/random/random.ts'
import { CANDIDATES_MAX } from '../core/options.ts'

/** How steep the density is; beyond e to this many agents, offers grow with the fleet again. */
const STEEPNESS = 12
/** An offer is out for about a round trip before all have heard it; the longest wait is so many of them. */
const ROUND_TRIPS = 8
/** The longest wait, however slow the link was. */
const WAIT_MS_MAX = 10_000
/** Offers that came to nothing: after so many vacancies in a row that others were to fill, an agent steps in itself. */
const YIELDS_MAX = 3

export class Offers {
  /** The first of those who offered themselves since there was a coordinator. */
  readonly #heard = new Set<string>()
  #yielded = 0

  get heard(): ReadonlySet<string> {
    return this.#heard
  }

  /** Somebody else offered itself. */
  hear(agent: string): void {
    if (this.#heard.size < CANDIDATES_MAX) this.#heard.add(agent)
  }

  /** There is a coordinator. */
  filled(): void {
    // It comes with every beacon, and to clear an empty set makes a new one.
    if (this.#heard.size > 0) this.#heard.clear()
    this.#yielded = 0
  }

  /** Whether others have offered themselves in number; their offers are used up. */
  yield(): boolean {
    if (this.#heard.size < CANDIDATES_MAX || this.#yielded >= YIELDS_MAX) return false
    this.#heard.clear()
    this.#yielded++
    return true
  }
}

/**
 * How long to wait for the offers of others, in milliseconds.
 *
 * @param leastMs the longest wait on a link without delay
 * @param roundTripMs what the own link took last
 */
export function offerWaitMs(random: Random, leastMs: number, roundTripMs: number): number {
  const longestMs = Math.min(Math.max(leastMs, ROUND_TRIPS * roundTripMs), WAIT_MS_MAX)
  return (longestMs / STEEPNESS) * Math.log1p(random.float() * Math.expm1(STEEPNESS))
}
