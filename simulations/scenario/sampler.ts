/** Looks at a run at even intervals and keeps the series that charts are drawn from. */
import type { Series } from '../report/model.ts'
import type { Metrics } from './metrics.ts'

export const SAMPLES_MAX = 5_000
const INTERVAL_MS_MIN = 1_000
const SAMPLES_WANTED = 600

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] }

export class Sampler {
  readonly intervalMs: number
  readonly #metrics: Metrics
  readonly #cpuMilli: number
  readonly #series: Writable<Series> = {
    atMs: [],
    devicesUp: [],
    load: [],
    queue: [],
    running: [],
    placements: [],
    reroutes: [],
    ends: [],
    latencyP50Ms: [],
    latencyP95Ms: [],
    latencyP99Ms: [],
  }
  #attempts = 0
  #reroutes = 0

  /** @param cpuMilli what all devices have together, in thousandths of a core */
  constructor(metrics: Metrics, durationMs: number, cpuMilli: number) {
    this.intervalMs = Math.max(INTERVAL_MS_MIN, Math.ceil(durationMs / SAMPLES_WANTED))
    this.#metrics = metrics
    this.#cpuMilli = cpuMilli
  }

  get series(): Series {
    return this.#series
  }

  /** Takes a sample; the caller does so every `intervalMs`. */
  look(nowMs: number, devicesUp: number): void {
    if (this.#series.atMs.length < SAMPLES_MAX) this.#sample(nowMs, devicesUp)
    this.#metrics.sampleMs.length = 0
  }

  #sample(nowMs: number, devicesUp: number): void {
    const metrics = this.#metrics
    const series = this.#series
    const times = metrics.sampleMs.sort((a, b) => a - b)
    series.atMs.push(Math.round(nowMs))
    series.devicesUp.push(devicesUp)
    series.load.push(this.#cpuMilli === 0 ? 0 : Math.round((1000 * metrics.cpuMilli) / this.#cpuMilli) / 1000)
    series.queue.push(metrics.waiting)
    series.running.push(metrics.running)
    series.placements.push(metrics.attempts - this.#attempts)
    series.reroutes.push(metrics.reroutes - this.#reroutes)
    series.ends.push(times.length)
    series.latencyP50Ms.push(percentile(times, 0.5))
    series.latencyP95Ms.push(percentile(times, 0.95))
    series.latencyP99Ms.push(percentile(times, 0.99))
    this.#attempts = metrics.attempts
    this.#reroutes = metrics.reroutes
  }
}

function percentile(sorted: readonly number[], share: number): number | null {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
  return value === undefined ? null : Math.round(value * 10) / 10
}
