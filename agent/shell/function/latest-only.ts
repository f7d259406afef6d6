/** Passes texts on at most so often, and of those in between only the latest. */
export class LatestOnly {
  readonly #everyMs: number
  readonly #pass: (text: string) => void
  #latest: string | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(everyMs: number, pass: (text: string) => void) {
    this.#everyMs = everyMs
    this.#pass = pass
  }

  put(text: string): void {
    this.#latest = text
    if (this.#timer === undefined) this.#flush()
  }

  /** Passes on what waits. */
  end(): void {
    clearTimeout(this.#timer)
    if (this.#latest !== undefined) this.#pass(this.#latest)
    this.#latest = undefined
  }

  #flush(): void {
    this.#timer = undefined
    if (this.#latest === undefined) return
    const text = this.#latest
    this.#latest = undefined
    this.#timer = setTimeout(() => this.#flush(), this.#everyMs)
    this.#pass(text)
  }
}
