/** A recorded trace: JSON lines in a ring, so that the end of a long run is kept and memory stays bounded. */

/** One thing that happened, as it stands in the trace. */
export interface TraceLine {
  readonly ms: number
  readonly who: string
  readonly what: string
  readonly detail?: unknown
}

export const TRACE_LINES_MAX = 200_000

export class Trace {
  readonly #linesMax: number
  readonly #lines: string[] = []
  #next = 0
  /** How many lines were written in all; those beyond the bound have been overwritten. */
  written = 0

  constructor(linesMax: number = TRACE_LINES_MAX) {
    this.#linesMax = linesMax
  }

  /** Serialised at once: what a core hands out may change later. */
  add(line: TraceLine): void {
    const text = JSON.stringify(line)
    if (this.#lines.length < this.#linesMax) this.#lines.push(text)
    else this.#lines[this.#next] = text
    this.#next = (this.#next + 1) % this.#linesMax
    this.written++
  }

  /** The lines that are kept, oldest first. */
  lines(): string[] {
    if (this.#lines.length < this.#linesMax) return [...this.#lines]
    return [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)]
  }
}
