/**
 * Auctions: where tasks go whose strategy is `auction`. What waits is offered to all devices in one message, a round; each
 * answers with one message at most, from what it knows now; then the scheduler sells task by task to who bids most. A
 * round ends when those who could bid have, and in any case after a while: what nobody bid on is placed by what the
 * coordinator knows, so that nothing waits because a message was lost.
 *
 * Devices listen only while the beacon tells them to, which costs a mesh without auctions nothing. So the first round of a
 * reign that begins without waits until they can have heard.
 *
 * One round at a time, by each coordinator its own: a bid for another round, reign or start of a device counts nothing.
 */
import { type Bid, LOT_TASKS_MAX, LOTS_MAX } from '../../shared/protocol/schemas/index.ts'
import type { Office } from './office.ts'
import { type BidEntry, Bids, leftAsOf } from './scheduler/bids.ts'
import { lotOf, type OpenLot } from './scheduler/lots.ts'

export const ROUND_TIMER = 'coordinator/round'
/** The longest that a round waits for bids: two ways over a phone network, and a device that is busy. */
export const ROUND_MS = 200
/** After a bid, how long another may take: who has room by the record and keeps silent is not waited for any longer. */
export const QUIET_MS = 75
/**
 * From when devices are told to listen to the first round: the beacon that tells it, and two ways over a phone network. Who
 * listens later, in a fleet to which a beacon takes longer, bids from a later round on.
 */
export const LISTEN_MS = 250
/** Between the beginnings of two rounds: what comes in between shares a round, and its messages. */
export const ROUNDS_APART_MS = 50

/** Why a bid was ignored. */
export type Ignored =
  | 'of no open round'
  | 'of an unknown device'
  | 'of another start'
  | 'second'
  | 'on no lot'

interface OpenRound {
  readonly number: number
  readonly lots: readonly OpenLot[]
  /** By lot. */
  readonly entries: readonly BidEntry[][]
  readonly bidders: Set<string>
  readonly sinceMs: number
}

export class Auctions {
  readonly #office: Office
  readonly #begun: () => void
  #rounds = 0
  #open: OpenRound | undefined
  /** On the monotonic clock; no round begins before. */
  #notBeforeMs = 0
  /** A task has asked for one in this reign. */
  #asked = false
  /** Devices have been told to listen. */
  #told: boolean
  /** Bids that counted nothing, by why. */
  readonly ignored = new Map<Ignored, number>()

  /** @param begun hears when the mesh begins to have auctions, so that devices must listen */
  constructor(office: Office, begun: () => void) {
    this.#office = office
    this.#begun = begun
    this.#told = this.wanted
    office.scheduler.auctions = true
  }

  /** Whether devices are to listen: tasks go by auction, or have in this reign. */
  get wanted(): boolean {
    return this.#asked || this.#office.settings.strategy === 'auction'
  }

  /** Opens a round for what waits for one, unless one is open. */
  open(): void {
    if (this.#open !== undefined) return
    const { context, scheduler, reign } = this.#office
    const shapes = scheduler.awaitingBids()
    if (shapes.length === 0) return
    const restMs = this.#notBeforeMs - context.now.monoMs
    if (restMs > 0) return context.timer(ROUND_TIMER, restMs)
    const lots: OpenLot[] = []
    for (const shape of shapes) {
      if (lots.length === LOTS_MAX) break
      const lot = lotOf(shape, context.now, context.random)
      if (lot !== undefined) lots.push(lot)
      else {
        shape.bids = Bids.none(shape)
        this.#office.wake()
      }
    }
    if (lots.length === 0) return
    this.#asked = true
    if (this.#tellAll()) return context.timer(ROUND_TIMER, LISTEN_MS)
    this.#open = {
      number: ++this.#rounds,
      lots,
      entries: lots.map(() => []),
      bidders: new Set(),
      sinceMs: context.now.monoMs,
    }
    const offered = lots.map(({ lot }) => lot)
    context.publish('seat', 'auction', undefined, { ...reign, round: this.#rounds, lots: offered })
    context.timer(ROUND_TIMER, ROUND_MS)
    this.#notBeforeMs = context.now.monoMs + ROUNDS_APART_MS
  }

  /** The mesh has other settings. */
  configured(): void {
    if (this.wanted) this.#tellAll()
    else this.#told = false
  }

  /** Has devices listen. @returns true when they do not yet, and rounds are to wait for them */
  #tellAll(): boolean {
    if (this.#told) return false
    this.#told = true
    this.#begun()
    this.#notBeforeMs = this.#office.context.now.monoMs + LISTEN_MS
    return true
  }

  /** The timer came: the round is over, or the next may begin. */
  timer(): void {
    if (this.#open === undefined) this.open()
    else this.close()
  }

  /** A device bids. */
  bid(id: string, bid: Bid): void {
    const round = this.#open
    const { term, agent } = this.#office.reign
    if (round?.number !== bid.round || bid.term !== term || bid.agent !== agent) {
      return this.#ignore(id, bid, 'of no open round')
    }
    const device = this.#office.devices.get(id)
    if (device === undefined) return this.#ignore(id, bid, 'of an unknown device')
    if (device.state.incarnation !== bid.incarnation) return this.#ignore(id, bid, 'of another start')
    if (round.bidders.has(id)) return this.#ignore(id, bid, 'second')
    round.bidders.add(id)
    const lotted = new Set<number>()
    for (const { lot: index, price, count } of bid.bids) {
      const lot = round.lots[index]
      if (lot === undefined || lotted.has(index)) {
        this.#ignore(id, bid, 'on no lot')
        continue
      }
      lotted.add(index)
      const leftThen = leftAsOf(device, bid.inboxSeq, lot.shape.resources)
      round.entries[index]?.push({ device, price, count, leftThen, score: Number.POSITIVE_INFINITY })
    }
    const enough = round.lots.every((lot, index) => (round.entries[index]?.length ?? 0) >= lot.enough)
    if (enough) return this.close()
    const leftMs = round.sinceMs + ROUND_MS - this.#office.context.now.monoMs
    this.#office.context.timer(ROUND_TIMER, Math.max(0, Math.min(leftMs, QUIET_MS)))
  }

  #ignore(device: string, { term, agent, round }: Bid, why: Ignored): void {
    this.ignored.set(why, (this.ignored.get(why) ?? 0) + 1)
    this.#office.context.log('debug', `a bid was ignored: it is ${why}`, { device, term, agent, round })
  }

  /** The round is over: what was offered may be placed. */
  close(): void {
    const round = this.#open
    if (round === undefined) return
    this.#open = undefined
    const { context, scheduler } = this.#office
    context.cancelTimer(ROUND_TIMER)
    const tookMs = Math.round(context.now.monoMs - round.sinceMs)
    for (const [index, { shape, lot, asksAll }] of round.lots.entries()) {
      // Settings or quotas may be others now; then nobody knows how old the bids are when they would be used.
      if (shape.waiting.size === 0 || !scheduler.awaitsBids(shape)) continue
      const entries = round.entries[index] ?? []
      // What came since is placed too, as far as there are bids for it.
      const most = asksAll ? LOT_TASKS_MAX : Math.max(lot.count, entries.length)
      shape.bids = new Bids(shape, entries, most, tookMs)
    }
    this.#office.wake()
  }
}
