/** A search for the best devices for the first task of a shape: ranks those with room, the most preferred first. */
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Seeker } from './best-index.ts'
import type { Destinations } from './destinations.ts'
import { Ranking } from './ranking.ts'
import { JUDGED_LOOKS_MAX, type Replaying } from './replaying.ts'
import type { Shape } from './shape.ts'
import { Visits } from './visits.ts'
import { leastOwn, mostOf, scoreOf } from './weighing.ts'

/** Devices with room that are compared where others count besides: how evenly they would stand is in no index. */
const SPREAD_LOOKS_MAX = 256

/** One for all searches of a scheduler, which come one after another and by the thousand. */
export class Search implements Seeker {
  readonly visits = new Visits()
  readonly #replaying: Replaying
  readonly #destinations: Destinations
  #shape: Shape | undefined
  #next: TaskRecord | undefined
  #ranking = new Ranking()
  #scoring: ReturnType<Replaying['scoring']> | undefined
  #looksMax = Number.POSITIVE_INFINITY
  /** Of the tier that is searched. */
  #share = 0

  constructor(replaying: Replaying, destinations: Destinations) {
    this.#replaying = replaying
    this.#destinations = destinations
  }

  /** @returns none when no device has room */
  for(shape: Shape, now: Now): Ranking | undefined {
    const { strategy } = shape
    const next = shape.waiting.first()?.task
    const there = next === undefined ? undefined : this.#destinations.find(shape, next, now)
    const ranking = new Ranking()
    if (there !== undefined) {
      ranking.consider(there, strategy.score(there, shape.resources, shape.durationMs))
      // It is the place for this task; others of its kind were not planned there.
      ranking.runMax = 1
      return ranking
    }
    const sold = shape.bids?.rank(next, now)
    if (sold !== undefined && sold.looked > 0) return sold
    ranking.unsold = shape.bids?.why ?? ''
    this.#shape = shape
    this.#next = next
    this.#ranking = ranking
    this.#scoring = strategy.judged === true ? this.#replaying.scoring(shape.resources) : undefined
    this.#looksMax = this.#scoring === undefined ? Number.POSITIVE_INFINITY : JUDGED_LOOKS_MAX
    if (shape.relations?.spread !== undefined) this.#looksMax = SPREAD_LOOKS_MAX
    for (const { share, index } of shape.tiers.sorted) {
      if (ranking.full && ranking.most >= mostOf(shape, share)) break
      this.#share = share
      index.search(strategy, now, this)
    }
    return ranking.looked === 0 ? undefined : ranking
  }

  look(device: DeviceRecord, rate: number): void {
    const shape = this.#shape as Shape
    if (this.#next !== undefined && device.isKeptFrom(this.#next)) return
    if (shape.relations?.against(device) !== undefined) return
    const own = this.#scoring === undefined ? rate : this.#scoring(device, rate)
    this.#ranking.consider(device, scoreOf(shape, device, own), own)
  }

  enough(): number {
    const ranking = this.#ranking
    if (ranking.looked >= this.#looksMax) return Number.POSITIVE_INFINITY
    if (this.#scoring !== undefined || !ranking.full) return Number.NEGATIVE_INFINITY
    return this.#leastOwn(ranking.most)
  }

  worthwhile(): number {
    return this.#scoring === undefined ? this.#leastOwn(this.#ranking.least) : Number.NEGATIVE_INFINITY
  }

  #leastOwn(score: number): number {
    const shape = this.#shape as Shape
    return shape.composed ? leastOwn(shape, score, this.#share) : score
  }
}
