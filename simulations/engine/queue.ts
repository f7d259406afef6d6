/**
 * The event queue: a binary heap ordered by (time, sequence), with removal by handle.
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
  #times = new Float64Array(FIRST_SLOTS)
  #sequences = new Float64Array(FIRST_SLOTS)
  #kinds = new Int32Array(FIRST_SLOTS)
  #numbers = new Float64Array(FIRST_SLOTS)
  #generations = new Int32Array(FIRST_SLOTS)
  #places = new Int32Array(FIRST_SLOTS)
  #heap = new Int32Array(FIRST_SLOTS)
  #targets: (Target | undefined)[] = []
  #args: unknown[] = []
  #free: number[] = []
  #slots = 0

  /** Adds an event. Events of one time come out in the order in which they were pushed. */
  push(timeUs: number, target: Target, kind: number, arg: unknown, n: number): Handle {
    const slot = this.#free.pop() ?? this.#newSlot()
    this.#times[slot] = timeUs
    this.#sequences[slot] = this.#sequence++
    this.#kinds[slot] = kind
    this.#numbers[slot] = n
    this.#targets[slot] = target
    this.#args[slot] = arg
    this.#rise(this.size++, slot)
    return (this.#generations[slot] as number) * SLOTS_MAX + slot
  }

  /** The time of the next event; Infinity when there is none. */
  nextUs(): number {
    return this.size === 0 ? Infinity : (this.#times[this.#heap[0] as number] as number)
  }

  /** Takes the next event out, into `timeUs`, `kind`, `target`, `arg` and `n`. False when there is none. */
  pop(): boolean {
    if (this.size === 0) return false
    const slot = this.#heap[0] as number
    this.timeUs = this.#times[slot] as number
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
    const last = this.#heap[--this.size] as number
    if (last === slot) return
    if (place > 0 && this.#before(last, this.#heap[(place - 1) >> 1] as number)) this.#rise(place, last)
    else this.#sink(place, last)
  }

  #before(a: number, b: number): boolean {
    const first = this.#times[a] as number
    const second = this.#times[b] as number
    return (
      first < second || (first === second && (this.#sequences[a] as number) < (this.#sequences[b] as number))
    )
  }

  #rise(from: number, slot: number): void {
    const heap = this.#heap
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 1
      const other = heap[parent] as number
      if (!this.#before(slot, other)) break
      heap[place] = other
      this.#places[other] = place
      place = parent
    }
    heap[place] = slot
    this.#places[slot] = place
  }

  #sink(from: number, slot: number): void {
    const heap = this.#heap
    let place = from
    for (;;) {
      let child = 2 * place + 1
      if (child >= this.size) break
      if (child + 1 < this.size && this.#before(heap[child + 1] as number, heap[child] as number)) child++
      const other = heap[child] as number
      if (!this.#before(other, slot)) break
      heap[place] = other
      this.#places[other] = place
      place = child
    }
    heap[place] = slot
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
