/**
 * Finds the devices that the strategy scores highest for one shape without looking at all of them.
 *
 * What the last search found best is rated anew first (shortlist.ts); often one of that is as good as the bound of all
 * others, and nothing else is looked at. Otherwise there is a tree over the devices' slots, 8 children a node: each node
 * has a bound that no score below it exceeds. The search goes down where the bound is highest, looks at the 8 slots there
 * and is done when no bound exceeds what was found: branch and bound, best first (Land and Doig 1960), over a tournament
 * tree (Knuth, volume 3, 5.4.1). Bounds are lowered only where the search comes by, and raised for what changed since it
 * was last here: lazy evaluation as in Minoux's accelerated greedy (1978). So a change costs nothing until a shape looks,
 * and a shape that nothing waits for costs a bit a device and a bound for every 8.
 */
import { GPU } from '../../../shared/model/gpus.ts'
import type { Resources } from '../../../shared/model/resources.ts'
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { ChangeLog } from './change-log.ts'
import { type Eligible, slotOf } from './eligible.ts'
import { type FleetTable, HELD, WORK } from './fleet-table.ts'
import { hasRoom } from './score.ts'
import { Shortlist } from './shortlist.ts'
import type { Sight, Strategy } from './strategies.ts'
import type { Visits } from './visits.ts'

/** Below every score: no room, or not open. */
export const NONE = Number.NEGATIVE_INFINITY
/** Scores that differ by less are the same, since shares are rounded. */
export const SAME = 1e-9
/** Slots under a lowest node, and nodes under another: few, since what a search looks at is mostly there in vain. */
const FAN = 8
const FAN_BITS = 3
/** Leaves a word of bits: 4, each of the bits of 8 slots. */
const LEAF_BITS = 0xff
/** The most nodes of the highest level. */
const TOP_MAX = 32

export interface Seeker {
  /** For the search to note in. */
  readonly visits: Visits
  /** Hears of a device that is open and has room, and of its score by the strategy. */
  look(device: DeviceRecord, score: number): void
  /** The search ends when no other device can have a score above that; what ties with it may be left out. */
  enough(): number
  /** Of devices that are near each other in the tree only those that score as much are looked at. */
  worthwhile(): number
}

export class BestIndex {
  readonly #table: FleetTable
  readonly #eligible: Eligible
  readonly #need: Resources
  readonly #durationMs: number
  /** What is asked for, and where in a row it stands. */
  #needs: number[] = []
  #places: number[] = []
  /** Rows tell of all that is asked for: everything has a column, and of GPUs, which are each by itself, none is. */
  #told = false
  readonly #cpu: number
  readonly #memory: number
  #strategy: Strategy | undefined
  /** Bounds: of every 8 slots, then of every 8 of those, and so on; the last level has 32 nodes at most. */
  #levels: Float64Array[] = []
  /** The highest bound of what was not looked at. */
  #most = NONE
  /** How far the table's logs were read. */
  #raisedUpTo = 0
  #loweredUpTo = 0
  /** What the last search found best, and what the one under way does. */
  #list = new Shortlist()
  #found = new Shortlist()
  /**
   * Of the slots of a leaf that are looked at: those that may be chosen, and their scores. Scores are handed on in arrays,
   * since a number that is no integer is boxed wherever a function takes it that is not inlined.
   */
  readonly #slots = new Int32Array(FAN)
  readonly #rates = new Float64Array(FAN)

  /** @param durationMs how long what needs it is expected to run */
  constructor(table: FleetTable, eligible: Eligible, need: Resources, durationMs: number) {
    this.#table = table
    this.#eligible = eligible
    this.#need = need
    this.#durationMs = durationMs
    this.#cpu = need['cpu'] ?? 0
    this.#memory = need['memory'] ?? 0
  }

  /** Hands devices that are open and have room to the seeker, roughly the best first. */
  search(strategy: Strategy, now: Now, seeker: Seeker): void {
    if (this.#eligible.length === 0) return
    this.#follow(strategy)
    this.#lookAtListed(now, seeker)
    if (this.#list.rest <= seeker.enough()) return
    const bottom = this.#levels[0] as Float64Array
    const list = this.#list
    const found = this.#found
    found.clear(NONE)
    const { visits } = seeker
    visits.length = 0
    for (;;) {
      const leaf = this.#highest(seeker.enough())
      if (leaf < 0) break
      this.#visit(leaf, strategy, now, seeker, visits.add(leaf))
      bottom[leaf] = NONE
    }
    found.rest = Math.max(found.rest, this.#most)
    for (let i = 0; i < list.length; i++) found.offer(list.slots[i] as number, list.rates, i)
    for (let i = visits.length - 1; i >= 0; i--) this.#raise(visits.leaves[i] as number, visits.bounds, i)
    this.#list = found
    this.#found = list
  }

  /** Rates what is listed from a place on anew. */
  #rateListed(from: number): void {
    const { slots, rates, length } = this.#list
    for (let i = from; i < length; i++) {
      const slot = slots[i] as number
      if (this.#eligible.has(slot)) this.#rate(slot, this.#strategy as Strategy, rates, i)
      else rates[i] = NONE
    }
    this.#list.sortFrom(from, NONE)
  }

  /** Looks at what the last search found best, as far as it is worthwhile. */
  #lookAtListed(now: Now, seeker: Seeker): void {
    const list = this.#list
    for (let i = 0; i < list.length; ) {
      const slot = list.slots[i] as number
      const rate = list.rates[i] as number
      if (rate < seeker.worthwhile() - SAME) return
      if (this.#table.refresh(slot)) this.#rateListed(i)
      else if (this.#look(slot, rate, now, seeker)) i++
      else list.drop(i)
    }
  }

  /** Looks at the record of a slot whose row is as new. @returns true when it has room and is open */
  #look(slot: number, rate: number, now: Now, seeker: Seeker): boolean {
    const device = this.#table.devices[slot]
    if (device === undefined || !(this.#isSure(slot) || hasRoom(device, this.#need))) return false
    if (device.closedReason(now.monoMs, now.wallMs) !== undefined) {
      this.#table.close(slot)
      return false
    }
    seeker.look(device, rate)
    return true
  }

  /** Whether the row alone tells that there is room. Where nothing would be left, shares are too rough to tell. */
  #isSure(slot: number): boolean {
    if (!this.#told) return false
    const { rows, stride } = this.#table
    const needs = this.#needs
    for (let i = 0; i < needs.length; i++) {
      const place = slot * stride + (this.#places[i] as number)
      if ((rows[place] as number) - (needs[i] as number) * (rows[place + 1] as number) < SAME) return false
    }
    return true
  }

  /** Whether looking again could help, after a search that found nothing, since the slot's row has changed. */
  mayTake(slot: number): boolean {
    if (!this.#eligible.has(slot)) return false
    if (this.#strategy === undefined) return true
    this.#rate(slot, this.#strategy, this.#rates, 0)
    return this.#rates[0] !== NONE
  }

  /** Puts the score of a slot by its row there. */
  #rate(slot: number, strategy: Strategy, rates: Float64Array, at: number): void {
    rates[at] = NONE
    const { rows, stride, closed } = this.#table
    if (closed[slot] === 1) return
    const row = slot * stride
    const needs = this.#needs
    const places = this.#places
    let left = 1
    for (let i = 0; i < needs.length; i++) {
      const place = row + (places[i] as number)
      const share = (rows[place] as number) - (needs[i] as number) * (rows[place + 1] as number)
      if (share < left) left = share
    }
    if (left < -SAME) return
    const cpu = (rows[row] as number) - this.#cpu * (rows[row + 1] as number)
    const memory = (rows[row + 2] as number) - this.#memory * (rows[row + 3] as number)
    const seen = strategy.sees === undefined ? 0 : this.#seen(strategy.sees, row)
    rates[at] = strategy.rank(left, cpu < memory ? cpu : memory, seen)
  }

  /** What a strategy sees of a row besides what is left. */
  #seen(sight: Sight, at: number): number {
    const { rows } = this.#table
    if (sight === 'held') return rows[at + HELD] as number
    let product = 0
    let asked = 0
    let most = 0
    for (let i = 0; i < this.#needs.length; i++) {
      const place = at + (this.#places[i] as number)
      const share = (this.#needs[i] as number) * (rows[place + 1] as number)
      product += share * (rows[place] as number)
      asked += share
      if (share > most) most = share
    }
    if (sight === 'work') return (rows[at + WORK] as number) + most * this.#durationMs
    return asked === 0 ? 1 : product / asked
  }

  /** Looks at the slots of a leaf, the best first, but for those listed; the highest score that is left there is its bound. */
  #visit(leaf: number, strategy: Strategy, now: Now, seeker: Seeker, visit: number): void {
    const table = this.#table
    const list = this.#list
    const found = this.#found
    const slots = this.#slots
    const rates = this.#rates
    const floor = seeker.worthwhile() - SAME
    let bound = NONE
    let count = 0
    const word = leaf >>> 2
    const mask = LEAF_BITS << ((leaf & 3) << FAN_BITS)
    for (let bits = (this.#eligible.words[word] as number) & mask; bits !== 0; bits &= bits - 1) {
      const slot = slotOf(word, bits)
      this.#rate(slot, strategy, rates, count)
      const rate = rates[count] as number
      if (rate === NONE) continue
      if (rate >= floor && !list.has(slot)) {
        slots[count++] = slot
        continue
      }
      if (rate > bound) bound = rate
      if (rate < floor && !list.has(slot)) found.offer(slot, rates, count)
    }
    while (count > 0) {
      const place = highestOf(rates, 0, count)
      const slot = slots[place] as number
      // What was placed there since makes it worse, and then others may be better.
      if (table.refresh(slot)) {
        this.#rate(slot, strategy, rates, place)
        continue
      }
      const rate = rates[place] as number
      slots[place] = slots[--count] as number
      rates[place] = rates[count] as number
      rates[count] = rate
      if (rate === NONE) continue
      if (rate >= seeker.worthwhile() - SAME && !this.#look(slot, rate, now, seeker)) continue
      if (rate > bound) bound = rate
      found.offer(slot, rates, count)
    }
    seeker.visits.bounds[visit] = bound
  }

  /** The leaf with the highest bound; below zero when it is not above `limit`. */
  #highest(limit: number): number {
    const levels = this.#levels
    const top = levels.length - 1
    for (;;) {
      const nodes = levels[top] as Float64Array
      let node = highestOf(nodes, 0, nodes.length)
      const bound = nodes[node] as number
      this.#most = bound
      if (bound <= limit + SAME) return -1
      let level = top
      for (; level > 0; level--) {
        const below = levels[level - 1] as Float64Array
        const child = highestOf(below, node * FAN, Math.min(below.length, (node + 1) * FAN))
        const least = below[child] as number
        const parents = levels[level] as Float64Array
        if (least < (parents[node] as number)) {
          // The bound has not been true for a while.
          parents[node] = least
          break
        }
        node = child
      }
      if (level === 0) return node
    }
  }

  /** The bound of a leaf, and what is above it, is at least what stands there. */
  #raise(leaf: number, bounds: Float64Array, at: number): void {
    const bound = bounds[at] as number
    let node = leaf
    for (const nodes of this.#levels) {
      if (bound <= (nodes[node] as number)) return
      nodes[node] = bound
      node >>>= FAN_BITS
    }
  }

  /** Takes in what changed since the last search. */
  #follow(strategy: Strategy): void {
    const { raised, lowered, capacity } = this.#table
    const leaves = Math.ceil(capacity / FAN)
    const lost =
      !raised.reaches(this.#raisedUpTo) ||
      (strategy.fallsWithLoad !== true && !lowered.reaches(this.#loweredUpTo))
    if (strategy !== this.#strategy || this.#levels[0]?.length !== leaves || lost)
      this.#build(strategy, leaves)
    else {
      this.#rateListed(0)
      this.#read(raised, this.#raisedUpTo, strategy)
      if (strategy.fallsWithLoad !== true) this.#read(lowered, this.#loweredUpTo, strategy)
    }
    this.#raisedUpTo = raised.head
    this.#loweredUpTo = lowered.head
  }

  #read({ slots, head }: ChangeLog, from: number, strategy: Strategy): void {
    const { words } = this.#eligible
    const list = this.#list
    const bottom = this.#levels[0] as Float64Array
    const rates = this.#rates
    const mask = slots.length - 1
    for (let position = from; position < head; position++) {
      const slot = slots[position & mask] as number
      if (((words[slot >>> 5] ?? 0) & (1 << (slot & 31))) === 0) continue
      this.#rate(slot, strategy, rates, 0)
      const rate = rates[0] as number
      const leaf = slot >>> FAN_BITS
      if (rate > (bottom[leaf] as number)) this.#raise(leaf, rates, 0)
      if (rate > list.rest && !list.has(slot)) list.offer(slot, rates, 0)
    }
  }

  #build(strategy: Strategy, leaves: number): void {
    this.#strategy = strategy
    this.#list.clear(Number.POSITIVE_INFINITY)
    if (strategy.sees === 'work') this.#table.watchWork()
    this.#needs = []
    this.#places = []
    this.#told = true
    for (const name in this.#need) {
      const place = this.#table.column(name)
      if (place === undefined || name === GPU) this.#told = false
      if (place === undefined) continue
      this.#needs.push(this.#need[name] as number)
      this.#places.push(place)
    }
    this.#levels = [new Float64Array(leaves).fill(NONE)]
    for (let nodes = leaves; nodes > TOP_MAX; ) {
      nodes = Math.ceil(nodes / FAN)
      this.#levels.push(new Float64Array(nodes).fill(NONE))
    }
    const bits = this.#eligible.words
    for (let word = 0; word < bits.length; word++) {
      for (let rest = bits[word] as number; rest !== 0; rest &= rest - 1) {
        const slot = slotOf(word, rest)
        this.#rate(slot, strategy, this.#rates, 0)
        this.#raise(slot >>> FAN_BITS, this.#rates, 0)
      }
    }
  }
}

/** Where from `from` on, and before `to`, the highest is. */
function highestOf(numbers: Float64Array, from: number, to: number): number {
  let best = from
  for (let i = from + 1; i < to; i++) if ((numbers[i] as number) > (numbers[best] as number)) best = i
  return best
}
