/**
 * Restore: how a new coordinator learns what there is before it decides anything.
 *
 *   reading ──marker seen on the warm copy, and quiet──▶ inventory ──all online devices reported, or time──▶ done
 *
 * Until the window closes nothing is placed, cancelled or written: reports are kept in order, and then the
 * greatest attempt of each task that anyone knows of becomes its current one.
 */
import { type Attempt, compareAttempts, compareReigns } from '../../shared/protocol/attempt.ts'
import {
  type DeviceLoad,
  type DeviceReport,
  type DeviceState,
  isTerminal,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import type { Arrays } from './arrays.ts'
import type { Fleet } from './fleet.ts'
import type { Intake } from './intake.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Mirror } from './mirror.ts'
import type { Office } from './office.ts'
import type { TaskRecord } from './task-record.ts'

/** Reports kept while the window is open; a device whose report finds no place is asked again afterwards. */
const REPORTS_MAX = 50_000

export class Restore {
  readonly #office: Office
  readonly #mirror: Mirror
  readonly #reports: { id: string; report: DeviceReport }[] = []
  readonly #reported = new Set<string>()
  /** The last heartbeat of each device: what is placed first should not go where it is too hot. */
  readonly #loads = new Map<string, DeviceLoad>()
  #awaited: Set<string> | undefined

  constructor(office: Office, mirror: Mirror) {
    this.#office = office
    this.#mirror = mirror
  }

  /** The warm copy is complete: from now on it is known who has to report. */
  open(): void {
    this.#awaited = new Set()
    for (const [id, state] of this.#mirror.readableStates()) this.state(id, state)
  }

  /** A device came or went while the window is open. */
  state(id: string, state: DeviceState): void {
    if (this.#awaited === undefined) return
    if (state.online && !this.#reported.has(id)) this.#awaited.add(id)
    else this.#awaited.delete(id)
  }

  /** A device measures while the window is open. */
  load(id: string, load: DeviceLoad): void {
    if (this.#loads.size < REPORTS_MAX || this.#loads.has(id)) this.#loads.set(id, load)
  }

  report(id: string, report: DeviceReport): void {
    if (compareReigns(report.highestTerm, this.#office.reign) !== 0 || this.#reports.length >= REPORTS_MAX)
      return
    this.#reports.push({ id, report })
    if (report.full?.last !== true) return
    this.#reported.add(id)
    this.#awaited?.delete(id)
  }

  /** True when every device believed online has reported. */
  get complete(): boolean {
    return this.#awaited !== undefined && this.#awaited.size === 0
  }

  /** Who has not reported. */
  get missing(): number {
    return this.#awaited?.size ?? 0
  }

  /** The window closes: everything that was kept takes effect. */
  close(fleet: Fleet, intake: Intake, lifecycle: Lifecycle, arrays: Arrays): void {
    for (const [id, state] of this.#mirror.readableStates()) fleet.state(id, state)
    const { specs, doubtful } = this.#mirror
    for (const [id, message] of specs) if (!doubtful.has(id)) intake.foresee(id, message)
    for (const [id, status] of this.#statusesByAge()) intake.restore(id, status, specs.get(id))
    for (const [id, message] of specs) {
      if (this.#office.ledger.get(id) === undefined && !doubtful.has(id)) intake.spec(message)
    }
    if (doubtful.size > 0) intake.confirm([...doubtful])
    for (const task of this.#office.ledger.values()) arrays.restored(task)
    this.#settleCurrent(lifecycle)
    for (const { id, report } of this.#reports) fleet.report(id, report)
    // What runs there is counted by now: it is in what was measured.
    for (const [id, load] of this.#loads) {
      const device = this.#office.devices.get(id)
      if (device?.state.nonce === load.nonce) fleet.measured(device, load)
    }
    this.#loads.clear()
    intake.windowClosed()
    for (const task of this.#office.ledger.values()) {
      const waits = task.state === 'pending' || (task.array !== undefined && !isTerminal(task.state))
      if (waits && task.spec !== undefined && task.stopping === undefined) intake.track(task)
    }
    this.#reports.length = 0
  }

  /** The oldest first: whoever waited longest goes on waiting in front, and goes first when too many are kept. */
  #statusesByAge(): readonly (readonly [string, TaskStatus])[] {
    const statuses: (readonly [string, TaskStatus])[] = []
    for (const [id, message] of this.#mirror.statuses)
      if ('body' in message) statuses.push([id, message.body])
    const age = (status: TaskStatus) => status.times.ended ?? status.times.seen ?? ''
    return statuses.sort(([, a], [, b]) => (age(a) < age(b) ? -1 : age(a) > age(b) ? 1 : 0))
  }

  /** Finds each task's current attempt, and places it on the device that has it. */
  #settleCurrent(lifecycle: Lifecycle): void {
    const elements: TaskRecord[] = []
    for (const [name, sighting] of this.#greatestSightings()) {
      const task = this.#office.ledger.find(name)
      if (task === undefined || isTerminal(task.state)) continue
      const known = task.current?.attempt ?? task.over
      if (known !== undefined && compareAttempts(sighting.attempt, known) <= 0) continue
      // Begun after the last status was published: the sighting is the younger truth.
      task.over = task.current?.attempt ?? task.over
      task.current = { attempt: sighting.attempt, device: sighting.device }
      task.device = sighting.device
      task.attempts = Math.max(task.attempts + 1, 1)
      if (task.state === 'pending') task.state = 'assigned'
      this.#office.scheduler.remove(task)
      this.#office.dependencies.leave(task.id)
      if (task.element === undefined) continue
      task.element.of.array?.begin(task)
      elements.push(task)
    }
    for (const task of [...this.#office.ledger.values(), ...elements]) lifecycle.takeOver(task)
  }

  #greatestSightings(): Map<string, { attempt: Attempt; device: string }> {
    const sightings = new Map<string, { attempt: Attempt; device: string }>()
    for (const { id, report } of this.#reports) {
      for (const { attempt, task } of [...report.held, ...report.results]) {
        const before = sightings.get(task)
        if (before === undefined || compareAttempts(attempt, before.attempt) > 0) {
          sightings.set(task, { attempt, device: id })
        }
      }
    }
    return sightings
  }
}
