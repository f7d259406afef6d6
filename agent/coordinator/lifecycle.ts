/**
 * The life of a task until it ends: pending, assigned, running. Its end is made in endings.ts.
 *
 * At most one attempt is current. An attempt is over when its result was taken, when it was given up with its
 * device, or when it never began; nothing that comes of it later counts.
 */
import { failure, invariant } from '../../shared/errors/errors.ts'
import { DEFAULT_GRACE_MS } from '../../shared/model/task.ts'
import { type Attempt, attemptKey, compareAttempts, sameAttempt } from '../../shared/protocol/attempt.ts'
import { type AttemptResult, isTerminal, type RejectedAttempt } from '../../shared/protocol/schemas/index.ts'
import { backoffMs } from '../../shared/random/random.ts'
import { type DeviceRecord, type Placement, UNSENT } from './device-record.ts'
import type { Endings } from './endings.ts'
import { handOver } from './handover.ts'
import type { Office } from './office.ts'
import type { Decision } from './scheduler/scheduler.ts'
import type { Statuses } from './statuses.ts'
import type { TaskRecord } from './task-record.ts'

const RETRY_BASE_MS = 1_000
const RETRY_CAP_MS = 60_000
const REROUTE_BASE_MS = 250
/** How long past the grace a device may take to confirm that an attempt is gone. */
const STOP_MARGIN_MS = 10_000
/** A device that refused something, or whose agent restarts, is left alone for this many heartbeats. */
const AVOID_HEARTBEATS = 2
const AVOID_MS_MAX = 60_000

export class Lifecycle {
  readonly #office: Office
  readonly #endings: Endings
  readonly #statuses: Statuses
  #attempts = 0

  constructor(office: Office, endings: Endings) {
    this.#office = office
    this.#endings = endings
    this.#statuses = endings.statuses
  }

  /** Waits for a device, from now on or after a back-off. */
  enqueue(task: TaskRecord, delayMs = 0): void {
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
    const explanation = this.#office.scheduler.enqueue(task)
    if (explanation !== undefined) {
      task.explanation = explanation.text
      task.reasons = explanation.reasons
    }
    this.#office.wake()
  }

  /** Carries out a decision of the scheduler. */
  place(decision: Decision): void {
    const { task, device } = decision
    const { reign, context, inboxes, leases, settings } = this.#office
    invariant(
      task.current === undefined && task.state === 'pending',
      () => `${task.id} is placed while ${task.state}`,
    )
    invariant(
      task.spec !== undefined && task.demand !== undefined,
      () => `${task.id} is placed without a spec`,
    )
    const attempt: Attempt = { ...reign, n: ++this.#attempts }
    task.current = { attempt, device: device.id }
    task.device = device.id
    task.attempts++
    task.state = 'assigned'
    task.explanation = decision.explanation
    task.reasons = undefined
    task.times.assigned = context.instant()
    const { resources, exclusive } = task.demand
    const leaseMs = exclusive ? leases.leaseMs : undefined
    task.leaseMs = leaseMs
    device.add({
      key: attemptKey(attempt),
      attempt,
      task: task.id,
      resources,
      seq: UNSENT,
      leaseMs,
      phase: 'assigned',
    })
    const spec =
      task.spec.timeout === undefined
        ? { ...task.spec, timeout: `${settings.defaultTimeoutMs}ms` }
        : task.spec
    const handed = handOver(spec, (id) => this.#office.ledger.get(id))
    this.#statuses.touch(task)
    if (leaseMs === undefined) inboxes.assign(device, { attempt, task: task.id, spec: handed })
    else leases.assign(task, device, { attempt, task: task.id, spec: handed, leaseMs })
    this.#office.event('placed', decision.explanation, { task: task.id, device: device.id })
  }

  /** Takes an attempt of an earlier reign as the current one: the device holds it already. */
  adopt(task: TaskRecord, device: DeviceRecord, attempt: Attempt): void {
    this.#office.scheduler.remove(task)
    this.#office.dependencies.leave(task.id)
    task.current = { attempt, device: device.id }
    task.device = device.id
    if (task.state === 'pending') task.state = 'assigned'
    task.explanation = `kept on ${device.id}: the attempt outlived the coordinator that began it`
    if (device.placement(attempt) === undefined) {
      this.#hold(task, device, attempt)
    }
    this.#statuses.touch(task)
  }

  /** True when a task would take the attempt as its own. */
  adoptable(task: TaskRecord | undefined, attempt: Attempt): task is TaskRecord {
    if (task === undefined || isTerminal(task.state) || task.current !== undefined) return false
    return task.over === undefined || compareAttempts(attempt, task.over) > 0
  }

  /** True when the attempt is the task's current one: its device was lost for no longer than its lease. */
  returns(task: TaskRecord | undefined, attempt: Attempt): task is TaskRecord {
    return task !== undefined && !isTerminal(task.state) && sameAttempt(task.current?.attempt, attempt)
  }

  /** The device says that the attempt runs. */
  running(task: TaskRecord, started: string | undefined): void {
    if (task.state !== 'assigned') return
    task.state = 'running'
    task.error = undefined
    if (started !== undefined) task.times.started = started
    this.#statuses.touch(task)
  }

  /** A device reports how an attempt ended. */
  result(device: DeviceRecord, result: AttemptResult, unknownMayCome: boolean): void {
    const placement = device.placement(result.attempt)
    const counted = placement?.phase === 'done'
    if (placement !== undefined) {
      device.finish(placement)
      this.#office.freed(device)
    }
    const task = this.#office.ledger.get(result.task)
    if (task === undefined) {
      if (!unknownMayCome) this.#endings.acknowledge(device.id, result.attempt)
      return
    }
    if (this.adoptable(task, result.attempt)) this.adopt(task, device, result.attempt)
    if (!isTerminal(task.state) && sameAttempt(task.current?.attempt, result.attempt)) {
      return this.#take(task, device, result)
    }
    if (task.publication.owed.some((owed) => sameAttempt(owed.attempt, result.attempt))) return
    if (!sameAttempt(task.over, result.attempt) && !counted && ran(result)) {
      task.duplicates++
      this.#statuses.touch(task)
    }
    if (this.#statuses.oweWhatIsSaid(task, device.id, result.attempt)) return
    this.#endings.acknowledge(device.id, result.attempt)
  }

  /** The current attempt has ended: what follows from it. */
  #take(task: TaskRecord, device: DeviceRecord, result: AttemptResult): void {
    this.#over(task)
    const placement = device.placement(result.attempt)
    if (placement !== undefined) device.finish(placement)
    this.#statuses.owe(task, device.id, result.attempt)
    const { outcome } = result
    if (result.started !== undefined) task.times.started = result.started
    if (outcome === 'failed' || outcome === 'timed_out') task.failed++
    if (task.stopping !== undefined) return this.#stop(task)
    if (outcome === 'revoked') return this.#again(task, 0, `moved away from ${device.id}`)
    if (outcome === 'interrupted') {
      // An agent that stops says so right after its results; until then it looks open and empty.
      this.#avoid(device, 1)
      const lapsed = result.error?.code === 'E_LEASE'
      return this.#lost(
        task,
        lapsed ? `its lease ended on ${device.id}` : `the agent on ${device.id} restarted`,
      )
    }
    const body = {
      ...result.result,
      ...(result.durationMs === undefined ? {} : { durationMs: result.durationMs }),
    }
    task.result = body
    task.error = result.error
    if (outcome === 'succeeded') {
      task.error = undefined
      return this.#endings.end(task, 'succeeded', `ran on ${device.id}`)
    }
    const message = result.error?.message ?? outcome
    if (task.failed > (task.demand?.retriesFailed ?? 0))
      return this.#endings.end(task, outcome, `${message} on ${device.id}`)
    const delayMs =
      RETRY_BASE_MS / 2 + backoffMs(this.#office.context.random, task.failed - 1, RETRY_BASE_MS, RETRY_CAP_MS)
    this.#again(task, delayMs, `failed on ${device.id}: ${message}; again in ${Math.round(delayMs)} ms`)
  }

  /** A device would not take the attempt, or has not got it. */
  rejected(device: DeviceRecord, rejected: RejectedAttempt): void {
    const placement = device.placement(rejected.attempt)
    if (placement === undefined || placement.phase === 'done') return
    const asked = placement.phase === 'revoking'
    device.remove(placement)
    this.#office.freed(device)
    const task = this.#office.ledger.get(placement.task)
    if (task === undefined || !sameAttempt(task.current?.attempt, rejected.attempt)) return
    if (!asked) {
      device.refusals = { count: device.refusals.count + 1, message: rejected.error.message }
      this.#avoid(device, 2 ** (device.refusals.count - 1))
      this.#office.inboxes.askFull(device)
      // It never began; the budget of refusals is the device's, in how long it is left alone.
      task.attempts--
      task.error = rejected.error
    }
    this.#over(task)
    if (task.stopping !== undefined) return this.#stop(task)
    this.#again(task, 0, `${device.id} refused it: ${rejected.error.message}`)
    this.#office.event('refused', task.explanation, {
      task: task.id,
      device: device.id,
      code: rejected.error.code,
    })
  }

  /** Places nothing on the device for a while. */
  #avoid(device: DeviceRecord, factor: number): void {
    const delayMs = Math.min(AVOID_MS_MAX, AVOID_HEARTBEATS * this.#office.heartbeatMs * factor)
    device.avoidUntilMs = this.#office.context.now.monoMs + delayMs
    device.wasOpen = false
  }

  /** The device was given up with all it had. What is exclusive may run there until its lease is over. */
  lostWith(device: DeviceRecord, placement: Placement, why: string): void {
    const task = this.#office.ledger.get(placement.task)
    if (task === undefined || !this.#office.leases.outlives(task, device, placement))
      return this.vanished(device, placement, why)
    task.explanation = `${why}; exclusive, so it is placed again when its lease is over`
    this.#statuses.touch(task)
  }

  /** The attempt is gone from its device without a word: the device was lost, or has forgotten it. */
  vanished(device: DeviceRecord, placement: Placement, why: string): void {
    device.remove(placement)
    const task = this.#office.ledger.get(placement.task)
    if (task === undefined || !sameAttempt(task.current?.attempt, placement.attempt)) return
    this.#over(task)
    if (task.stopping !== undefined) return this.#stop(task)
    this.#lost(task, why)
  }

  /**
   * Places the current attempt of a task that an earlier coordinator began where it is said to be. If the device
   * does not hold it, its reports will say so.
   */
  takeOver(task: TaskRecord): void {
    const { current } = task
    if (current === undefined || isTerminal(task.state)) return
    const device = this.#office.devices.get(current.device)
    if (device === undefined || device.condition === 'lost') {
      if (this.#office.leases.mayRun(task, device)) return
      this.#over(task)
      return this.#lost(task, `${current.device} is ${device === undefined ? 'not known any more' : 'lost'}`)
    }
    if (device.placement(current.attempt) !== undefined) return
    this.#hold(task, device, current.attempt)
    this.#statuses.touch(task)
  }

  /** Counts an attempt that an earlier coordinator began as being on the device. */
  #hold(task: TaskRecord, device: DeviceRecord, attempt: Attempt): void {
    const resources = task.demand?.resources ?? {}
    const leaseMs = this.#office.leases.of(task)
    device.add({
      key: attemptKey(attempt),
      attempt,
      task: task.id,
      resources,
      seq: 0,
      leaseMs,
      phase: 'held',
    })
  }

  /** The lease is over of an exclusive attempt whose device was lost; unless it was heard again meanwhile. */
  leaseOver(task: TaskRecord, key: string): void {
    const { current } = task
    if (current === undefined || attemptKey(current.attempt) !== key) return
    const device = this.#office.devices.get(current.device)
    const placement = device?.placement(current.attempt)
    if (placement !== undefined && device?.condition !== 'lost') return
    if (this.#office.leases.mayRun(task, device)) return
    const why = `${current.device} was lost, and the lease is over`
    if (device !== undefined && placement !== undefined) return this.vanished(device, placement, why)
    this.#over(task)
    if (task.stopping !== undefined) return this.#stop(task)
    this.#lost(task, why)
  }

  #over(task: TaskRecord): void {
    task.over = task.current?.attempt
    task.current = undefined
  }

  #lost(task: TaskRecord, why: string): void {
    task.lost++
    const most = task.demand?.retriesLost ?? 0
    if (task.lost > most) {
      task.error = failure('E_LOST', `lost ${task.lost} times, last because ${why}`)
      return this.#endings.end(task, 'failed', task.error.message)
    }
    const delayMs =
      task.lost === 1
        ? 0
        : backoffMs(this.#office.context.random, task.lost - 2, REROUTE_BASE_MS, RETRY_CAP_MS)
    this.#again(task, delayMs, `rerouted: ${why}`)
    this.#office.event('rerouted', task.explanation, { task: task.id })
  }

  #again(task: TaskRecord, delayMs: number, explanation: string): void {
    task.explanation = explanation
    delete task.times.started
    this.enqueue(task, delayMs)
    this.#statuses.touch(task)
  }

  /** Lets a task end early: withdrawn, or past its deadline. What runs is ended first. */
  stop(task: TaskRecord, how: NonNullable<TaskRecord['stopping']>): void {
    if (isTerminal(task.state) || task.stopping !== undefined) return
    task.stopping = how
    this.#office.scheduler.remove(task)
    const { current } = task
    if (current === undefined) return this.#stop(task)
    const device = this.#office.devices.get(current.device)
    const placement = device?.placement(current.attempt)
    if (device === undefined || placement === undefined) {
      this.#over(task)
      return this.#stop(task)
    }
    this.revoke(device, placement)
    task.explanation = `${how.explanation}; being ended on ${device.id}`
    this.#statuses.touch(task)
    const graceMs = task.demand?.graceMs ?? DEFAULT_GRACE_MS
    this.#office.due.add(graceMs + STOP_MARGIN_MS, 'stopped', task.id, placement.key)
  }

  /** A device did not confirm in time that a stopped attempt is gone; the task need not wait for it. */
  stopOverdue(task: TaskRecord, key: string): void {
    if (task.current === undefined || task.stopping === undefined || attemptKey(task.current.attempt) !== key)
      return
    this.#over(task)
    this.#stop(task)
  }

  #stop(task: TaskRecord): void {
    const { stopping } = task
    if (stopping === undefined) return
    task.error = stopping.error
    this.#endings.end(task, stopping.state, stopping.explanation)
  }

  /** Tells a device to end an attempt; its room stays reserved until it is confirmed gone. */
  revoke(device: DeviceRecord, placement: Placement): void {
    if (placement.phase === 'done') return
    if (placement.seq === UNSENT) {
      // Never went out: nothing to end, and the inbox drops it.
      const task = this.#office.ledger.get(placement.task)
      device.remove(placement)
      this.#office.freed(device)
      if (task !== undefined && sameAttempt(task.current?.attempt, placement.attempt)) {
        this.#over(task)
        if (task.stopping === undefined) this.#again(task, 0, `moved away from ${device.id}`)
        else this.#stop(task)
      }
      return
    }
    placement.phase = 'revoking'
    this.#office.inboxes.revoke(device, placement.attempt)
  }
}

/** True when the attempt ran to an end of its own, so that its work was done twice if another did too. */
function ran(result: AttemptResult): boolean {
  return result.outcome === 'succeeded' || result.outcome === 'failed' || result.outcome === 'timed_out'
}
