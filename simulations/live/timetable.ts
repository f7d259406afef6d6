/** What is to happen in a live run, by the run's own clock; nothing of it happens once the table is closed. */
export class Timetable {
  readonly #sinceMs: number
  readonly #timers = new Set<NodeJS.Timeout>()
  #closed = false

  /** The run begins now. */
  constructor() {
    this.#sinceMs = performance.now()
  }

  /** Milliseconds since the run began. */
  get nowMs(): number {
    return performance.now() - this.#sinceMs
  }

  /** Does something at a moment of the run; what is due already is done next. */
  at(timeMs: number, act: () => void): void {
    if (this.#closed) return
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        act()
      },
      Math.max(0, timeMs - this.nowMs),
    )
    this.#timers.add(timer)
  }

  /** Does something again and again until the table is closed. */
  every(intervalMs: number, act: () => void): void {
    const next = (n: number): void =>
      this.at(n * intervalMs, () => {
        act()
        next(n + 1)
      })
    next(Math.floor(this.nowMs / intervalMs) + 1)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }
}
