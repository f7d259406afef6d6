/**
 * Output of a running attempt on its way to whoever watches: gathered for a moment, cut into pieces, and at most so
 * many bytes a second. What exceeds that is left out and counted, because logs must not crowd out the messages
 * that move work.
 */
import type { ShellLimits } from './limits.ts'

type LogLimits = Pick<ShellLimits, 'logBytesPerSecondMax' | 'logChunkBytesMax' | 'logFlushMs'>

/** A bucket of bytes that fills at a constant rate; an attempt's streams share one. */
export class ByteBudget {
  readonly #perSecondMax: number
  readonly #clock: () => number
  #left: number
  #filledMs: number

  constructor(perSecondMax: number, clock: () => number = () => performance.now()) {
    this.#perSecondMax = perSecondMax
    this.#clock = clock
    this.#left = perSecondMax
    this.#filledMs = clock()
  }

  /** Takes the bytes, all or none. */
  take(bytes: number): boolean {
    const nowMs = this.#clock()
    const grown = this.#left + ((nowMs - this.#filledMs) / 1000) * this.#perSecondMax
    this.#left = Math.min(this.#perSecondMax, grown)
    this.#filledMs = nowMs
    if (this.#left < bytes) return false
    this.#left -= bytes
    return true
  }
}

/** A character of UTF-8 has at most four bytes, so three may be held back from the piece before. */
const HELD_BACK_BYTES_MAX = 3

export class LiveOutput {
  readonly #budget: ByteBudget
  readonly #limits: LogLimits
  readonly #pass: (text: string) => void
  #decoder = newDecoder()
  #parts: Buffer[] = []
  #bytes = 0
  #leftOutBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(budget: ByteBudget, limits: LogLimits, pass: (text: string) => void) {
    this.#budget = budget
    this.#limits = limits
    this.#pass = pass
  }

  add(chunk: Buffer): void {
    const pieceMax = this.#limits.logChunkBytesMax - HELD_BACK_BYTES_MAX
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + pieceMax - this.#bytes)
      this.#parts.push(part)
      this.#bytes += part.length
      from += part.length
      if (this.#bytes === pieceMax) this.#flush()
    }
    if (this.#bytes > 0) this.#timer ??= setTimeout(() => this.#flush(), this.#limits.logFlushMs)
  }

  /** Passes on what is left, and how much was left out. */
  end(): void {
    this.#flush()
    this.#passText(this.#decoder.decode())
    if (this.#leftOutBytes > 0) this.#pass(this.#note())
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#bytes === 0) return
    const piece = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    if (!this.#budget.take(piece.length)) {
      this.#leftOutBytes += piece.length
      return
    }
    if (this.#leftOutBytes > 0) {
      this.#decoder = newDecoder()
      this.#pass(this.#note())
      this.#leftOutBytes = 0
    }
    this.#passText(this.#decoder.decode(piece, { stream: true }))
  }

  #passText(text: string): void {
    if (text !== '') this.#pass(text)
  }

  #note(): string {
    const { logBytesPerSecondMax } = this.#limits
    return `\n[covey: left out ${this.#leftOutBytes} bytes, output exceeds ${logBytesPerSecondMax} bytes a second]\n`
  }
}

function newDecoder() {
  return new TextDecoder('utf-8', { ignoreBOM: true })
}
