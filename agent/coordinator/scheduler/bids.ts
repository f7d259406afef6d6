/**
 * Bids of one shape, once their round is closed: who has the highest price now. What a device has won since it bid makes it
 * worth less, so every task is sold by itself at marginal prices (a sequential auction; Leme, Syrgkanis and Tardos 2012).
 * Prices only fall while tasks are sold, so those below the top are looked at again only when they come up, as in
 * Minoux's accelerated greedy (1978); where other tasks count besides, all are looked at for each.
 *
 * A bid opens nothing: what it is for must still be open, have room and be the right place by the coordinator's record.
 */
import { Heap } from '../../../shared/model/heap.ts'
import { leastLeft, type Resources } from '../../../shared/model/resources.ts'
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import { RANKED_MAX, Ranking } from './ranking.ts'
import { hasRoom } from './score.ts'
import type { Shape } from './shape.ts'
import { scoreOf } from './weighing.ts'

export interface BidEntry {
  readonly device: DeviceRecord
  /** What the device says that would be left of its scarcest resource. */
  readonly price: number
  /** What the coordinator's record said then, less orders that the device had not read. */
  readonly leftThen: number
  /** Tasks that the device has room for, less those that it won. */
  count: number
  /** As it was looked at last; and what of that is by the price alone. */
  score: number
  own?: number
}

/** What a device would have left by the record, without what was placed by orders that it has not read. */
export function leftAsOf(device: DeviceRecord, inboxSeq: number, need: Resources): number {
  const reserved = { ...device.reserved }
  for (const { seq, phase, resources } of device.placements.values()) {
    if (seq <= inboxSeq || phase === 'done') continue
    for (const name in resources) reserved[name] = (reserved[name] ?? 0) - (resources[name] as number)
  }
  return leastLeft(device.capacity, reserved, need)
}

export class Bids {
  /** Tasks that the round may still place. */
  left: number
  readonly #shape: Shape
  readonly #entries: readonly BidEntry[]
  /** How long bids were awaited, in milliseconds; `undefined` when nobody was asked. */
  readonly #tookMs: number | undefined
  #heap: Heap<BidEntry>

  /** @param left tasks that the round may place; without a bid all that wait are placed by the score */
  constructor(shape: Shape, entries: readonly BidEntry[], left: number, tookMs?: number) {
    this.#shape = shape
    this.#entries = entries
    this.left = entries.length === 0 ? Number.POSITIVE_INFINITY : left
    this.#tookMs = tookMs
    this.#heap = this.#all()
  }

  /** Nobody was asked: its tasks are placed by the score. */
  static none(shape: Shape): Bids {
    return new Bids(shape, [], 0)
  }

  /** Why a task is placed by the score all the same; empty when nobody was asked. */
  get why(): string {
    if (this.#tookMs === undefined) return ''
    const count = this.#entries.length
    if (count === 0) return `no bid came within ${this.#tookMs} ms`
    return count === 1 ? 'the one bid has no room any more' : `none of ${count} bids has room any more`
  }

  /** All of them, none looked at yet. */
  #all(): Heap<BidEntry> {
    const heap = new Heap<BidEntry>(goesBefore)
    for (const entry of this.#entries) {
      entry.score = Number.POSITIVE_INFINITY
      heap.push(entry)
    }
    return heap
  }

  /** The best of those that may have the task; nobody when none may. */
  rank(task: TaskRecord | undefined, now: Now): Ranking {
    // Whether a device is the right place, and how even, may change with each task that is placed: scores rise, too.
    if (this.#shape.relations !== undefined) this.#heap = this.#all()
    const ranking = new Ranking()
    const taken: BidEntry[] = []
    for (let entry = this.#heap.pop(); entry !== undefined; entry = this.#heap.pop()) {
      const score = this.#worth(entry, task, now)
      if (score === undefined) continue
      const fell = score < entry.score
      entry.score = score
      const next = this.#heap.peek()
      if (fell && next !== undefined && goesBefore(next, entry)) {
        this.#heap.push(entry)
        continue
      }
      taken.push(entry)
      ranking.consider(entry.device, score, entry.own)
      if (taken.length === RANKED_MAX) break
    }
    for (const entry of taken) this.#heap.push(entry)
    ranking.bids = this.#entries.length
    ranking.runMax = Math.min(this.left, taken[0]?.count ?? this.left)
    return ranking
  }

  /** What the device is worth now; `undefined` when it must not have the task. */
  #worth(entry: BidEntry, task: TaskRecord | undefined, now: Now): number | undefined {
    const { device, price, leftThen, count } = entry
    const shape = this.#shape
    if (count <= 0 || !hasRoom(device, shape.resources)) return undefined
    // It may have other labels than when it bid, or have left.
    if (!shape.eligible.includes(device)) return undefined
    if (device.closedReason(now.monoMs, now.wallMs) !== undefined) return undefined
    if (task !== undefined && device.isKeptFrom(task)) return undefined
    if (shape.relations?.against(device) !== undefined) return undefined
    const left = leastLeft(device.capacity, device.reserved, shape.resources)
    entry.own = Math.max(0, Math.min(left, price - (leftThen - left)))
    return scoreOf(shape, device, entry.own)
  }

  /** The device got so many tasks of the shape. */
  won(device: DeviceRecord, tasks: number): void {
    this.left -= tasks
    const entry = this.#entries.find((one) => one.device === device)
    if (entry !== undefined) entry.count -= tasks
  }
}

/** The higher score; of equals the higher id. */
function goesBefore(a: BidEntry, b: BidEntry): boolean {
  return a.score === b.score ? a.device.id > b.device.id : a.score > b.score
}
