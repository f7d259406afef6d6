/**
 * Pages: the ends of elements, gathered and published some hundreds at a time. The newest page of an array is
 * published again with more in it until it is full; one publish of a page is on its way at a time.
 *
 * What stands in a page takes effect when the broker has acknowledged that: until then the device keeps the result,
 * and whoever comes after this coordinator gets it from there.
 */

import type { Reign } from '../../shared/protocol/attempt.ts'
import { pageName } from '../../shared/protocol/ids.ts'
import { jsonBytes } from '../../shared/protocol/json-text.ts'
import type { ElementResult, ElementState } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import { boundResult, OUTPUT_JSON_BYTES_MAX, resultBytes } from '../worker/result-bound.ts'
import type { TaskRecord } from './task-record.ts'

export const PAGE_TIMER = 'coordinator/page'
/** How long ends are gathered before they are published. */
const GATHER_MS = 100
/** A page is full beyond this. What is larger, an element with much output, has a page of its own. */
const PAGE_BYTES_MAX = 64 * 1024
/** What an entry takes besides its output and error. */
export const ENTRY_BYTES = 300
/** Pages on their way to the broker; the others wait for them. */
const IN_FLIGHT_MAX = 64
/** Pages that are not full and may still grow; beyond it the oldest are left as they are. */
const OPEN_MAX = 256
/** Output of all elements of an array together, and what an element's streams are allowed each in any case. */
export const ARRAY_OUTPUT_BYTES_MAX = 16 * 1024 * 1024
const STREAM_BYTES_MIN = 1024

/** What each output stream of an element may take as JSON, in an array of that size. */
export function streamBytesMax(elements: number): number {
  const share = Math.floor(ARRAY_OUTPUT_BYTES_MAX / 2 / elements)
  return Math.min(OUTPUT_JSON_BYTES_MAX, Math.max(STREAM_BYTES_MIN, share))
}

interface Page {
  readonly task: TaskRecord
  readonly name: string
  readonly number: number
  readonly results: ElementResult[]
  /** The records of those in `results` whose entry is not acknowledged yet; the first is at `acked`. */
  readonly unsettled: TaskRecord[]
  bytes: number
  acked: number
  inFlight: boolean
}

export class Pages {
  readonly #context: Context
  readonly #reign: Reign
  /** The broker has a page with the element's end. */
  readonly #settled: (element: TaskRecord) => void
  /** By array: the page that may still grow. */
  readonly #open = new Map<TaskRecord, Page>()
  readonly #dirty = new Set<Page>()
  readonly #inFlight = new Map<number, { page: Page; count: number }>()
  #armed = false

  constructor(context: Context, reign: Reign, settled: (element: TaskRecord) => void) {
    this.#context = context
    this.#reign = reign
    this.#settled = settled
  }

  /** An element of `task` has ended. */
  add(task: TaskRecord, element: TaskRecord, state: ElementState): void {
    const entry = entryOf(element, state, streamBytesMax(task.array?.size ?? 1))
    const bytes = ENTRY_BYTES + jsonBytes(JSON.stringify(entry.error)) + resultBytes(entry.result)
    let page = this.#open.get(task)
    if (page === undefined || page.bytes + bytes > PAGE_BYTES_MAX) page = this.#begin(task)
    page.bytes += bytes
    task.pages?.set(page.name, page.bytes)
    page.results.push(entry)
    page.unsettled.push(element)
    this.#dirty.add(page)
    this.#arm(GATHER_MS)
  }

  #begin(task: TaskRecord): Page {
    task.pages ??= new Map()
    // Pages of others may be among them: then numbers are left out, but none comes twice.
    const number = task.pages.size
    const name = pageName(this.#reign.term, this.#reign.agent, number)
    const page = { task, name, number, results: [], unsettled: [], bytes: 0, acked: 0, inFlight: false }
    task.pages.set(name, 0)
    this.#open.delete(task)
    const [oldest] = this.#open.keys()
    if (oldest !== undefined && this.#open.size >= OPEN_MAX) this.#open.delete(oldest)
    this.#open.set(task, page)
    return page
  }

  #arm(delayMs: number): void {
    if (this.#armed) return
    this.#armed = true
    this.#context.timer(PAGE_TIMER, delayMs)
  }

  flush(): void {
    this.#armed = false
    for (const page of this.#dirty) {
      if (this.#inFlight.size >= IN_FLIGHT_MAX) return
      if (page.inFlight) continue
      this.#dirty.delete(page)
      page.inFlight = true
      const token = this.#context.token()
      this.#inFlight.set(token, { page, count: page.results.length })
      const { task, name, number, results } = page
      const { term, agent } = this.#reign
      const body = { task: task.id, digest: task.digest, term, agent, page: number, results: [...results] }
      this.#context.publishPage(task.id, name, body, token)
    }
  }

  /** The broker acknowledged. @returns true when the token was a page's */
  acked(token: number): boolean {
    const sent = this.#inFlight.get(token)
    if (sent === undefined) return false
    this.#inFlight.delete(token)
    const { page, count } = sent
    page.inFlight = false
    const settled = page.unsettled.splice(0, count - page.acked)
    page.acked = count
    for (const element of settled) this.#settled(element)
    if (this.#dirty.size > 0) this.#arm(this.#dirty.has(page) ? GATHER_MS : 0)
    return true
  }

  /** Nothing more comes of the array. */
  close(task: TaskRecord): void {
    this.#open.delete(task)
    for (const page of this.#dirty) if (page.task === task) this.#dirty.delete(page)
  }

  /** Takes all pages of an array from the broker. */
  clear(task: TaskRecord): void {
    this.close(task)
    for (const name of task.pages?.keys() ?? []) this.#context.publishPage(task.id, name, null)
    task.pages = undefined
  }
}

function entryOf(element: TaskRecord, state: ElementState, streamBytes: number): ElementResult {
  const { over, device, attempts, result, error } = element
  return {
    element: element.element?.index ?? 0,
    state,
    ...(over === undefined ? {} : { attempt: over }),
    ...(device === undefined ? {} : { device }),
    attempts,
    ...(result === undefined ? {} : { result: boundResult(result, streamBytes) }),
    ...(error === undefined ? {} : { error }),
  }
}
