/**
 * The event queue: events come out by (time, sequence), and are removed by handle.
 *
 * Nearly all events wait for much longer than the next one, so only those of the current millisecond stand in a heap.
 * The others lie unsorted in a wheel of lists, one a millisecond, and those of later turns in a second wheel of lists,
 * one a turn (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987). When its time comes a list is
 * poured into the heap, which sorts it; so the cost of an event does not grow with how many wait.
 *
 * Millions of events pass through it, so events live in one array and not in objects: pushing and popping allocate
 * nothing, and a timer that is restarted is taken out at once and does not linger until its old time comes. All that is
 * known of an event stands side by side, as long as a cache line: most wait for so long that each is out of the cache
 * when it comes.
 */
import { EventHeap } from './event-heap.ts'

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
/** How long one list of the first wheel lasts; a power of two near a millisecond. */
const LIST_US = 1024
/** Lists in each wheel. A turn of the first is 8.4 s. What is further than a turn of the second waits in its last. */
const LISTS = 8192
const NONE = -1
/** Instead of a list: the event stands in the heap. */
const IN_HEAP = -2
/** What a slot holds: three floats, and after them integers, which count twice as many places. */
const FLOATS = 8
const TIME = 0
const SEQUENCE = 1
const NUMBER = 2
const INTEGERS = 2 * FLOATS
const KIND = 6
const GENERATION = 7
const LIST = 8
const NEXT = 9
const PREVIOUS = 10
const SERIAL = 11

export class EventQueue {
  size = 0
  /** The event that `pop` took out last. */
  timeUs = 0
  kind = 0
  n = 0
  /** The target's: kept with the event, since targets are of many kinds and far apart. */
  serial = 0
  target: Target | undefined
  arg: unknown

  #sequence = 0
  readonly #heap = new EventHeap()
  /** The list, counted from time zero, whose events stand in the heap; and the turn that it is in. */
  #list = 0
  #turn = 0
  /** By list, those of the first wheel and then those of the second: the first slot in it. */
  readonly #heads = new Int32Array(2 * LISTS).fill(NONE)
  #listed = 0
  /** By slot: the same memory as floats and as integers. */
  #floats = new Float64Array(FIRST_SLOTS * FLOATS)
  #integers = new Int32Array(this.#floats.buffer)
  #targets: (Target | undefined)[] = []
  #args: unknown[] = []
  #free: number[] = []
  #slots = 0

  /** Adds an event. Events of one time come out in the order in which they were pushed. */
  push(timeUs: number, target: Target, kind: number, arg: unknown, n: number): Handle {
    const slot = this.#free.pop() ?? this.#newSlot()
    const floats = slot * FLOATS
    this.#floats[floats + TIME] = timeUs
    this.#floats[floats + SEQUENCE] = this.#sequence++
    this.#floats[floats + NUMBER] = n
    this.#integers[slot * INTEGERS + KIND] = kind
    this.#integers[slot * INTEGERS + SERIAL] = target.serial
    this.#targets[slot] = target
    this.#args[slot] = arg
    this.size++
    this.#place(slot, timeUs)
    return (this.#integers[slot * INTEGERS + GENERATION] as number) * SLOTS_MAX + slot
  }

  /** The time of the next event; Infinity when there is none. */
  nextUs(): number {
    if (this.#heap.size === 0 && this.#listed > 0) this.#advance()
    return this.#heap.firstUs()
  }

  /** Takes the next event out, into `timeUs`, `kind`, `target`, `serial`, `arg` and `n`. False when there is none. */
  pop(): boolean {
    if (this.nextUs() === Infinity) return false
    const slot = this.#heap.first()
    this.timeUs = this.#floats[slot * FLOATS + TIME] as number
    this.n = this.#floats[slot * FLOATS + NUMBER] as number
    this.kind = this.#integers[slot * INTEGERS + KIND] as number
    this.serial = this.#integers[slot * INTEGERS + SERIAL] as number
    this.target = this.#targets[slot]
    this.arg = this.#args[slot]
    this.#takeOut(slot)
    return true
  }

  /** Takes a waiting event out; false when it has come already or was cancelled. */
  cancel(handle: Handle): boolean {
    if (handle < 0) return false
    const slot = handle % SLOTS_MAX
    if (this.#integers[slot * INTEGERS + GENERATION] !== Math.floor(handle / SLOTS_MAX)) return false
    this.#takeOut(slot)
    return true
  }

  #takeOut(slot: number): void {
    const integers = slot * INTEGERS
    this.#integers[integers + GENERATION] =
      ((this.#integers[integers + GENERATION] as number) + 1) & 0x3ffffff
    this.#targets[slot] = undefined
    this.#args[slot] = undefined
    this.#free.push(slot)
    this.size--
    if (this.#integers[integers + LIST] === IN_HEAP) this.#heap.remove(slot)
    else this.#unlink(slot)
  }

  /** Puts an event where its time belongs. */
  #place(slot: number, timeUs: number): void {
    const list = Math.floor(timeUs / LIST_US)
    if (list <= this.#list) {
      this.#integers[slot * INTEGERS + LIST] = IN_HEAP
      this.#heap.add(slot, timeUs, this.#floats[slot * FLOATS + SEQUENCE] as number)
      return
    }
    const turn = Math.floor(list / LISTS)
    if (turn === this.#turn) return this.#link(slot, list % LISTS)
    if (!Number.isFinite(timeUs)) throw new RangeError(`an event cannot be at ${timeUs} us`)
    this.#link(slot, LISTS + (Math.min(turn, this.#turn + LISTS - 1) % LISTS))
  }

  #link(slot: number, list: number): void {
    const head = this.#heads[list] as number
    const integers = slot * INTEGERS
    this.#integers[integers + LIST] = list
    this.#integers[integers + NEXT] = head
    this.#integers[integers + PREVIOUS] = NONE
    if (head !== NONE) this.#integers[head * INTEGERS + PREVIOUS] = slot
    this.#heads[list] = slot
    this.#listed++
  }

  #unlink(slot: number): void {
    const integers = slot * INTEGERS
    const next = this.#integers[integers + NEXT] as number
    const previous = this.#integers[integers + PREVIOUS] as number
    if (next !== NONE) this.#integers[next * INTEGERS + PREVIOUS] = previous
    if (previous !== NONE) this.#integers[previous * INTEGERS + NEXT] = next
    else this.#heads[this.#integers[integers + LIST] as number] = next
    this.#listed--
  }

  /** Goes on to the next list that holds anything, until something stands in the heap. */
  #advance(): void {
    while (this.#heap.size === 0) {
      const end = (this.#turn + 1) * LISTS
      do this.#list++
      while (this.#list < end && this.#heads[this.#list % LISTS] === NONE)
      if (this.#list < end) this.#pour(this.#list % LISTS)
      else this.#nextTurn()
    }
  }

  /** Begins the next turn of which anything waits. */
  #nextTurn(): void {
    do this.#turn++
    while (this.#heads[LISTS + (this.#turn % LISTS)] === NONE)
    this.#list = this.#turn * LISTS
    this.#pour(LISTS + (this.#turn % LISTS))
  }

  /** Empties a list and puts its events where they belong now. */
  #pour(list: number): void {
    let slot = this.#heads[list] as number
    this.#heads[list] = NONE
    while (slot !== NONE) {
      const next = this.#integers[slot * INTEGERS + NEXT] as number
      this.#listed--
      this.#place(slot, this.#floats[slot * FLOATS + TIME] as number)
      slot = next
    }
  }

  #newSlot(): number {
    const slot = this.#slots++
    if (slot >= SLOTS_MAX) throw new RangeError(`more than ${SLOTS_MAX} events wait in the queue`)
    if (slot * FLOATS >= this.#floats.length) this.#grow(2 * this.#floats.length)
    return slot
  }

  #grow(floats: number): void {
    const wider = new Float64Array(floats)
    wider.set(this.#floats)
    this.#floats = wider
    this.#integers = new Int32Array(wider.buffer)
  }
}
