/**
 * Percentiles of any number of times in little memory: counts by size, each class 1 % wider than the one before. A
 * percentile is at most that much above the true one; the largest is exact.
 */
import type { Percentiles } from '../report/model.ts'

const RATIO = 1.01
const LOG_RATIO = Math.log(RATIO)
/** Times below this, in milliseconds, count as one. */
const LEAST_MS = 0.1
/** Up to 32 years. */
const CLASSES_MAX = 3_200

export class Histogram {
  count = 0
  #maxMs = 0
  readonly #counts = new Map<number, number>()

  /** Adds a time in milliseconds. */
  add(ms: number): void {
    const index = ms <= LEAST_MS ? 0 : Math.min(CLASSES_MAX, Math.ceil(Math.log(ms / LEAST_MS) / LOG_RATIO))
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + 1)
    this.#maxMs = Math.max(this.#maxMs, ms)
    this.count++
  }

  percentiles(): Percentiles {
    if (this.count === 0) return { count: 0, p50: null, p95: null, p99: null, max: null }
    const sorted = [...this.#counts].sort(([a], [b]) => a - b)
    const at = (share: number): number => {
      let left = Math.ceil(share * this.count)
      for (const [index, count] of sorted) {
        left -= count
        if (left <= 0) return rounded(Math.min(this.#maxMs, LEAST_MS * RATIO ** index))
      }
      return rounded(this.#maxMs)
    }
    return { count: this.count, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: rounded(this.#maxMs) }
  }

  clear(): void {
    this.count = 0
    this.#maxMs = 0
    this.#counts.clear()
  }
}

/** To tenths of a millisecond. */
function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}
