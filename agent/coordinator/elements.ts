/**
 * The ends of elements and of the arrays they belong to. An element ends into a page; an array ends when all its
 * elements have and the broker has acknowledged every page.
 */
import { failure } from '../../shared/errors/errors.ts'
import { elementName } from '../../shared/protocol/ids.ts'
import type { ElementState } from '../../shared/protocol/schemas/index.ts'
import type { Endings } from './endings.ts'
import type { Office } from './office.ts'
import { Pages } from './pages.ts'
import type { TaskRecord } from './task-record.ts'

export class Elements {
  readonly pages: Pages
  readonly #endings: Endings

  constructor(office: Office, endings: Endings) {
    this.#endings = endings
    this.pages = new Pages(office.context, office.reign, (element) => this.#settled(element))
  }

  /** A task ends: when it is an element its page is written, when it is an array its elements are let go. */
  ending(task: TaskRecord): void {
    const { element, array } = task
    if (element !== undefined) {
      // Whatever its array was stopped for, an element is never rejected.
      const state = task.state as ElementState
      element.of.array?.end(task, state)
      this.pages.add(element.of, task, state)
    } else if (array !== undefined) {
      task.progress = array.progress()
      task.array = undefined
      this.pages.close(task)
    }
  }

  /** The broker has the page with the element's end. */
  #settled(record: TaskRecord): void {
    const { element } = record
    if (element === undefined) return
    for (const { device, attempt } of record.publication.owed) this.#endings.acknowledge(device, attempt)
    element.of.array?.settle(element.index)
    this.endIfComplete(element.of)
  }

  /** Ends an array of which nothing is left to do. */
  endIfComplete(task: TaskRecord): void {
    const { array, stopping } = task
    if (array === undefined || !array.complete) return
    if (stopping !== undefined) {
      task.error = stopping.error
      return this.#endings.end(task, stopping.state, stopping.explanation)
    }
    const succeeded = array.count('succeeded')
    if (succeeded === array.size) {
      task.error = undefined
      return this.#endings.end(task, 'succeeded', `all ${array.size} elements succeeded`)
    }
    const { firstError } = array
    const first =
      firstError === undefined
        ? ''
        : `; first ${elementName(task.id, firstError.element)}: ${firstError.error.message}`
    const message = `${array.size - succeeded} of ${array.size} elements did not succeed${first}`
    task.error = failure('E_ELEMENTS', message.slice(0, MESSAGE_CHARS_MAX))
    this.#endings.end(task, 'failed', task.error.message)
  }
}

/** What a failure's message may have. */
const MESSAGE_CHARS_MAX = 2_000
