/**
 * The end of a task, and what follows from it.
 *
 * A terminal status takes effect when the broker has acknowledged it: then the spec is cleared, the device may
 * forget the result, and the time until the status itself goes begins.
 */
import { invariant } from '../../shared/errors/errors.ts'
import { parseDuration } from '../../shared/model/duration.ts'
import { DEFAULT_TTL_MS } from '../../shared/model/task.ts'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import { isTerminal, type TerminalState } from '../../shared/protocol/schemas/index.ts'
import { Elements } from './elements.ts'
import { note } from './history.ts'
import type { Office } from './office.ts'
import { Statuses } from './statuses.ts'
import type { TaskRecord } from './task-record.ts'

export class Endings {
  readonly statuses: Statuses
  readonly elements: Elements
  readonly #office: Office
  readonly #settled: (task: TaskRecord) => void

  /** @param settled hears of every task whose end has taken effect */
  constructor(office: Office, settled: (task: TaskRecord) => void) {
    this.#office = office
    this.#settled = settled
    this.statuses = new Statuses(office.context, office.reign, {
      changed: (task) => note(task, office.ledger.size, () => office.context.instant()),
      terminal: (task) => this.settle(task),
      accounted: (device, attempt) => this.acknowledge(device, attempt),
      told: (task) => office.leases.told(task),
    })
    this.elements = new Elements(office, this)
  }

  /** The one end of a task. */
  end(task: TaskRecord, state: TerminalState, explanation: string): void {
    invariant(!isTerminal(task.state), () => `${task.id} ends ${state} but has ended ${task.state}`)
    this.#office.scheduler.remove(task)
    this.#office.dependencies.leave(task.id)
    task.state = state
    task.explanation = explanation
    task.reasons = undefined
    task.times.ended = this.#office.context.instant()
    this.#office.checkpoints.drop(task)
    this.#office.tenants.ended(task)
    this.elements.ending(task)
    this.statuses.touch(task)
    for (const kind of ['retry', 'deadline', 'stopped', 'predecessor', 'lease'] as const)
      this.#office.due.drop(kind, task.id)
    // Ten thousand successes of an array's elements are no news; its progress tells of them.
    if (task.element !== undefined && state === 'succeeded') return
    const code = task.error?.code
    this.#office.event(state, explanation, { task: task.id, ...(code === undefined ? {} : { code }) })
  }

  /** The broker has the terminal status: now it takes effect. */
  settle(task: TaskRecord): void {
    const { dependencies, ledger } = this.#office
    // Acknowledged when it was forgotten already: what happens under its id now is another task's.
    if (ledger.get(task.id) !== task) return
    this.clearSpec(task)
    task.spec = undefined
    task.settled = true
    for (const id of dependencies.forget(task.id)) {
      const unnamed = ledger.get(id)
      if (unnamed?.settled === true) this.#countDown(unnamed)
    }
    if (dependencies.named(task.id)) this.keep(task)
    else this.#countDown(task)
    this.#settled(task)
  }

  /** The status of an ended task stays for as long as an unfinished task is after it. */
  keep(task: TaskRecord): void {
    this.#office.due.drop('expire', task.id)
    this.#office.ledger.keep(task)
  }

  /** The time until the status of an ended task goes begins, anew if it had before. */
  #countDown(task: TaskRecord): void {
    this.#office.due.add(ttlMs(task), 'expire', task.id)
    for (const surplus of this.#office.ledger.finished(task)) this.expire(surplus)
  }

  /** Takes the spec of an ended task from the broker. */
  clearSpec(task: TaskRecord): void {
    if (!task.specRetained) return
    task.specRetained = false
    this.#office.context.publish('seat', 'spec', task.id, null)
  }

  /** Takes the status of an ended task from the broker and forgets the task. */
  expire(task: TaskRecord): void {
    this.statuses.forget(task)
    this.#office.ledger.remove(task)
    this.#office.due.drop('expire', task.id)
    // Before the status: whoever comes after this coordinator finds the pages by it.
    this.elements.pages.clear(task)
    this.#office.context.publish('seat', 'status', task.id, null)
  }

  /** The device need not send the attempt's result again. */
  acknowledge(deviceId: string, attempt: Attempt): void {
    const device = this.#office.devices.get(deviceId)
    if (device === undefined) return
    const placement = device.placement(attempt)
    if (placement !== undefined) device.remove(placement)
    this.#office.inboxes.ack(device, attempt)
  }
}

/** How long the task's last status stays, in milliseconds. */
function ttlMs({ ttl }: TaskRecord): number {
  return (ttl === undefined ? undefined : parseDuration(ttl)) ?? DEFAULT_TTL_MS
}
