import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { CANDIDATES_MAX } from '../core/options.ts'
import { Offers, offerWaitMs } from './offers.ts'

const LEAST_MS = 150

/** How many of a fleet make an offer, when each is heard by all a round trip later; and when the first does. */
function offersOf(agents: number, roundTripMs: number, seed: string): { offers: number; firstMs: number } {
  const random = new Random(seed)
  const waits = Array.from({ length: agents }, () => offerWaitMs(random, LEAST_MS, roundTripMs))
  waits.sort((a, b) => a - b)
  const enoughMs = (waits[CANDIDATES_MAX - 1] ?? Number.POSITIVE_INFINITY) + roundTripMs
  return { offers: waits.filter((ms) => ms <= enoughMs).length, firstMs: waits[0] as number }
}

describe('offers', () => {
  it.each([6, 100, 2_000, 100_000])('are few when %i agents miss their coordinator at once', (agents) => {
    const counts = ['a', 'b', 'c'].map((seed) => offersOf(agents, 30, seed).offers)
    for (const count of counts) {
      expect(count).toBeGreaterThanOrEqual(CANDIDATES_MAX)
      expect(count).toBeLessThan(50)
    }
  })

  it('are few on a slow link too, because the wait grows with it', () => {
    for (const seed of ['a', 'b', 'c']) expect(offersOf(2_000, 1_000, seed).offers).toBeLessThan(50)
  })

  it('come within the longest wait, and within ten seconds on any link', () => {
    const random = new Random('s')
    for (const roundTripMs of [0, 100, 60_000]) {
      const longestMs = Math.min(Math.max(LEAST_MS, 8 * roundTripMs), 10_000)
      for (let i = 0; i < 1_000; i++) {
        const ms = offerWaitMs(random, LEAST_MS, roundTripMs)
        expect(ms).toBeGreaterThanOrEqual(0)
        expect(ms).toBeLessThanOrEqual(longestMs)
      }
    }
  })

  it('let an agent yield to enough others, once for every time that they offered themselves', () => {
    const offers = new Offers()
    for (const agent of ['a', 'b', 'c', 'd', 'a']) offers.hear(agent)
    expect(offers.yield()).toBe(false)
    offers.hear('e')
    expect(offers.yield()).toBe(true)
    expect(offers.yield()).toBe(false)
  })

  it('are not believed for ever while no coordinator comes of them', () => {
    const offers = new Offers()
    const round = (): boolean => {
      for (const agent of ['a', 'b', 'c', 'd', 'e']) offers.hear(agent)
      return offers.yield()
    }
    expect([round(), round(), round(), round()]).toEqual([true, true, true, false])
    offers.filled()
    expect(round()).toBe(true)
  })
})
