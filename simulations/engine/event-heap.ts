/**
 * A heap of four children a node, ordered by (time, sequence), with removal of any member. It holds slot numbers of
 * the event queue. Keys stand in the order of the heap, so that the children that are compared lie side by side in
 * memory, and every slot knows its place.
 */
const FIRST_SLOTS = 1024

export class EventHeap {
  size = 0
  /** By place in the heap: the key, and the slot. */
  #times = new Float64Array(FIRST_SLOTS)
  #sequences = new Float64Array(FIRST_SLOTS)
  #slots = new Int32Array(FIRST_SLOTS)
  /** By slot: its place. */
  #places = new Int32Array(FIRST_SLOTS)

  /** The time of the first member; Infinity when there is none. */
  firstUs(): number {
    return this.size === 0 ? Infinity : (this.#times[0] as number)
  }

  /** The slot of the first member; there must be one. */
  first(): number {
    return this.#slots[0] as number
  }

  add(slot: number, timeUs: number, sequence: number): void {
    if (slot >= this.#places.length) this.#places = widen(this.#places, new Int32Array(2 * slot))
    if (this.size >= this.#slots.length) this.#grow()
    this.#rise(this.size++, timeUs, sequence, slot)
  }

  /** Takes a member out, wherever it is. */
  remove(slot: number): void {
    const place = this.#places[slot] as number
    const end = --this.size
    if (place === end) return
    const timeUs = this.#times[end] as number
    const sequence = this.#sequences[end] as number
    const last = this.#slots[end] as number
    if (place > 0 && this.#before(timeUs, sequence, (place - 1) >> 2))
      this.#rise(place, timeUs, sequence, last)
    else this.#sink(place, timeUs, sequence, last)
  }

  /** True when the key comes before that of a place. */
  #before(timeUs: number, sequence: number, place: number): boolean {
    const other = this.#times[place] as number
    return timeUs < other || (timeUs === other && sequence < (this.#sequences[place] as number))
  }

  #rise(from: number, timeUs: number, sequence: number, slot: number): void {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 2
      if (!this.#before(timeUs, sequence, parent)) break
      this.#move(parent, place)
      place = parent
    }
    this.#put(place, timeUs, sequence, slot)
  }

  #sink(from: number, timeUs: number, sequence: number, slot: number): void {
    let place = from
    for (;;) {
      const first = 4 * place + 1
      if (first >= this.size) break
      const end = Math.min(first + 4, this.size)
      let child = first
      for (let other = first + 1; other < end; other++) {
        if (this.#before(this.#times[other] as number, this.#sequences[other] as number, child)) child = other
      }
      if (this.#before(timeUs, sequence, child)) break
      this.#move(child, place)
      place = child
    }
    this.#put(place, timeUs, sequence, slot)
  }

  #move(from: number, to: number): void {
    const slot = this.#slots[from] as number
    this.#put(to, this.#times[from] as number, this.#sequences[from] as number, slot)
  }

  #put(place: number, timeUs: number, sequence: number, slot: number): void {
    this.#times[place] = timeUs
    this.#sequences[place] = sequence
    this.#slots[place] = slot
    this.#places[slot] = place
  }

  #grow(): void {
    const places = 2 * this.#slots.length
    this.#times = widen(this.#times, new Float64Array(places))
    this.#sequences = widen(this.#sequences, new Float64Array(places))
    this.#slots = widen(this.#slots, new Int32Array(places))
  }
}

/** Copies an array to the beginning of a larger one. */
function widen<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from as never)
  return to
}
