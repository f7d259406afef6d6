/** Destinations: devices that tasks go to before they are placed as any other, if they still can. Whoever plans it tells. */
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import type { FleetTable } from './fleet-table.ts'
import { hasRoom } from './score.ts'
import type { Shape } from './shape.ts'

export class Destinations {
  readonly #table: FleetTable
  readonly #of = new Map<TaskRecord, DeviceRecord>()

  constructor(table: FleetTable) {
    this.#table = table
  }

  set(task: TaskRecord, device: DeviceRecord): void {
    this.#of.set(task, device)
  }

  delete(task: TaskRecord): void {
    this.#of.delete(task)
  }

  has(task: TaskRecord): boolean {
    return this.#of.has(task)
  }

  /** Where the task is to go, if that device can take it now. */
  find(shape: Shape, task: TaskRecord, now: Now): DeviceRecord | undefined {
    if (this.#of.size === 0) return undefined
    const device = this.#of.get(task)
    return device !== undefined && canTake(this.#table, shape, task, device, now) ? device : undefined
  }
}

/** Whether that very device could be given a task of the shape now, as far as quotas allow it. */
export function canTake(
  table: FleetTable,
  { eligible, resources }: Shape,
  task: TaskRecord,
  device: DeviceRecord,
  { monoMs, wallMs }: Now,
): boolean {
  const slot = table.slotOf(device)
  if (slot === undefined || !eligible.has(slot) || !hasRoom(device, resources)) return false
  return !device.isKeptFrom(task) && device.closedReason(monoMs, wallMs) === undefined
}
