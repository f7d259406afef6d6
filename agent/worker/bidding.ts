/**
 * Bidding: what a device answers to a round of an auction, from what it alone knows now: what it holds and what is still
 * ending, what it measures, its labels, its battery. It answers at most once, and keeps silent when it can take nothing.
 *
 * The seat bounds the answers of a large fleet: who would bid less than a lot's floor keeps silent, and of the others a
 * share bids, drawn by each for itself. Who bids on one lot is then likely to bid on the others in the same message.
 */

import { leastLeft, parseResources, type Resources } from '../../shared/model/resources.ts'
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
  /** How many that need so much have room on its GPUs, of which each is whole by itself. */
  gpuPlaces(need: Resources): number
}

/** A lot that the device may bid on. */
export interface Chance {
  /** Which of the round's. */
  readonly index: number
  readonly lot: Lot
  /** In thousandths. */
  readonly need: Resources
}

/**
 * The lots that the device is one for, has room for and would not bid too little on, by what it holds: whether it does is
 * known when it has measured itself.
 *
 * @param draw from 0 to 1, its draw for the whole round: lots of a lower share are left to others
 */
export function chancesOn(lots: readonly Lot[], bidder: Bidder, draw: number): Chance[] {
  const chances: Chance[] = []
  for (const [index, lot] of lots.entries()) {
    if (draw >= (lot.share ?? 1) || !bidder.executors.includes(lot.executor)) continue
    if (lot.function !== undefined && !bidder.functions.includes(lot.function)) continue
    if (unmet(compileSelector(lot.where), bidder.labels) !== undefined) continue
    const chance = { index, lot, need: parseResources(lot.resources) }
    if (leastLeft(bidder.capacity, bidder.reserved, chance.need) < (lot.floor ?? 0)) continue
    if (roomFor(chance, bidder) > 0) chances.push(chance)
  }
  return chances
}

/** How many tasks of a lot the device has room for, of those that are up. */
export function roomFor({ lot, need }: Chance, bidder: Bidder): number {
  const { capacity, reserved, places } = bidder
  let count = Math.min(lot.count, places, bidder.gpuPlaces(need))
  for (const name in need) {
    const each = need[name] as number
    if (each === 0) continue
    const left = (capacity[name] ?? 0) - (reserved[name] ?? 0)
    count = Math.min(count, Math.floor(left / each))
  }
  return Math.max(0, count)
}

/**
 * The share of its scarcest resource that the device would have left with so much more, by what is reserved and by what
 * it measures, whichever is less: what the scheduler calls most free, of this moment. Below 0 when there is none.
 */
export function priceOf(need: Resources, { capacity, reserved }: Bidder, load: Measured): number {
  const left = leastLeft(capacity, reserved, need)
  const utilization = utilizationOf(load, capacity, reserved)
  return utilization === undefined ? left : Math.min(left, 1 - withMore(utilization, reserved, need))
}

/** What the device bids, now that it has measured itself; nothing when it had better keep silent. */
export function bidsOn(chances: readonly Chance[], bidder: Bidder, load: Measured): Bid['bids'] {
  if (load.battery !== undefined && load.battery < BATTERY_LOW) return []
  const bids: Bid['bids'] = []
  for (const chance of chances) {
    const count = roomFor(chance, bidder)
    const price = Math.floor(priceOf(chance.need, bidder, load) * PRICE_STEPS) / PRICE_STEPS
    if (count > 0 && price >= (chance.lot.floor ?? 0)) bids.push({ lot: chance.index, price, count })
  }
  return bids
}

interface Round {
  readonly auction: Auction
  readonly chances: readonly Chance[]
}

export class Bidding {
  readonly #context: Context
  readonly #fence: Fence
  readonly #table: HeldTable
  readonly #labels: Labels
  /** Whether this connection listens for rounds. */
  #listens = false
  /** The round that waits for the device to measure itself. */
  #round: Round | undefined

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

  /** A round has begun. @returns true when the device may bid in it, and is to measure itself first */
  announced(auction: Auction): boolean {
    // Of a reign that the device does not follow, or not yet: whatever it won would be refused.
    if (compareReigns(auction, this.#fence.highest) !== 0 || !this.#fence.open || this.#fence.failing)
      return false
    const draws = auction.lots.some(({ share }) => share !== undefined)
    const chances = chancesOn(auction.lots, this.#bidder(), draws ? this.#context.random.float() : 0)
    const measures = this.#round !== undefined
    this.#round = chances.length === 0 ? undefined : { auction, chances }
    return chances.length > 0 && !measures
  }

  /** The device has measured itself: it bids on the round that waits for this, if it has something to bid. */
  answer(load: Measured, incarnation: number): void {
    const { auction, chances } = this.#round ?? {}
    this.#round = undefined
    if (auction === undefined || compareReigns(auction, this.#fence.highest) !== 0) return
    const bids = bidsOn(chances ?? [], this.#bidder(), load)
    if (bids.length === 0) return
    const { term, agent, round } = auction
    const bid: Bid = { incarnation, term, agent, round, inboxSeq: this.#fence.seq, bids }
    this.#context.publish('device', 'bid', this.#context.options.device, bid)
  }

  #bidder(): Bidder {
    const { executors, functions = [] } = this.#context.options
    const { capacity, reserved, size } = this.#table
    const gpuPlaces = (need: Resources): number => this.#table.gpuPlaces(need)
    const places = HELD_MAX - size
    return { capacity, reserved, labels: this.#labels, executors, functions, places, gpuPlaces }
  }
}
