/** The devices that could take a shape if they were empty: one bit for each slot of the fleet. */
import type { DeviceRecord } from '../device-record.ts'
import type { FleetTable } from './fleet-table.ts'

/** Slots a word. */
export const WORD = 32
const WORDS_MIN = 2

export class Eligible implements Iterable<DeviceRecord> {
  /** Bits by slot. */
  words = new Int32Array(0)
  /** How many devices there are. */
  length = 0
  readonly #table: FleetTable

  constructor(table: FleetTable) {
    this.#table = table
  }

  has(slot: number): boolean {
    return ((this.words[slot >>> 5] ?? 0) & (1 << (slot & 31))) !== 0
  }

  /** Whether the device is one of them; what has left the fleet never is. */
  includes(device: DeviceRecord): boolean {
    const slot = this.#table.slotOf(device)
    return slot !== undefined && this.has(slot)
  }

  add(slot: number): void {
    if (this.has(slot)) return
    const word = slot >>> 5
    if (word >= this.words.length) {
      const wider = new Int32Array(Math.max(WORDS_MIN, 2 * this.words.length, word + 1))
      wider.set(this.words)
      this.words = wider
    }
    this.words[word] = (this.words[word] as number) | (1 << (slot & 31))
    this.length++
  }

  delete(slot: number): void {
    if (!this.has(slot)) return
    const word = slot >>> 5
    this.words[word] = (this.words[word] as number) & ~(1 << (slot & 31))
    this.length--
  }

  [Symbol.iterator](): IterableIterator<DeviceRecord> {
    return this.from(0)
  }

  /** All of them, from those on that are so many words of slots further. */
  *from(begin: number): IterableIterator<DeviceRecord> {
    const { words } = this
    for (let i = 0; i < words.length; i++) {
      const word = (begin + i) % words.length
      for (let bits = words[word] as number; bits !== 0; bits &= bits - 1) {
        const device = this.#table.devices[slotOf(word, bits)]
        if (device !== undefined) yield device
      }
    }
  }
}

/** The slot of the lowest of a word's bits. */
export function slotOf(word: number, bits: number): number {
  return (word << 5) + 31 - Math.clz32(bits & -bits)
}
