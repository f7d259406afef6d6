/**
 * Publishes statuses: one at a time per task, the latest state of each, a bounded number on their way.
 *
 * What changes again before it went out is told once (a short task costs one status). A terminal status takes
 * effect only on its own acknowledgement, and so does the acknowledgement of a result to its device: until then
 * the device keeps the result, and whoever comes after this coordinator gets it from there.
 */
import type { Attempt, Reign } from '../../shared/protocol/attempt.ts'
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import { statusOf, type TaskRecord } from './task-record.ts'

export const STATUS_TIMER = 'coordinator/status'
const SOON_TIMER_MS = 25
/** An array changes with each of its elements; what it says first goes out as soon as any task's. */
const ARRAY_TIMER_MS = 250
/** Statuses that await their acknowledgement; the rest gather in their tasks. */
const IN_FLIGHT_MAX = 512

export interface StatusEvents {
  /** There is something to tell of the task. */
  changed(task: TaskRecord): void
  /** The broker has the task's terminal status. */
  terminal(task: TaskRecord): void
  /** The broker has a status that accounts for the attempt's result. */
  accounted(device: string, attempt: Attempt): void
  /** The broker has a newer status of the task than before. */
  told(task: TaskRecord): void
}

export class Statuses {
  readonly #context: Context
  readonly #reign: Reign
  readonly #events: StatusEvents
  readonly #dirty = new Set<TaskRecord>()
  readonly #inFlight = new Map<number, { task: TaskRecord; version: number }>()
  #armedForMs = Number.POSITIVE_INFINITY

  constructor(context: Context, reign: Reign, events: StatusEvents) {
    this.#context = context
    this.#reign = reign
    this.#events = events
  }

  /** The task changed. Terminal states and first words go out at once, what may change again soon a little later. */
  touch(task: TaskRecord): void {
    if (task.element !== undefined) return this.#touchElement(task, task.element.of)
    this.#events.changed(task)
    task.publication.version++
    this.#dirty.add(task)
    const often = task.array !== undefined && task.publication.acked > 0
    this.#arm(isTerminal(task.state) ? 0 : often ? ARRAY_TIMER_MS : SOON_TIMER_MS)
  }

  /** An element has no status of its own. What is owed for its end waits for its page, for a try for the array's status. */
  #touchElement(element: TaskRecord, array: TaskRecord): void {
    if (!isTerminal(element.state)) {
      const version = array.publication.version + 1
      for (const owed of element.publication.owed) array.publication.owed.push({ ...owed, version })
      element.publication.owed = []
    }
    this.touch(array)
  }

  /** A result was taken into the task's state; its device hears so when the broker has it. Call before `touch`. */
  owe(task: TaskRecord, device: string, attempt: Attempt): void {
    task.publication.owed.push({ device, attempt, version: task.publication.version + 1 })
  }

  /**
   * A result came that changes nothing more; its device hears so when the broker has what the task's state is.
   *
   * @returns false when it has that already
   */
  oweWhatIsSaid(task: TaskRecord, device: string, attempt: Attempt): boolean {
    const { element } = task
    if (element !== undefined && isTerminal(task.state)) {
      // Its page says so; once the broker has that, nothing is kept of the element but its end.
      if (element.of.array?.live.get(element.index) !== task) return false
      task.publication.owed.push({ device, attempt, version: task.publication.version })
      return true
    }
    const { version, acked, owed } = (element?.of ?? task).publication
    if (acked === version) return false
    owed.push({ device, attempt, version })
    return true
  }

  #arm(delayMs: number): void {
    const dueMs = this.#context.now.monoMs + delayMs
    if (dueMs >= this.#armedForMs) return
    this.#armedForMs = dueMs
    this.#context.timer(STATUS_TIMER, delayMs)
  }

  flush(): void {
    this.#armedForMs = Number.POSITIVE_INFINITY
    for (const task of this.#dirty) {
      if (this.#inFlight.size >= IN_FLIGHT_MAX) return
      const { publication } = task
      if (publication.inFlight !== 0) continue
      this.#dirty.delete(task)
      publication.inFlight = publication.version
      const token = this.#context.token()
      this.#inFlight.set(token, { task, version: publication.version })
      this.#context.publish('seat', 'status', task.id, statusOf(task, this.#reign), token)
    }
  }

  /** The broker acknowledged. @returns true when the token was a status's */
  acked(token: number): boolean {
    const sent = this.#inFlight.get(token)
    if (sent === undefined) return false
    this.#inFlight.delete(token)
    const { task, version } = sent
    const { publication } = task
    publication.inFlight = 0
    publication.acked = version
    const due = publication.owed.filter((owed) => owed.version <= version)
    if (due.length > 0) publication.owed = publication.owed.filter((owed) => owed.version > version)
    for (const owed of due) this.#events.accounted(owed.device, owed.attempt)
    this.#events.told(task)
    if (publication.version > version) this.#arm(0)
    else if (isTerminal(task.state)) this.#events.terminal(task)
    if (this.#dirty.size > 0) this.#arm(0)
    return true
  }

  /** Forgets a task whose status is being removed. */
  forget(task: TaskRecord): void {
    this.#dirty.delete(task)
  }
}
