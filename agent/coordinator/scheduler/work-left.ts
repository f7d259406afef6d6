/**
 * Work left: how long a device would run at full use until all that was placed there is done, if everything runs as
 * long as it is expected to. Of one task that is an area: its share of the device, of whichever resource it takes the
 * largest share, times the time left.
 *
 * It is counted as of the device's last heartbeat. So it stands still between changes, as everything in a row of the
 * fleet's table does, and bounds of it stay true while time passes.
 */
import type { Resources } from '../../../shared/model/resources.ts'
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'

/** A device with so much work left scores one half. */
export const HALF_MS = 60_000

/** The largest share of a device that a task takes of any resource, from 0 to 1. */
export function shareOf(device: DeviceRecord, need: Resources): number {
  let most = 0
  for (const name in need) {
    const capacity = device.capacity[name] ?? 0
    if (capacity > 0) most = Math.max(most, (need[name] as number) / capacity)
  }
  return most
}

/** In milliseconds of the whole device. Costs a look at everything that is placed there. */
export function workLeftMs(device: DeviceRecord): number {
  let left = 0
  for (const { phase, resources, endsMs = 0 } of device.placements.values()) {
    const timeMs = endsMs - device.measuredMs
    if (phase !== 'done' && timeMs > 0) left += timeMs * shareOf(device, resources)
  }
  return left
}

/** The less work, the higher: from 0 to 1. */
export function soonness(workMs: number): number {
  return HALF_MS / (HALF_MS + workMs)
}

/** When a task is expected to end that was assigned at the instant `assigned`, on the monotonic clock. */
export function expectedEndMs(durationMs: number, assigned: string | undefined, now: Now): number {
  const sinceMs = assigned === undefined ? 0 : Math.max(0, now.wallMs - Date.parse(assigned))
  return now.monoMs - sinceMs + durationMs
}
