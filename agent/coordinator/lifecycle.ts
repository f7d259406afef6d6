/**
 * The life of a task until it ends: pending, assigned, running. Its end is made in endings.ts.
 *
 * At most one attempt is current. An attempt is over when its result was taken, when it was given up with its
 * device, or when it never began; nothing that comes of it later counts.
 */
import { failure } from '../../shared/errors/errors.ts'
import { DEFAULT_GRACE_MS } from '../../shared/model/task.ts'
import { type Attempt, attemptKey, compareAttempts, sameAttempt } from '../../shared/protocol/attempt.ts'
import { parseWork } from '../../shared/protocol/ids.ts'
import {
  type AttemptResult,
  type Checkpoint,
  isTerminal,
  type RejectedAttempt,
} from '../../shared/protocol/schemas/index.ts'
import { backoffMs } from '../../shared/random/random.ts'
import type { ArrayRecord } from './array-record.ts'
import { type DeviceRecord, type Moving, type Placement, UNSENT } from './device-record.ts'
import type { Endings } from './endings.ts'
import { kinOf } from './kinship.ts'
import { Moves } from './moves.ts'
import type { Office } from './office.ts'
import { Placing } from './placing.ts'
import { expectedEndMs } from './scheduler/work-left.ts'
import type { Statuses } from './statuses.ts'
import { type TaskRecord, tally } from './task-record.ts'

const RETRY_BASE_MS = 1_000
const RETRY_CAP_MS = 60_000
const REROUTE_BASE_MS = 250
/** How long past the grace a device may take to confirm that an attempt is gone. */
const STOP_MARGIN_MS = 10_000
/** A device that refused something, or whose agent restarts, is left alone for this many heartbeats. */
const AVOID_HEARTBEATS = 2
const AVOID_MS_MAX = 60_000

export class Lifecycle {
  readonly placing: Placing
  readonly #office: Office
  readonly #endings: Endings
  readonly #statuses: Statuses
  readonly #moves: Moves

  constructor(office: Office, endings: Endings) {
    this.#office = office
    this.#endings = endings
    this.#statuses = endings.statuses
    this.#moves = new Moves(office, endings.statuses)
    this.placing = new Placing(office, endings)
  }

  /** Takes an attempt of an earlier reign as the current one: the device holds it already, with these GPUs. */
  adopt(task: TaskRecord, device: DeviceRecord, attempt: Attempt, gpus?: readonly number[]): void {
    this.#office.scheduler.remove(task)
    this.#office.dependencies.leave(task.id)
    this.#office.due.drop('retry', task.id)
    task.current = { attempt, device: device.id }
    task.device = device.id
    task.element?.of.array?.begin(task)
    if (task.state === 'pending') task.state = 'assigned'
    task.explanation = `kept on ${device.id}: the attempt outlived the coordinator that began it`
    if (device.placement(attempt) === undefined) {
      this.#hold(task, device, attempt, gpus)
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
    if (task.element !== undefined) task.element.of.state = 'running'
    this.#statuses.touch(task)
  }

  /** A device tells what an attempt has to go on from. An element's is no news for its array's status. */
  checkpoint(task: TaskRecord, attempt: Attempt, checkpoint: Checkpoint | undefined): void {
    if (!this.#office.checkpoints.take(task, attempt, checkpoint)) return
    const placement = this.#office.devices.get(task.current?.device ?? '')?.placement(attempt)
    // What it had done by now would not be lost; of what it was given nothing was its own.
    if (placement !== undefined && sameAttempt(checkpoint?.attempt, attempt))
      placement.savedMs = this.#office.context.now.monoMs
    if (task.element === undefined) this.#statuses.touch(task)
  }

  /** A device reports how an attempt ended. */
  result(device: DeviceRecord, result: AttemptResult, unknownMayCome: boolean): void {
    const placement = device.placement(result.attempt)
    const counted = placement?.phase === 'done'
    if (placement !== undefined) {
      device.finish(placement)
      this.#office.freed(device)
    }
    const task = this.#office.ledger.find(result.task)
    if (task === undefined) {
      if (this.#forgotten(result.task, unknownMayCome)) this.#endings.acknowledge(device.id, result.attempt)
      return
    }
    if (this.adoptable(task, result.attempt)) this.adopt(task, device, result.attempt)
    if (!isTerminal(task.state) && sameAttempt(task.current?.attempt, result.attempt)) {
      return this.#take(task, device, result)
    }
    const owed = (of: TaskRecord | undefined) =>
      of?.publication.owed.some(({ attempt }) => sameAttempt(attempt, result.attempt)) === true
    if (owed(task) || owed(task.element?.of)) return
    if (!sameAttempt(task.over, result.attempt) && !counted && ran(result)) {
      tally(task, 'duplicates')
      this.#statuses.touch(task)
    }
    if (this.#statuses.oweWhatIsSaid(task, device.id, result.attempt)) return
    this.#endings.acknowledge(device.id, result.attempt)
  }

  /** True when nothing can come any more of what a device calls by that name. */
  #forgotten(name: string, unknownMayCome: boolean): boolean {
    const task = this.#office.ledger.get(parseWork(name).task)
    return task === undefined ? !unknownMayCome : isTerminal(task.state)
  }

  /** The current attempt has ended: what follows from it. */
  #take(task: TaskRecord, device: DeviceRecord, result: AttemptResult): void {
    this.checkpoint(task, result.attempt, result.checkpoint)
    this.#over(task)
    const placement = device.placement(result.attempt)
    if (placement !== undefined) device.finish(placement)
    this.#statuses.owe(task, device.id, result.attempt)
    const { outcome } = result
    if (result.started !== undefined) task.times.started = result.started
    if (outcome === 'failed' || outcome === 'timed_out') tally(task, 'failed')
    if (task.stopping !== undefined) return this.#stop(task)
    if (outcome === 'revoked') {
      if (placement?.moving !== undefined) return this.#moved(task, device, placement.moving)
      return this.#again(task, 0, `moved away from ${device.id}`)
    }
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
    const task = this.#office.ledger.find(placement.task)
    if (task === undefined || !sameAttempt(task.current?.attempt, rejected.attempt)) return
    if (!asked) {
      device.refusals = { count: device.refusals.count + 1, message: rejected.error.message }
      this.#avoid(device, 2 ** (device.refusals.count - 1))
      this.#office.inboxes.askFull(device)
      // It never began; the budget of refusals is the device's, in how long it is left alone.
      tally(task, 'attempts', -1)
      task.error = rejected.error
    }
    this.#over(task)
    if (task.stopping !== undefined) return this.#stop(task)
    if (placement.moving !== undefined) return this.#moved(task, device, placement.moving)
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
    // Its room, its share of a quota and its place among others may be what something else waits for.
    this.#office.freed(device)
    const task = this.#office.ledger.find(placement.task)
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
  #hold(task: TaskRecord, device: DeviceRecord, attempt: Attempt, gpus?: readonly number[]): void {
    const { demand, times } = task
    const { now } = this.#office.context
    const leaseMs = this.#office.leases.of(task)
    device.add({
      key: attemptKey(attempt),
      attempt,
      task: task.id,
      resources: demand?.resources ?? {},
      gpus,
      kin: kinOf(task.spec),
      account: this.#office.tenants.of(task),
      seq: 0,
      leaseMs,
      endsMs: demand && expectedEndMs(demand.durationMs, times.assigned, now),
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
    tally(task, 'lost')
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
    this.placing.enqueue(task, delayMs)
    this.#statuses.touch(task)
  }

  /** Lets a task end early: withdrawn, or past its deadline. What runs is ended first. */
  stop(task: TaskRecord, how: NonNullable<TaskRecord['stopping']>): void {
    if (isTerminal(task.state) || task.stopping !== undefined) return
    task.stopping = how
    this.#office.scheduler.remove(task)
    if (task.array !== undefined) return this.#stopElements(task, task.array, how)
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

  /** Elements that wait end at once, those under way when they are gone from their devices, then the array. */
  #stopElements(task: TaskRecord, array: ArrayRecord, how: NonNullable<TaskRecord['stopping']>): void {
    const state = how.state === 'rejected' ? 'cancelled' : how.state
    array.endWaiting(state)
    for (const element of [...array.live.values()]) this.stop(element, { ...how, state })
    task.explanation = how.explanation
    this.#statuses.touch(task)
    this.#endings.elements.endIfComplete(task)
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

  /** Moves what a device holds elsewhere: it is placed again when it is gone from there. */
  move(task: TaskRecord, device: DeviceRecord, placement: Placement, moving: Moving): void {
    this.#moves.begun(task, placement, moving)
    this.revoke(device, placement)
  }

  /** What was being moved is gone from its device. Had it ended by itself before, it would not have been moved. */
  #moved(task: TaskRecord, device: DeviceRecord, moving: Moving): void {
    // Without it the device may have cooled down: what has just left should find another.
    if (moving.by === undefined) this.#avoid(device, 1)
    this.#moves.done(task, device, moving)
    this.#again(task, 0, moving.why)
  }

  /** Tells a device to end an attempt; its room stays reserved until it is confirmed gone. */
  revoke(device: DeviceRecord, placement: Placement): void {
    if (placement.phase === 'done') return
    if (placement.seq === UNSENT) {
      // Never went out: nothing to end, and the inbox drops it.
      const task = this.#office.ledger.find(placement.task)
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
