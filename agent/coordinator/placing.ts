/**
 * Placing: a task waits for a device, and goes to the one that the scheduler has chosen, as an attempt with a name of
 * its own. Of an array its elements do, one by one.
 */
import { invariant } from '../../shared/errors/errors.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { ArrayRecord } from './array-record.ts'
import { UNSENT } from './device-record.ts'
import type { Endings } from './endings.ts'
import { handOver } from './handover.ts'
import { kinOf } from './kinship.ts'
import type { Office } from './office.ts'
import type { Decision } from './scheduler/decision.ts'
import { type TaskRecord, tally } from './task-record.ts'

export class Placing {
  readonly #office: Office
  readonly #endings: Endings
  #attempts = 0

  constructor(office: Office, endings: Endings) {
    this.#office = office
    this.#endings = endings
  }

  /** Waits for a device, from now on or after a back-off. */
  enqueue(task: TaskRecord, delayMs = 0): void {
    if (task.array !== undefined) return this.#enqueueElements(task, task.array)
    task.state = 'pending'
    // A task whose spec has not been found yet waits for that first.
    if (task.spec === undefined) return
    const quietMs = this.#office.leases.quietMs(task)
    if (quietMs > delayMs)
      task.explanation = 'exclusive: waits until nothing runs that an earlier coordinator began'
    const waitMs = Math.max(delayMs, quietMs)
    if (waitMs > 0) {
      task.notBeforeMs = this.#office.context.now.monoMs + waitMs
      this.#office.due.add(waitMs, 'retry', task.id, String(task.notBeforeMs))
      return
    }
    this.#queue(task)
  }

  #queue(task: TaskRecord): void {
    const { scheduler, dependencies } = this.#office
    const rank = dependencies.rank((task.element?.of ?? task).id)
    const explanation = scheduler.enqueue(task, rank)
    if (explanation !== undefined) {
      task.explanation = explanation.text
      task.reasons = explanation.reasons
      task.impossible = explanation.impossible === true
    }
    this.#office.wake()
  }

  /** Lets the elements of an array wait that nothing is being done about. */
  #enqueueElements(task: TaskRecord, array: ArrayRecord): void {
    if (task.spec === undefined) return
    for (const element of array.live.values()) {
      if (element.state === 'pending' && element.stopping === undefined) this.enqueue(element)
    }
    if (array.waiting > 0) this.#queue(task)
    else this.#endings.elements.endIfComplete(task)
  }

  /** Carries out a decision of the scheduler. */
  place(decision: Decision): void {
    const { task, device, gpus } = decision
    const { reign, context, inboxes, leases, tenants } = this.#office
    invariant(
      task.current === undefined && task.state === 'pending',
      () => `${task.id} is placed while ${task.state}`,
    )
    invariant(
      task.spec !== undefined && task.demand !== undefined,
      () => `${task.id} is placed without a spec`,
    )
    const attempt: Attempt = { term: reign.term, agent: reign.agent, n: ++this.#attempts }
    task.current = { attempt, device: device.id }
    task.device = device.id
    tally(task, 'attempts')
    task.state = 'assigned'
    task.times.assigned = context.instant()
    const { resources, exclusive, tenant, durationMs } = task.demand
    const leaseMs = exclusive ? leases.leaseMs : undefined
    task.leaseMs = leaseMs
    const { checkpoint } = task
    const explanation =
      checkpoint === undefined
        ? decision.explanation
        : `${decision.explanation}; continues from a checkpoint of attempt ${checkpoint.attempt.n}`
    for (const told of task.element === undefined ? [task] : [task, task.element.of]) {
      if (told.state === 'pending') told.state = 'assigned'
      told.explanation = explanation
      told.reasons = undefined
    }
    device.add({
      key: attemptKey(attempt),
      attempt,
      task: task.id,
      resources,
      gpus,
      kin: kinOf(task.spec),
      account: tenants.account(tenant),
      seq: UNSENT,
      leaseMs,
      phase: 'assigned',
      savedMs: context.now.monoMs,
      endsMs: context.now.monoMs + durationMs,
    })
    const array = task.element?.of.array
    // What all elements of an array are sent is made once.
    const spec = array?.sent ?? this.#sent(task.spec)
    if (array !== undefined) array.sent = spec
    this.#endings.statuses.touch(task)
    const given = {
      ...(gpus.length === 0 ? {} : { gpus: [...gpus] }),
      ...(checkpoint === undefined ? {} : { checkpoint }),
    }
    const assignment = { attempt, task: task.id, spec, ...given }
    if (leaseMs === undefined) inboxes.assign(device, assignment, task.element)
    else leases.assign(task, device, { ...assignment, leaseMs })
    if (decision.follows) return
    this.#office.event('placed', explanation, { task: task.id, device: device.id })
  }

  /** A spec as devices get it: with the mesh's default timeout, and with what predecessors put out. */
  #sent(spec: TaskSpec): TaskSpec {
    const { ledger, settings } = this.#office
    const timed =
      spec.timeout === undefined
        ? Object.assign({}, spec, { timeout: `${settings.defaultTimeoutMs}ms` })
        : spec
    return handOver(timed, (id) => ledger.get(id))
  }
}
