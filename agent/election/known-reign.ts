/**
 * The highest reign that an agent has heard of: its next term has to be above it.
 *
 * Beacons come from the seat and are believed. What devices tell heals a term that a broker has forgotten, but
 * one device's word must not take the numbers from everyone: it is believed as far as it can have come about.
 */
import { compareReigns, NO_REIGN, type Reign } from '../../shared/protocol/attempt.ts'

/** Terms grow by one with every office; one this far above all that is known is a mistake or a lie. */
export const TERM_JUMP_MAX = 1_000_000

export class KnownReign {
  #highest: Reign = NO_REIGN

  get highest(): Reign {
    return this.#highest
  }

  raise(reign: Reign): void {
    if (compareReigns(reign, this.#highest) > 0) this.#highest = { term: reign.term, agent: reign.agent }
  }

  /** True when the reign can have come about since the highest that is known. */
  plausible(reign: Reign): boolean {
    return reign.term <= this.#highest.term + TERM_JUMP_MAX
  }
}
