/**
 * Percentiles in bounded memory. A few durations are kept as they are and give exact percentiles; when there are
 * more they fall into buckets that grow by a constant factor, so that every percentile is wrong by at most 1 % of
 * itself, however many there are and however they are spread (Masson, Rim and Lee, "DDSketch", VLDB 2019).
 */
import type { Percentiles } from './model.ts'

/** So many durations are kept one by one. */
export const EXACT_VALUES_MAX = 2_000
/** How far a percentile of more than that may be from the true one, as a share of the true one. */
export const RELATIVE_ERROR_MAX = 0.01
/** Durations below this, in milliseconds, share a bucket; the error there is absolute and as small. */
export const BUCKETED_MS_MIN = 0.001
/** Durations above this, 31 years in milliseconds, share the last bucket. */
export const BUCKETED_MS_MAX = 1e12

const GAMMA = (1 + RELATIVE_ERROR_MAX) / (1 - RELATIVE_ERROR_MAX)
const LOG_GAMMA = Math.log(GAMMA)
const FIRST = Math.ceil(Math.log(BUCKETED_MS_MIN) / LOG_GAMMA)
const LAST = Math.ceil(Math.log(BUCKETED_MS_MAX) / LOG_GAMMA)
/** Bucket 0 is for what is below `BUCKETED_MS_MIN`. */
const BUCKETS = LAST - FIRST + 2

export class Sketch {
  #count = 0
  #minMs = Infinity
  #maxMs = -Infinity
  /** Until there are too many. */
  #exact: number[] = []
  /** From then on; as floats, which count exactly up to 2^53. */
  #buckets: Float64Array | undefined

  get count(): number {
    return this.#count
  }

  /**
   * @param ms a duration in milliseconds
   * @throws RangeError when it is negative or not finite
   */
  add(ms: number): void {
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`a duration is 0 ms or more, and finite: ${ms}`)
    this.#count++
    this.#minMs = Math.min(this.#minMs, ms)
    this.#maxMs = Math.max(this.#maxMs, ms)
    if (this.#buckets !== undefined) count(this.#buckets, ms, 1)
    else {
      this.#exact.push(ms)
      if (this.#exact.length > EXACT_VALUES_MAX) this.#spill()
    }
  }

  /** Takes in all that another holds, which stays as it is; the same as adding its durations one by one. */
  merge(other: Sketch): void {
    const buckets = other.#buckets
    if (buckets === undefined) {
      for (const ms of [...other.#exact]) this.add(ms)
      return
    }
    const mine = this.#spill()
    for (let index = 0; index < BUCKETS; index++) mine[index] = (mine[index] ?? 0) + (buckets[index] ?? 0)
    this.#count += other.#count
    this.#minMs = Math.min(this.#minMs, other.#minMs)
    this.#maxMs = Math.max(this.#maxMs, other.#maxMs)
  }

  /** By nearest rank: the p-th percentile is the least duration that p % of all do not exceed. `max` is exact. */
  percentiles(): Percentiles {
    if (this.#count === 0) return { count: 0, p50: null, p95: null, p99: null, max: null }
    const [p50, p95, p99] = this.#at([0.5, 0.95, 0.99].map((share) => rank(share, this.#count)))
    return { count: this.#count, p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null, max: this.#maxMs }
  }

  /** The durations at ranks that ascend from 1. */
  #at(ranks: readonly number[]): number[] {
    const buckets = this.#buckets
    if (buckets === undefined) {
      const sorted = this.#exact.toSorted((a, b) => a - b)
      return ranks.map((rank) => sorted[rank - 1] as number)
    }
    let index = 0
    let below = buckets[0] as number
    return ranks.map((rank) => {
      while (below < rank) below += buckets[++index] as number
      return Math.min(this.#maxMs, Math.max(this.#minMs, middleMs(index)))
    })
  }

  #spill(): Float64Array {
    if (this.#buckets !== undefined) return this.#buckets
    const buckets = new Float64Array(BUCKETS)
    for (const ms of this.#exact) count(buckets, ms, 1)
    this.#exact = []
    this.#buckets = buckets
    return buckets
  }
}

/** How many of `count` are at most the percentile; a share like 0.95 is no binary number, so noise is rounded off. */
function rank(share: number, count: number): number {
  return Math.max(1, Math.ceil(Math.round(share * 100 * count) / 100))
}

function count(buckets: Float64Array, ms: number, times: number): void {
  const index =
    ms < BUCKETED_MS_MIN ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms) / LOG_GAMMA) - FIRST + 1)
  buckets[index] = (buckets[index] as number) + times
}

/** What differs from both ends of a bucket by the same share of them. */
function middleMs(index: number): number {
  return index === 0 ? 0 : (2 * GAMMA ** (index - 1 + FIRST)) / (GAMMA + 1)
}
