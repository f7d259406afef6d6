/**
 * Bidding: what a device answers to a round of an auction, from what it alone knows now: what it holds and what is still
 * ending, what it measures, its labels, its battery. It answers at most once, and keeps silent when it can take nothing.
 *
 * The seat bounds the answers of a large fleet: who would bid less than a lot's floor keeps silent, and of the others a
 * share bids, drawn by each for itself. Who bids on one lot is then likely to bid on the others in the same message.
 */

import { fits, leastLeft, parseResources, type Resources } from '../../shared/model/resources.ts'
import { compileSelector, type Labels, unmet } from '../../shared/model/selector.ts'
import { utilizationOf, withMore } from '../../shared/model/utilization.ts'
import type { Measured } from '../../shared/ports.ts'
import { compareReigns } from '../../shared/protocol/attempt.ts'
import type { Auction, Bid, Lot } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import type { Fence } from './fence.ts'
import { HELD_MAX, type HeldTable } from './held.ts'

/** Percent of charge below which a device on a battery does not ask for more work. */
const BATTERY_LOW = 15
/** Prices are told to so many parts of one. */
const PRICE_STEPS = 10_000

/** What a device goes by when it bids. */
export interface Bidder {
  readonly capacity: Resources
  readonly reserved: Resources
  readonly labels: Labels
  readonly executors: readonly string[]
  readonly functions: readonly string[]
  /** Attempts that it may hold beside those it holds. */
  readonly places: number
}

/** How many tasks of a lot the device has room for, of those that are up; 0 when it is not one for them. */
export function roomFor(lot: Lot, bidder: Bidder): number {
  const { capacity, reserved, labels, executors, functions } = bidder
  if (!executors.includes(lot.executor)) return 0
  if (lot.function !== undefined && !functions.includes(lot.function)) return 0
  if (unmet(compileSelector(lot.where), labels) !== undefined) return 0
  const need = parseResources(lot.resources)
  if (!fits(need, capacity)) return 0
  let count = Math.min(lot.count, bidder.places)
  for (const name in need) {
    const each = need[name] as number
    if (each === 0) continue
    const left = (capacity[name] as number) - (reserved[name] ?? 0)
    count = Math.min(count, Math.floor(left / each))
  }
  return Math.max(0, count)
}

/**
 * The share of its scarcest resource that the device would have left with one task more, by what is reserved and by what
 * it measures, whichever is less: what the scheduler calls most free, of this moment. Below 0 when there is none.
 */
export function priceOf(lot: Lot, { capacity, reserved }: Bidder, load: Measured): number {
  const need = parseResources(lot.resources)
  const left = leastLeft(capacity, reserved, need)
  const utilization = utilizationOf(load, capacity, reserved)
  return utilization === undefined ? left : Math.min(left, 1 - withMore(utilization, reserved, need))
}

/**
 * The bids of a device on the lots of a round; none when it keeps silent.
 *
 * @param draw from 0 to 1, its draw for the whole round: lots of a lower share are left to others
 */
export function bidsOn(lots: readonly Lot[], bidder: Bidder, load: Measured, draw: number): Bid['bids'] {
  if (load.battery !== undefined && load.battery < BATTERY_LOW) return []
  const bids: Bid['bids'] = []
  for (const [index, lot] of lots.entries()) {
    const count = roomFor(lot, bidder)
    if (count === 0 || draw >= (lot.share ?? 1)) continue
    const price = Math.floor(priceOf(lot, bidder, load) * PRICE_STEPS) / PRICE_STEPS
    if (price >= (lot.floor ?? 0)) bids.push({ lot: index, price, count })
  }
  return bids
}

export class Bidding {
  readonly #context: Context
  readonly #fence: Fence
  readonly #table: HeldTable
  readonly #labels: Labels
  /** Whether this connection listens for rounds. */
  #listens = false
  /** The round that waits for the device to measure itself. */
  #round: Auction | undefined

  constructor(context: Context, fence: Fence, table: HeldTable) {
    this.#context = context
    this.#fence = fence
    this.#table = table
    const { device, labels } = context.options
    this.#labels = Object.assign(Object.create(null), { device }, labels)
  }

  /** The connection is gone, and what it listened to. */
  linkDown(): void {
    this.#listens = false
    this.#round = undefined
  }

  /** Whether the broker may refuse it: then the device bids on nothing, and is chosen by what its heartbeats say. */
  doesWithout(topic: string): boolean {
    return topic === this.#context.topics.of('auction')
  }

  /** Listens for rounds while the mesh has some: whoever has none pays nothing. */
  listen(auctions: boolean): void {
    if (auctions === this.#listens) return
    this.#listens = auctions
    const topic = this.#context.topics.of('auction')
    const token = this.#context.token()
    if (auctions) this.#context.emit({ do: 'subscribe', link: 'device', to: [{ topic, qos: 0 }], token })
    else this.#context.emit({ do: 'unsubscribe', link: 'device', topics: [topic] })
  }

  /** A round has begun. @returns true when the device has room for something in it, and is to measure itself */
  announced(auction: Auction): boolean {
    // Of a reign that the device does not follow, or not yet: whatever it won would be refused.
    if (compareReigns(auction, this.#fence.highest) !== 0 || !this.#fence.open || this.#fence.failing)
      return false
    const bidder = this.#bidder()
    if (auction.lots.every((lot) => roomFor(lot, bidder) === 0)) return false
    const waited = this.#round !== undefined
    this.#round = auction
    return !waited
  }

  /** The device has measured itself: it bids on the round that waits for this, if it has something to bid. */
  answer(load: Measured, incarnation: number): void {
    const round = this.#round
    this.#round = undefined
    if (round === undefined || compareReigns(round, this.#fence.highest) !== 0) return
    const { options, random } = this.#context
    const draws = round.lots.some(({ share }) => share !== undefined)
    const bids = bidsOn(round.lots, this.#bidder(), load, draws ? random.float() : 0)
    if (bids.length === 0) return
    const { term, agent, round: number } = round
    const bid: Bid = { incarnation, term, agent, round: number, inboxSeq: this.#fence.seq, bids }
    this.#context.publish('device', 'bid', options.device, bid)
  }

  #bidder(): Bidder {
    const { executors, functions = [] } = this.#context.options
    const { capacity, reserved, size } = this.#table
    return { capacity, reserved, labels: this.#labels, executors, functions, places: HELD_MAX - size }
  }
}
