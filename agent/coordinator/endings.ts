/**
 * The end of a task, and what follows from it.
 *
 * A terminal status takes effect when the broker has acknowledged it: then the spec is cleared, the device may
 * forget the result, and the time until the status itself goes begins.
 */
import { invariant } from '../../shared/errors/errors.ts'
import { DEFAULT_TTL_MS } from '../../shared/model/task.ts'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import { isTerminal, type TerminalState } from '../../shared/protocol/schemas/index.ts'
import type { Office } from './office.ts'
import { Statuses } from './statuses.ts'
import type { TaskRecord } from './task-record.ts'

export class Endings {
  readonly statuses: Statuses
  readonly #office: Office

  constructor(office: Office) {
    this.#office = office
    this.statuses = new Statuses(office.context, office.reign, {
      terminal: (task) => this.settle(task),
      accounted: (device, attempt) => this.acknowledge(device, attempt),
    })
  }

  /** The one end of a task. */
  end(task: TaskRecord, state: TerminalState, explanation: string): void {
    invariant(!isTerminal(task.state), () => `${task.id} ends ${state} but has ended ${task.state}`)
    this.#office.scheduler.remove(task)
    task.state = state
    task.explanation = explanation
    task.reasons = undefined
    task.times.ended = this.#office.context.instant()
    this.statuses.touch(task)
    for (const kind of ['retry', 'deadline', 'stopped'] as const) this.#office.due.drop(kind, task.id)
    const code = task.error?.code
    this.#office.event(state, explanation, { task: task.id, ...(code === undefined ? {} : { code }) })
  }

  /** The broker has the terminal status: now it takes effect. */
  settle(task: TaskRecord): void {
    this.clearSpec(task)
    const ttlMs = task.demand?.ttlMs ?? DEFAULT_TTL_MS
    task.spec = undefined
    this.#office.due.add(ttlMs, 'expire', task.id)
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
