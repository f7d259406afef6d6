/**
 * The elements of one array, as small as can be: a few bytes for each that waits or has ended, and a full record
 * only for those that are under way. Ten thousand elements that wait cost less than a hundred tasks.
 *
 *   waiting ──drawn, or found on a device──▶ live ──ended, and its page acknowledged──▶ ended
 */
import type { Failure } from '../../shared/errors/errors.ts'
import type { Attempt, Reign } from '../../shared/protocol/attempt.ts'
import { elementName } from '../../shared/protocol/ids.ts'
import {
  type ArrayProgress,
  ELEMENT_STATES,
  type ElementState,
  ERRORS_SHOWN_MAX,
  isTerminal,
  RETRIED_SHOWN_MAX,
  type TaskSpec,
} from '../../shared/protocol/schemas/index.ts'
import { newTask, type TaskRecord } from './task-record.ts'

/** Codes of states; an ended element has that of its state. */
const WAITING = 0
const LIVE = 1
const FIRST_ENDED = 2

export class ArrayRecord {
  readonly size: number
  /** What each element runs: the array's spec without its inputs; unknown while the spec is. */
  spec: TaskSpec | undefined
  /** The same as devices get it, once it was sent. */
  sent: TaskSpec | undefined
  /** Elements that have a record of their own: under way, waiting to be tried again, or not in a page yet. */
  readonly live = new Map<number, TaskRecord>()
  /** Elements that wait and were never begun here. */
  waiting: number
  readonly #codes: Uint8Array
  /** By element: the attempt that ended it, as its number and the place of its reign in `#reigns`. */
  readonly #ns: Float64Array
  readonly #reignOf: Uint16Array
  readonly #reigns: Reign[] = []
  readonly #counts = new Map<ElementState, number>()
  /** No element below this waits. */
  #next = 0
  #reported = 0
  readonly #errors: { element: number; error: Failure }[] = []

  constructor(size: number) {
    this.size = size
    this.waiting = size
    this.#codes = new Uint8Array(size)
    this.#ns = new Float64Array(size)
    this.#reignOf = new Uint16Array(size)
  }

  /** Elements that have ended in that state. */
  count(state: ElementState): number {
    return this.#counts.get(state) ?? 0
  }

  /** True when every element has ended and the broker has all their pages. */
  get complete(): boolean {
    return this.waiting === 0 && this.live.size === 0
  }

  /** The first error of an element. */
  get firstError(): { element: number; error: Failure } | undefined {
    return this.#errors[0]
  }

  /** Takes the next element that waits; there must be one. */
  draw(parent: TaskRecord): TaskRecord {
    while (this.#codes[this.#next] !== WAITING) this.#next++
    const element = elementRecord(parent, this.#next)
    this.begin(element)
    return element
  }

  /** The record of an element: its own, or what is known of one that waits or has ended. */
  find(parent: TaskRecord, index: number): TaskRecord | undefined {
    const live = this.live.get(index)
    if (live !== undefined || index >= this.size) return live
    const element = elementRecord(parent, index)
    const code = this.#codes[index] as number
    if (code >= FIRST_ENDED) {
      element.state = ELEMENT_STATES[code - FIRST_ENDED] as ElementState
      element.over = this.#overOf(index)
    }
    return element
  }

  /** An element that waited is under way from now on. */
  begin(element: TaskRecord): void {
    const index = element.element?.index ?? 0
    if (this.#codes[index] !== WAITING) return
    this.#codes[index] = LIVE
    this.waiting--
    this.live.set(index, element)
  }

  /** An element has ended; it stays live until its page is acknowledged. */
  end(element: TaskRecord, state: ElementState): void {
    const index = element.element?.index ?? 0
    this.#close(index, state, element.over)
    if (element.error !== undefined && state !== 'succeeded') this.#noteError(index, element.error)
  }

  /** The broker has the page with the element's end. */
  settle(index: number): void {
    if (this.live.delete(index)) this.#reported++
  }

  /**
   * An element stands in a page of another coordinator.
   * @returns false when it had ended before
   */
  adopt(index: number, state: ElementState, over: Attempt | undefined): boolean {
    if (index >= this.size || (this.#codes[index] as number) >= FIRST_ENDED) return false
    if (this.#codes[index] === WAITING) this.waiting--
    this.live.delete(index)
    this.#close(index, state, over)
    this.#reported++
    return true
  }

  /** What never began does not begin any more. */
  endWaiting(state: ElementState): void {
    if (this.waiting === 0) return
    for (let index = this.#next; index < this.size; index++) {
      if (this.#codes[index] === WAITING) this.#close(index, state, undefined)
    }
    this.waiting = 0
  }

  #close(index: number, state: ElementState, over: Attempt | undefined): void {
    this.#codes[index] = FIRST_ENDED + ELEMENT_STATES.indexOf(state)
    this.#counts.set(state, this.count(state) + 1)
    if (over === undefined) return
    this.#ns[index] = over.n
    this.#reignOf[index] = this.#reignIndex(over)
  }

  #overOf(index: number): Attempt | undefined {
    const n = this.#ns[index] as number
    const reign = this.#reigns[this.#reignOf[index] as number]
    return n === 0 || reign === undefined ? undefined : { term: reign.term, agent: reign.agent, n }
  }

  #reignIndex({ term, agent }: Reign): number {
    const known = this.#reigns.findLastIndex((reign) => reign.term === term && reign.agent === agent)
    if (known >= 0) return known
    this.#reigns.push({ term, agent })
    return this.#reigns.length - 1
  }

  /** Keeps an element's error when it is one of the first that are shown. */
  #noteError(element: number, { code, message }: Failure): void {
    if (this.#errors.length < ERRORS_SHOWN_MAX) this.#errors.push({ element, error: { code, message } })
  }

  /** Takes over what an earlier coordinator had published: errors, and the tries of unfinished elements. */
  continueFrom(parent: TaskRecord, progress: ArrayProgress): void {
    for (const { element, error } of progress.errors) this.#noteError(element, error)
    for (const { element, failed, lost, over } of progress.retried ?? []) {
      if (element >= this.size || this.#codes[element] !== WAITING) continue
      const record = elementRecord(parent, element)
      record.failed = failed
      record.lost = lost
      record.attempts = failed + lost
      record.over = over
      this.begin(record)
    }
  }

  /** How far it is, for the status. */
  progress(): ArrayProgress {
    const states: Record<string, number> = {}
    const retried: NonNullable<ArrayProgress['retried']> = []
    let pending = this.waiting
    for (const [index, { state, failed, lost, over }] of this.live) {
      if (isTerminal(state)) continue
      if (state === 'pending') pending++
      else states[state] = (states[state] ?? 0) + 1
      if (failed + lost > 0 && retried.length < RETRIED_SHOWN_MAX) {
        retried.push({ element: index, failed, lost, ...(over === undefined ? {} : { over }) })
      }
    }
    if (pending > 0) states['pending'] = pending
    for (const [state, count] of this.#counts) states[state] = count
    return {
      elements: this.size,
      states,
      reported: this.#reported,
      errors: [...this.#errors],
      ...(retried.length === 0 ? {} : { retried }),
    }
  }
}

/** A fresh record of an element. */
function elementRecord(parent: TaskRecord, index: number): TaskRecord {
  const { id, seq, digest, demand, array } = parent
  const element = newTask(elementName(id, index), seq, digest, '', array?.spec, demand)
  element.element = { of: parent, index }
  element.times = {}
  return element
}

/** An array's spec without its inputs. Held once, however many elements there are. */
export function elementSpecOf(spec: TaskSpec): TaskSpec {
  const { array: _, ...shared } = spec
  return shared
}
