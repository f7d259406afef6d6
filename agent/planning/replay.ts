/**
 * Replay: a device is judged by how much of its parts would come to be used if what was asked for lately were asked
 * for again, and of it alone. Some draws from the latest demands are offered to it in turn; it takes what it has room
 * for. A demand goes where this falls least for it, so a rest is kept for what it suits: a fifth of a GPU beside no
 * CPU is worth nothing, the CPU of a device without GPUs costs nothing, and nobody has to say what is typical.
 *
 * Judging a choice by playing on from it is a rollout (Tesauro and Galperin, "On-line policy improvement using
 * Monte-Carlo search", 1996; Bertsekas, Tsitsiklis and Wu, "Rollout algorithms for combinatorial optimization", 1997).
 * Taking the past for the future where no distribution is known is historical sampling (Bent and Van Hentenryck,
 * "Online stochastic optimization without distributions", 2005). That a rest is worth what the workload can use of it
 * is the idea of fragmentation of Weng et al. (2023), which looks one demand ahead; this looks as far as the device
 * goes.
 */
import type { Random } from '../../shared/random/random.ts'
import { type Kind, PART_MILLI, PARTS_MAX, type Rest } from './parts.ts'

/** How often the past is played to a device. */
const PLAYS = 16
/** Demands that are offered in a play. */
const OFFERS = 24
/** Latest demands, from which is drawn. */
const WINDOW = 1_000
/** Draws are made anew when twice as many demands have come, and at the latest after so many. */
const REDRAW_AFTER_MAX = 1_000

export class Replay {
  readonly #random: Random
  /** The latest demands; the oldest is overwritten. */
  readonly #latest: Kind[] = []
  #seen = 0
  #redrawAt = 1
  #plays: readonly (readonly Kind[])[] = []
  /** No demand that is offered takes less of a part than this. */
  #least = PART_MILLI
  /** Of the device that is played to: what is left by dimension, and by part. */
  #free = new Float64Array(0)
  readonly #parts = new Float64Array(PARTS_MAX)

  constructor(random: Random) {
    this.#random = random
  }

  /** A demand has come, wherever it goes. True when what was judged before no longer holds: draws were made anew. */
  observe(kind: Kind): boolean {
    this.#latest[this.#seen++ % WINDOW] = kind
    if (this.#seen < this.#redrawAt) return false
    this.#redrawAt = Math.min(2 * this.#seen, this.#seen + REDRAW_AFTER_MAX)
    this.#plays = Array.from({ length: PLAYS }, () =>
      Array.from({ length: OFFERS }, () => this.#random.pick(this.#latest)),
    )
    this.#least = Math.min(...this.#plays.flat().map(({ parts, milli }) => (parts > 0 ? milli : PART_MILLI)))
    return true
  }

  /** Thousandths of the parts that would come to be used, on average over all plays. */
  use(rest: Rest): number {
    if (rest.parts.every((left) => left < this.#least)) return 0
    let used = 0
    for (const offers of this.#plays) used += this.#play(rest, offers)
    return used / PLAYS
  }

  /** As `hasRoom` and then taking it of the tightest part, over and over; most of the time goes here. */
  #play({ model, free: whole, parts }: Rest, offers: readonly Kind[]): number {
    if (this.#free.length !== whole.length) this.#free = new Float64Array(whole.length)
    const free = this.#free
    const left = this.#parts
    const n = parts.length
    for (let k = 0; k < free.length; k++) free[k] = whole[k] as number
    for (let p = 0; p < n; p++) left[p] = parts[p] as number
    let most = greatest(left, n)
    let used = 0
    for (const { need, parts: count, milli, models } of offers) {
      if (count > 0 && milli > most) continue
      if (models !== undefined && (model === undefined || !models.includes(model))) continue
      if (!covers(free, need) || (count > 1 && wholeOnes(left, n) < count)) continue
      for (let k = 0; k < need.length; k++) free[k]! -= need[k] as number
      if (count === 0) continue
      used += count * milli
      for (let open = count; open > 0; open--) left[tightest(left, n, milli)]! -= milli
      most = greatest(left, n)
      if (most < this.#least) break
    }
    return used
  }
}

function covers(free: Float64Array, need: readonly number[]): boolean {
  for (let k = 0; k < need.length; k++) if ((need[k] as number) > (free[k] as number)) return false
  return true
}

function greatest(left: Float64Array, n: number): number {
  let most = 0
  for (let p = 0; p < n; p++) if ((left[p] as number) > most) most = left[p] as number
  return most
}

function wholeOnes(left: Float64Array, n: number): number {
  let count = 0
  for (let p = 0; p < n; p++) if (left[p] === PART_MILLI) count++
  return count
}

/** The part with the least left that still has as much. */
function tightest(left: Float64Array, n: number, milli: number): number {
  let best = -1
  for (let p = 0; p < n; p++) {
    const here = left[p] as number
    if (here >= milli && (best < 0 || here < (left[best] as number))) best = p
  }
  return best
}
