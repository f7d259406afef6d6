/**
 * Passes texts on at most so often, and of those in between only the latest. Whoever puts them without ever waiting keeps
 * timers from firing, so the clock is asked too.
 */
export class LatestOnly {
  readonly #everyMs: number
  readonly #pass: (text: string) => void
  #latest: string | undefined
  #timer: NodeJS.Timeout | undefined
  #nextMs = 0
  #ended = false

  constructor(everyMs: number, pass: (text: string) => void) {
    this.#everyMs = everyMs
    this.#pass = pass
  }

  put(text: string): void {
    if (this.#ended) return
    this.#latest = text
    if (this.#timer === undefined || performance.now() >= this.#nextMs) this.#passSpaced()
  }

  /** Passes on what waits, and then what is put next. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#latest !== undefined) this.#pass(this.#latest)
    this.#latest = undefined
  }

  /** Passes on what waits, and nothing after that. */
  end(): void {
    this.flush()
    this.#ended = true
  }

  #passSpaced(): void {
    const waits = this.#latest !== undefined
    this.flush()
    if (!waits) return
    this.#nextMs = performance.now() + this.#everyMs
    this.#timer = setTimeout(() => this.#passSpaced(), this.#everyMs)
  }
}
