/**
 * Leases of exclusive work, as the coordinator keeps them: no attempt begins while another may run.
 *
 * A device runs exclusive work only for a lease from when it sent the last heartbeat that a coordinator echoed. So:
 *
 *   - a heartbeat is echoed only to a device whose full report of this connection is known, and it is known then of
 *     every exclusive attempt whose lease goes on for it, and that each is a task's current one;
 *   - the attempt of a lost device stays the current one until a lease and the margin after the last echo;
 *   - what earlier coordinators have echoed was sent before this one took the seat. In the lease and the margin
 *     from then on no exclusive attempt begins, so it matters not what this one could not read or hear of. The lease
 *     is the longest that is known of: leases grow with the fleet, so beacons tell the longest that may be running;
 *   - a lease is fixed when its attempt begins: heartbeats do not grow longer than it bears while it runs;
 *   - the assigned status is with the broker before the assignment is sent: whoever comes next knows of it.
 */
import { LEASE_HEARTBEATS, leaseMarginMs } from '../../shared/model/lease.ts'
import { attemptKey, sameAttempt } from '../../shared/protocol/attempt.ts'
import type { Assignment } from '../../shared/protocol/schemas/index.ts'
import { type DeviceRecord, type Placement, UNSENT } from './device-record.ts'
import type { Office } from './office.ts'
import type { TaskRecord } from './task-record.ts'

/** An assignment that waits for its status to be acknowledged, then for its device to be heard. */
interface Waiting {
  readonly task: TaskRecord
  readonly device: DeviceRecord
  readonly assignment: Assignment
  /** The version of the status that must be with the broker first. */
  readonly version: number
}

export class Leases {
  readonly #office: Office
  /** When this coordinator took the seat, by its monotonic clock. */
  readonly #sinceMs: number
  /** By task: assignments whose status is on its way. */
  readonly #untold = new Map<string, Waiting>()
  /** By device: assignments for which it has to be heard yet. */
  readonly #unheard = new Map<DeviceRecord, Waiting[]>()

  /** The longest lease that an earlier coordinator is known to have given; 0 for none. */
  #earlierMs: number
  /** The longest lease that was running at the last survey. */
  #runningMs = 0

  constructor(office: Office, earlierMs: number) {
    this.#office = office
    this.#sinceMs = office.context.now.monoMs
    this.#earlierMs = earlierMs
  }

  /** The lease that attempts get now, in milliseconds: for heartbeats as they are, and as they are going to be. */
  get leaseMs(): number {
    const { context, heartbeatMs, fleetHeartbeatMs } = this.#office
    const longestMs = LEASE_HEARTBEATS * Math.max(heartbeatMs, fleetHeartbeatMs)
    return Math.ceil(Math.max(context.timing.exclusiveLeaseMs, longestMs))
  }

  /** The longest lease that exclusive work may be running under, in milliseconds. */
  get longestMs(): number {
    const earlierMs = this.#leftMs(this.#earlierMs, this.#sinceMs) > 0 ? this.#earlierMs : 0
    return Math.max(this.leaseMs, this.#runningMs, earlierMs)
  }

  /** A lease has come to light that an earlier coordinator may have given. */
  found(leaseMs: number | undefined): void {
    this.#earlierMs = Math.max(this.#earlierMs, leaseMs ?? 0)
  }

  /** Looks what leases run. @returns the length of the shortest in milliseconds; infinite when there is none */
  survey(): number {
    let shortestMs = Number.POSITIVE_INFINITY
    this.#runningMs = 0
    for (const device of this.#office.devices.values()) {
      if (device.exclusives === 0) continue
      for (const { leaseMs, phase } of device.placements.values()) {
        if (leaseMs === undefined || phase === 'done') continue
        shortestMs = Math.min(shortestMs, leaseMs)
        this.#runningMs = Math.max(this.#runningMs, leaseMs)
      }
    }
    return shortestMs
  }

  /** The lease of the task's last attempt; `undefined` when it is not exclusive. */
  of(task: TaskRecord): number | undefined {
    return task.leaseMs ?? (task.demand?.exclusive === true ? this.leaseMs : undefined)
  }

  /** How long the task must not be placed yet because of what earlier coordinators may have begun. */
  quietMs(task: TaskRecord): number {
    if (task.demand?.exclusive !== true) return 0
    const leaseMs = Math.max(this.leaseMs, this.#earlierMs, task.leaseMs ?? 0)
    return Math.max(0, this.#leftMs(leaseMs, this.#sinceMs))
  }

  /** How long from now something may run whose lease counts from `fromMs`. */
  #leftMs(leaseMs: number, fromMs: number): number {
    return Math.ceil(fromMs + leaseMs + leaseMarginMs(leaseMs) - this.#office.context.now.monoMs)
  }

  /** Sends an exclusive assignment as soon as its status is with the broker and its device is heard. */
  assign(task: TaskRecord, device: DeviceRecord, assignment: Assignment): void {
    this.#untold.set(task.id, { task, device, assignment, version: task.publication.version })
  }

  /** The broker has a newer status of the task. */
  told(task: TaskRecord): void {
    const waiting = this.#untold.get(task.id)
    if (waiting?.task !== task || task.publication.acked < waiting.version) return
    this.#untold.delete(task.id)
    if (this.#mayEcho(waiting.device)) this.#send(waiting)
    else this.#unheard.set(waiting.device, [...(this.#unheard.get(waiting.device) ?? []), waiting])
  }

  /** A heartbeat came: it is echoed to a device that may run exclusive work, and what waited for it is sent. */
  heartbeat(device: DeviceRecord): void {
    if (device.exclusives === 0 || !this.#mayEcho(device)) return
    this.#office.inboxes.heard(device)
    const waiting = this.#unheard.get(device)
    if (waiting === undefined) return
    this.#unheard.delete(device)
    for (const one of waiting) this.#send(one)
  }

  /**
   * True when it is known all that the device holds, and a heartbeat of this connection was heard. An echo is for all
   * leases of a device: where one is of a stray, none goes on until that is gone, or over as its last coordinator knew.
   */
  #mayEcho(device: DeviceRecord): boolean {
    return device.reported && device.exclusiveStrays === 0 && device.load?.nonce === device.state.nonce
  }

  #send({ task, device, assignment }: Waiting): void {
    const placement = device.placement(assignment.attempt)
    // Lost or withdrawn before it was sent.
    if (placement?.seq !== UNSENT || !sameAttempt(task.current?.attempt, assignment.attempt)) return
    this.#office.inboxes.heard(device)
    this.#office.inboxes.assign(device, assignment)
  }

  /** True when the placement of a device that was lost may still run; then the task waits until it cannot. */
  outlives(task: TaskRecord, device: DeviceRecord, placement: Placement): boolean {
    if (placement.seq === UNSENT) this.#unheard.delete(device)
    if (placement.leaseMs === undefined || placement.seq === UNSENT) return false
    return sameAttempt(task.current?.attempt, placement.attempt) && this.mayRun(task, device)
  }

  /** True when the task's current attempt may run on a device that is away; comes up again when it cannot. */
  mayRun(task: TaskRecord, device: DeviceRecord | undefined): boolean {
    const leaseMs = this.of(task)
    if (leaseMs === undefined || task.current === undefined) return false
    const leftMs = this.#leftMs(leaseMs, Math.max(this.#sinceMs, device?.grantedMs ?? 0))
    if (leftMs <= 0) return false
    this.#office.due.add(leftMs, 'lease', task.id, attemptKey(task.current.attempt))
    return true
  }
}
