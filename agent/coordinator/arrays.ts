/**
 * Arrays as a new coordinator finds them: their elements' ends in pages of its predecessors, their tries in the status,
 * what is under way on the devices. An element that stands in any page is never run again.
 */
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import { ArrayRecord, elementSpecOf } from './array-record.ts'
import type { Endings } from './endings.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Mirror } from './mirror.ts'
import type { Office } from './office.ts'
import type { PageIndex } from './page-index.ts'
import { ENTRY_BYTES } from './pages.ts'
import type { TaskRecord } from './task-record.ts'

export class Arrays {
  readonly #office: Office
  readonly #lifecycle: Lifecycle
  readonly #endings: Endings
  readonly #mirror: Mirror

  constructor(office: Office, lifecycle: Lifecycle, endings: Endings, mirror: Mirror) {
    this.#office = office
    this.#lifecycle = lifecycle
    this.#endings = endings
    this.#mirror = mirror
  }

  /** Gives an unfinished array its elements, as far as its spec or its last status tells of them. */
  open(task: TaskRecord): void {
    const { spec, progress } = task
    if (isTerminal(task.state)) return
    const size = spec?.array?.length ?? progress?.elements
    if (size === undefined) return
    task.array ??= new ArrayRecord(size)
    if (spec === undefined) return
    task.array.spec = elementSpecOf(spec)
    for (const element of task.array.live.values()) {
      element.spec = task.array.spec
      element.demand = task.demand
    }
  }

  /** Takes over what was published of an array that was restored. */
  restored(task: TaskRecord): void {
    for (const [name, page] of this.#mirror.pages.get(task.id) ?? []) this.#adopt(task, name, page)
    if (task.array !== undefined && task.progress !== undefined) task.array.continueFrom(task, task.progress)
  }

  /** Pages of which no task is known: they go when none has turned up after `windowMs`. */
  orphans(windowMs: number): void {
    for (const id of this.#mirror.pages.keys()) {
      if (this.#office.ledger.get(id) === undefined) this.#office.due.add(windowMs, 'pages', id)
    }
  }

  orphanDue(id: string): void {
    if (this.#office.ledger.get(id) !== undefined) return
    for (const name of this.#mirror.pages.get(id)?.keys() ?? [])
      this.#office.context.publishPage(id, name, null)
  }

  /** A page came: of an earlier coordinator and late, or this one's own as the broker sends it to all. */
  page(id: string, name: string): void {
    const page = this.#mirror.pages.get(id)?.get(name)
    const task = this.#office.ledger.get(id)
    const { term, agent } = this.#office.reign
    if (page === undefined || task === undefined) return
    if (page.reign.term === term && page.reign.agent === agent) return
    this.#adopt(task, name, page)
    this.#endings.statuses.touch(task)
    this.#endings.elements.endIfComplete(task)
  }

  #adopt(task: TaskRecord, name: string, page: PageIndex): void {
    task.pages ??= new Map()
    // What its elements put out is not known here; the page was bounded by who wrote it.
    task.pages.set(name, page.size * ENTRY_BYTES)
    const { array } = task
    if (array === undefined || page.digest !== task.digest) return
    for (const { element, state, attempt } of page.entries()) {
      const live = array.live.get(element)
      if (array.adopt(element, state, attempt) && live !== undefined) this.#giveUp(live)
    }
  }

  /** Somebody else's end of the array stands: nothing that is under way here counts any more. */
  abandon(task: TaskRecord): void {
    const { array } = task
    if (array === undefined) return
    task.array = undefined
    this.#endings.elements.pages.close(task)
    for (const element of array.live.values()) {
      for (const { device, attempt } of element.publication.owed.splice(0))
        this.#endings.acknowledge(device, attempt)
      if (!isTerminal(element.state)) this.#giveUp(element)
    }
  }

  #giveUp(element: TaskRecord): void {
    const { current } = element
    this.#office.scheduler.remove(element)
    this.#office.checkpoints.drop(element)
    this.#office.due.drop('retry', element.id)
    this.#office.due.drop('stopped', element.id)
    const device = current === undefined ? undefined : this.#office.devices.get(current.device)
    const placement = current === undefined ? undefined : device?.placement(current.attempt)
    if (device !== undefined && placement !== undefined) this.#lifecycle.revoke(device, placement)
  }
}
