/**
 * The few slots that a shape rated highest when it last searched, and a bound of all others. While one of the few is as
 * good as that bound, the next search has nothing else to look at.
 */

/** How many are kept. */
export const LISTED_MAX = 8

export class Shortlist {
  /** The highest rated first. */
  readonly slots = new Int32Array(LISTED_MAX)
  readonly rates = new Float64Array(LISTED_MAX)
  length = 0
  /** No slot that is not listed is rated above that. */
  rest = Number.POSITIVE_INFINITY

  /** @param rest what bounds all slots now that none is listed */
  clear(rest: number): void {
    this.length = 0
    this.rest = rest
  }

  has(slot: number): boolean {
    for (let i = 0; i < this.length; i++) if (this.slots[i] === slot) return true
    return false
  }

  /** Takes in a slot that is not listed and is rated as it stands there, or the bound of it where it is not among the best. */
  offer(slot: number, from: Float64Array, at: number): void {
    const { slots, rates } = this
    const rate = from[at] as number
    const last = LISTED_MAX - 1
    if (this.length > last) {
      const least = rates[last] as number
      if (rate <= least) {
        if (rate > this.rest) this.rest = rate
        return
      }
      if (least > this.rest) this.rest = least
    } else this.length++
    let place = this.length - 1
    for (; place > 0 && (rates[place - 1] as number) < rate; place--) {
      rates[place] = rates[place - 1] as number
      slots[place] = slots[place - 1] as number
    }
    rates[place] = rate
    slots[place] = slot
  }

  /** Puts what is listed from a place on in order, as it is rated now; what is rated `none` is dropped. */
  sortFrom(from: number, none: number): void {
    const { slots, rates, length } = this
    let kept = from
    for (let i = from; i < length; i++) {
      const slot = slots[i] as number
      const rated = rates[i] as number
      if (rated === none) continue
      let place = kept++
      for (; place > from && (rates[place - 1] as number) < rated; place--) {
        rates[place] = rates[place - 1] as number
        slots[place] = slots[place - 1] as number
      }
      rates[place] = rated
      slots[place] = slot
    }
    this.length = kept
  }

  /** Drops what stands at a place. */
  drop(place: number): void {
    this.length--
    this.slots.copyWithin(place, place + 1)
    this.rates.copyWithin(place, place + 1)
  }
}
