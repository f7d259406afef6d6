/**
 * I2 for elements of arrays: each ends once. An end stands in one page, pages only grow, what stands in a page is not
 * sent to a device again, and when an array ends, all that its status counts as reported stands in pages.
 *
 * Not covered: arrays of which the broker has lost something that it had acknowledged.
 */
import { elementName } from '../../shared/protocol/ids.ts'
import {
  type ElementResult,
  type Inbox,
  isTerminal,
  type ResultPage,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Packet } from '../broker/packet.ts'
import type { Checker, Violations } from './checker.ts'

interface Ends {
  /** By element: its page, and the end that stands there. */
  readonly ends: Map<number, { page: string; end: string }>
  excused: boolean
}

export class ElementsChecker implements Checker {
  readonly name = 'I2'
  readonly #violations: Violations
  readonly #arrays = new Map<string, Ends>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  /** How many elements have ended in all. */
  get ended(): number {
    let count = 0
    for (const { ends } of this.#arrays.values()) count += ends.size
    return count
  }

  accepted(packet: Packet): void {
    const { body } = packet
    if (packet.route === 'results') this.#onPage(packet, body as ResultPage | undefined)
    else if (packet.route === 'status' && body !== undefined) this.#onStatus(body as TaskStatus)
    else if (packet.route === 'inbox' && body !== undefined) this.#onInbox(body as Inbox)
  }

  lost(topics: readonly string[] | undefined): void {
    if (topics === undefined) for (const array of this.#arrays.values()) array.excused = true
    else {
      for (const topic of topics) {
        const address = parseTopic(topic)
        if (address?.id !== undefined && address.route !== 'state') this.#of(address.id).excused = true
      }
    }
  }

  #onPage(packet: Packet, page: ResultPage | undefined): void {
    const { id = '', page: name = '' } = packet.address ?? {}
    const array = this.#of(id)
    if (page === undefined) {
      // Cleared after its time: the id may be used again.
      for (const [element, { page: where }] of array.ends) if (where === name) array.ends.delete(element)
      return
    }
    const here = new Set(page.results.map(({ element }) => element))
    if (here.size < page.results.length) this.#add(array, id, 'each element once in a page', packet.topic)
    for (const result of page.results) this.#onEnd(array, id, name, result)
    for (const [element, { page: where }] of array.ends) {
      if (where !== name || here.has(element)) continue
      this.#add(array, elementName(id, element), `its end in page ${name}`, 'none any more')
    }
  }

  #onEnd(array: Ends, id: string, page: string, result: ElementResult): void {
    const { element, state, attempt } = result
    const end = `${state} by ${attempt === undefined ? 'no attempt' : `${attempt.term}.${attempt.agent}.${attempt.n}`}`
    const before = array.ends.get(element)
    if (before === undefined) array.ends.set(element, { page, end })
    else if (before.page !== page || before.end !== end) {
      const expected = `one end, ${before.end} in page ${before.page}`
      this.#add(array, elementName(id, element), expected, `${end} in page ${page}`)
    }
  }

  #onInbox(inbox: Inbox): void {
    for (const { task, elements } of inbox.batches ?? []) {
      const array = this.#of(task)
      for (const { element } of elements) {
        const before = array.ends.get(element)
        if (before === undefined) continue
        const found = `sent to a device by ${inbox.agent} in term ${inbox.term}`
        this.#add(array, elementName(task, element), `nothing after ${before.end}`, found)
      }
    }
  }

  #onStatus(status: TaskStatus): void {
    const { task, state, array: progress } = status
    if (progress === undefined || !isTerminal(state)) return
    const array = this.#of(task)
    if (progress.reported !== array.ends.size) {
      this.#add(
        array,
        `array ${task}`,
        `${array.ends.size} reported, as its pages hold`,
        `${progress.reported}`,
      )
    }
    const counted = Object.entries(progress.states).reduce((sum, [, count]) => sum + count, 0)
    const whole = state === 'succeeded' || state === 'failed'
    if (counted !== progress.elements || (whole && progress.reported !== progress.elements)) {
      const found = `${state} with ${JSON.stringify(progress.states)}, ${progress.reported} reported`
      this.#add(array, `array ${task}`, `all ${progress.elements} elements ended`, found)
    }
  }

  #add(array: Ends, about: string, expected: string, found: string): void {
    if (!array.excused) this.#violations.add('I2', about, expected, found)
  }

  #of(task: string): Ends {
    let array = this.#arrays.get(task)
    if (array === undefined) {
      array = { ends: new Map(), excused: false }
      this.#arrays.set(task, array)
    }
    return array
  }
}
