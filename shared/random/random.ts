/**
 * A seeded generator: sfc32 of Chris Doty-Humphrey's PractRand, 128 bits of state, seeded through
 * SplitMix-like hashing of a string. The same seed gives the same numbers on every machine.
 */
export class Random {
  readonly seed: string
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: string | number) {
    this.seed = String(seed)
    ;[this.#a, this.#b, this.#c] = hashSeed(this.seed)
    for (let round = 0; round < 15; round++) this.#next()
  }

  /** A generator of its own for a subsystem: drawing from one does not shift another. */
  fork(name: string): Random {
    return new Random(`${this.seed}/${name}`)
  }

  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    // Each word is kept as a 32-bit integer at all times: anything larger would be stored apart from the generator.
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** In [0, 1). */
  float(): number {
    return this.#next() / 2 ** 32
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.float() * below)
  }

  /** A number in [min, max). */
  between(min: number, max: number): number {
    return min + this.float() * (max - min)
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.float() < probability
  }

  /** One of the items; the list must not be empty. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick from an empty list')
    return items[this.below(items.length)] as T
  }

  /** A name of `length` letters and digits, for nonces and ids. */
  name(length: number): string {
    let text = ''
    for (let i = 0; i < length; i++) text += ALPHABET[this.below(ALPHABET.length)]
    return text
  }

  /** Shuffles in place (Fisher and Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[items[i], items[j]] = [items[j] as T, items[i] as T]
    }
    return items
  }

  /** An exponentially distributed number with the given mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.float())
  }
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Three well-mixed 32-bit words of a string (cyrb128 of bryc, public domain). */
function hashSeed(text: string): [number, number, number] {
  let h1 = 1779033703
  let h2 = 3144134277
  let h3 = 1013904242
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    h1 = h2 ^ Math.imul(h1 ^ unit, 597399067)
    h2 = h3 ^ Math.imul(h2 ^ unit, 2869860233)
    h3 = h1 ^ Math.imul(h3 ^ unit, 951274213)
  }
  h1 = Math.imul(h3 ^ (h1 >>> 18), 597399067)
  h2 = Math.imul(h1 ^ (h2 >>> 22), 2869860233)
  h3 = Math.imul(h2 ^ (h3 >>> 17), 951274213)
  return [h1 | 0, h2 | 0, h3 | 0]
}

/**
 * Capped exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015):
 * uniform in [0, min(cap, base × 2^tries)).
 *
 * @param tries how many tries have failed so far, from 0
 */
export function backoffMs(random: Random, tries: number, baseMs: number, capMs: number): number {
  return Math.round(random.float() * Math.min(capMs, baseMs * 2 ** Math.min(tries, 30)))
}
