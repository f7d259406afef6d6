/** The start of an output stream, bounded by what it takes as a JSON string in a message. */

export interface Captured {
  readonly text: string
  /** True when there was more. */
  readonly truncated: boolean
}

/** Bytes that are not UTF-8 become U+FFFD, one sequence each. */
export class Capture {
  readonly #bytesMax: number
  readonly #parts: Buffer[] = []
  #bytes = 0
  #truncated = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  add(chunk: Buffer): void {
    const room = this.#bytesMax - this.#bytes
    if (chunk.length > room) this.#truncated = true
    if (room === 0) return
    const part = chunk.subarray(0, room)
    // A copy, so that a few bytes do not hold on to the whole read buffer.
    this.#parts.push(part.length < chunk.length || chunk.length < 1024 ? Buffer.from(part) : part)
    this.#bytes += part.length
  }

  /** What was captured; it ends at a whole character. */
  text(): Captured {
    // With `stream` the decoder holds a character back that the cut has split.
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const text = decoder.decode(Buffer.concat(this.#parts), { stream: this.#truncated })
    const kept = cutToJsonBytes(text, this.#bytesMax)
    return { text: kept, truncated: this.#truncated || kept.length < text.length }
  }
}

/** The longest start of well-formed `text` that takes at most `bytesMax` bytes within a JSON string. */
export function cutToJsonBytes(text: string, bytesMax: number): string {
  // No code unit takes more than six bytes (\u0000).
  if (text.length * 6 <= bytesMax) return text
  let bytes = 0
  let end = 0
  while (end < text.length) {
    const code = text.codePointAt(end) as number
    bytes += jsonBytesOf(code)
    if (bytes > bytesMax) return text.slice(0, end)
    end += code > 0xffff ? 2 : 1
  }
  return text
}

const SHORT_ESCAPES = new Set([0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x22, 0x5c])

function jsonBytesOf(code: number): number {
  if (SHORT_ESCAPES.has(code)) return 2
  if (code < 0x20) return 6
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code > 0xffff ? 4 : 3
}
