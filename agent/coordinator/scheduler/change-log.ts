/** Which slots changed last, in a ring. Whoever reads it keeps the position up to which it has. */

/** The least number of changes that are remembered. */
const REMEMBERED_MIN = 1_024

export class ChangeLog {
  /** Position `p` stands at `p & (slots.length - 1)`. */
  slots = new Int32Array(REMEMBERED_MIN)
  /** Changes so far, and how many had been when the ring was last made. */
  head = 0
  #oldest = 0

  note(slot: number): void {
    this.slots[this.head++ & (this.slots.length - 1)] = slot
  }

  /** Whether what came after the position is still known. */
  reaches(position: number): boolean {
    return position >= this.#oldest && this.head - position <= this.slots.length
  }

  /** Remembers at least so many changes from now on. What was in a smaller ring is forgotten. */
  widen(changes: number): void {
    if (this.slots.length >= changes) return
    this.slots = new Int32Array(2 ** Math.ceil(Math.log2(changes)))
    this.#oldest = this.head
  }
}
