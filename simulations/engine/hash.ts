/**
 * The running hash of a run: two 32-bit lanes into which every event and every published content is mixed.
 * Two runs of a seed that differ anywhere differ here, which is all that is asked of it; it is no
 * cryptographic hash.
 */
const floats = new Float64Array(1)
const words = new Uint32Array(floats.buffer)

/** FNV-1a of a string's UTF-16 units. */
export function stringHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

export class TraceHash {
  #a = 0x9e3779b9 | 0
  #b = 0x85ebca6b | 0

  /** Mixes a 32-bit integer in. */
  int(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193)
    this.#a ^= this.#a >>> 15
    this.#b = (Math.imul(this.#b, 0x85ebca77) + value) | 0
    this.#b ^= this.#b >>> 13
  }

  /** Mixes any number in, all 64 bits of it. */
  number(value: number): void {
    floats[0] = value
    this.int(words[0] as number)
    this.int(words[1] as number)
  }

  string(text: string): void {
    this.hashed(stringHash(text), text.length)
  }

  /** Mixes a string in whose hash is known. */
  hashed(hash: number, length: number): void {
    this.int(hash)
    this.int(length)
  }

  /**
   * Mixes a JSON-like value in, by structure and without serialising it. Keys are left out: they come from the code and
   * not from the run, and would be half of the work.
   */
  value(value: unknown): void {
    if (typeof value === 'number') this.number(value)
    else if (typeof value === 'string') this.string(value)
    else if (typeof value === 'object' && value !== null) this.#object(value)
    else if (typeof value === 'boolean') this.int(value ? 2 : 3)
    else this.int(1)
  }

  #object(value: object): void {
    let count = 0
    if (Array.isArray(value)) {
      for (; count < value.length; count++) this.value(value[count])
      this.int(5)
    } else {
      for (const key in value) {
        const item = (value as Record<string, unknown>)[key]
        if (item === undefined) continue
        this.value(item)
        count++
      }
      this.int(4)
    }
    this.int(count)
  }

  /** The hash so far: 16 hexadecimal digits. */
  text(): string {
    const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0')
    return hex(this.#a) + hex(this.#b)
  }
}
