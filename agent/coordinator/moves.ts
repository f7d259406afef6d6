/**
 * Moves: work that is told to end on one device so that it can be placed again, and what is told of it. It is a move only
 * when the attempt ends because of it; what had ended by itself before has ended.
 */
import type { DeviceRecord, Moving, Placement } from './device-record.ts'
import type { Office } from './office.ts'
import type { Statuses } from './statuses.ts'
import type { TaskRecord } from './task-record.ts'

export class Moves {
  readonly #office: Office
  readonly #statuses: Statuses

  constructor(office: Office, statuses: Statuses) {
    this.#office = office
    this.#statuses = statuses
  }

  /** The attempt is being ended for that. */
  begun(task: TaskRecord, placement: Placement, moving: Moving): void {
    placement.moving = moving
    task.explanation = `being ${moving.why}`
    this.#statuses.touch(task)
  }

  /** It is gone from its device. */
  done(task: TaskRecord, device: DeviceRecord, { why, by }: Moving): void {
    const at = this.#office.context.instant()
    for (const told of task.element === undefined ? [task] : [task, task.element.of]) {
      if (by === undefined) told.moves = { count: (told.moves?.count ?? 0) + 1, from: device.id, why, at }
      else {
        const count = (told.preemptions?.count ?? 0) + 1
        told.preemptions = { count, by, from: device.id, why, at }
      }
    }
    const about = { task: task.id, device: device.id }
    if (by === undefined) this.#office.event('moved', why, about)
    else this.#office.event('preempted', why, { ...about, by })
  }
}
