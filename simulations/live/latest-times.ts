/** Times in milliseconds that are kept until they are asked for; beyond a bound the oldest go. */
const TIMES_MAX = 10_000

export class LatestTimes {
  #times: number[] = []

  add(ms: number): void {
    if (this.#times.length >= TIMES_MAX) this.#times.shift()
    this.#times.push(ms)
  }

  /** Those since they were taken last. */
  take(): readonly number[] {
    const taken = this.#times
    this.#times = []
    return taken
  }
}
