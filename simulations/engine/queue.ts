/**
 * The event queue: a heap of four children a node, ordered by (time, sequence), with removal by handle. Keys stand in
 * the order of the heap, so that the children that are compared lie side by side in memory.
 *
 * Millions of events pass through it, so events live in parallel arrays and not in objects: pushing and
 * popping allocate nothing. The heap holds slot numbers and every slot knows its place in the heap, so a
 * timer that is restarted is taken out at once and does not linger until its old time comes.
 */

/** Whatever events are for. `serial` goes into the trace hash, so it must be the same in every run. */
export interface Target {
  readonly serial: number
  /** Called at the event's time with what was given to `push`. */
  on(kind: number, arg: unknown, n: number): void
}

/** Names a waiting event. Stale handles are recognised; `NO_EVENT` names none. */
export type Handle = number
export const NO_EVENT: Handle = -1

const SLOTS_MAX = 2 ** 26
const FIRST_SLOTS = 1024

export class EventQueue {
  size = 0
  /** The event that `pop` took out last. */
  timeUs = 0
  kind = 0
  n = 0
  target: Target | undefined
  arg: unknown

  #sequence = 0
  #kinds = new Int32Array(FIRST_SLOTS)
  #numbers = new Float64Array(FIRST_SLOTS)
  #generations = new Int32Array(FIRST_SLOTS)
  #places = new Int32Array(FIRST_SLOTS)
  /** By place in the heap: the key, and the slot. */
  #times = new Float64Array(FIRST_SLOTS)
  #sequences = new Float64Array(FIRST_SLOTS)
  #heap = new Int32Array(FIRST_SLOTS)
  #targets: (Target | undefined)[] = []
  #args: unknown[] = []
  #free: number[] = []
  #slots = 0

  /** Adds an event. Events of one time come out in the order in which they were pushed. */
  push(timeUs: number, target: Target, kind: number, arg: unknown, n: number): Handle {
    const slot = this.#free.pop() ?? this.#newSlot()
    this.#kinds[slot] = kind
    this.#numbers[slot] = n
    this.#targets[slot] = target
    this.#args[slot] = arg
    this.#rise(this.size++, timeUs, this.#sequence++, slot)
    return (this.#generations[slot] as number) * SLOTS_MAX + slot
  }

  /** The time of the next event; Infinity when there is none. */
  nextUs(): number {
    return this.size === 0 ? Infinity : (this.#times[0] as number)
  }

  /** Takes the next event out, into `timeUs`, `kind`, `target`, `arg` and `n`. False when there is none. */
  pop(): boolean {
    if (this.size === 0) return false
    const slot = this.#heap[0] as number
    this.timeUs = this.#times[0] as number
    this.kind = this.#kinds[slot] as number
    this.n = this.#numbers[slot] as number
    this.target = this.#targets[slot]
    this.arg = this.#args[slot]
    this.#takeOut(slot)
    return true
  }

  /** Takes a waiting event out; false when it has come already or was cancelled. */
  cancel(handle: Handle): boolean {
    if (handle < 0) return false
    const slot = handle % SLOTS_MAX
    if ((this.#generations[slot] as number) !== Math.floor(handle / SLOTS_MAX)) return false
    this.#takeOut(slot)
    return true
  }

  #takeOut(slot: number): void {
    const place = this.#places[slot] as number
    this.#generations[slot] = ((this.#generations[slot] as number) + 1) & 0x3ffffff
    this.#targets[slot] = undefined
    this.#args[slot] = undefined
    this.#free.push(slot)
    const end = --this.size
    if (place === end) return
    const timeUs = this.#times[end] as number
    const sequence = this.#sequences[end] as number
    const last = this.#heap[end] as number
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
    const slot = this.#heap[from] as number
    this.#times[to] = this.#times[from] as number
    this.#sequences[to] = this.#sequences[from] as number
    this.#heap[to] = slot
    this.#places[slot] = to
  }

  #put(place: number, timeUs: number, sequence: number, slot: number): void {
    this.#times[place] = timeUs
    this.#sequences[place] = sequence
    this.#heap[place] = slot
    this.#places[slot] = place
  }

  #newSlot(): number {
    const slot = this.#slots++
    if (slot >= SLOTS_MAX) throw new RangeError(`more than ${SLOTS_MAX} events wait in the queue`)
    if (slot >= this.#times.length) this.#grow(this.#times.length * 2)
    return slot
  }

  #grow(slots: number): void {
    const widen = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from as never)
      return to
    }
    this.#times = widen(this.#times, new Float64Array(slots))
    this.#sequences = widen(this.#sequences, new Float64Array(slots))
    this.#kinds = widen(this.#kinds, new Int32Array(slots))
    this.#numbers = widen(this.#numbers, new Float64Array(slots))
    this.#generations = widen(this.#generations, new Int32Array(slots))
    this.#places = widen(this.#places, new Int32Array(slots))
    this.#heap = widen(this.#heap, new Int32Array(slots))
  }
}
