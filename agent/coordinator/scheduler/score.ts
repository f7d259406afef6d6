/** Scores: how well a device suits a shape now, from 0 to 1. */
import { gpuMilliOf } from '../../../shared/model/gpus.ts'
import { leastLeft, type Resources } from '../../../shared/model/resources.ts'
import { withMore } from '../../../shared/model/utilization.ts'
import type { DeviceRecord } from '../device-record.ts'

/** True when the device has room for `need` beside what is reserved: of GPUs on as many as it takes. */
export function hasRoom(device: DeviceRecord, need: Resources): boolean {
  for (const name in need) {
    if ((need[name] as number) > (device.capacity[name] ?? 0) - (device.reserved[name] ?? 0)) return false
  }
  return device.gpus.fits(gpuMilliOf(need))
}

/**
 * Most free: the share of its scarcest resource that a device would have left, by what is reserved and by what it
 * measures, whichever is less.
 */
export function mostFree(device: DeviceRecord, need: Resources): number {
  const least = leftByReservation(device, need)
  const { utilization } = device
  return utilization === undefined ? least : Math.min(least, 1 - withMore(utilization, device.reserved, need))
}

/** Best fit: the less a device would have left of its scarcest resource, the better. Only what is reserved counts. */
export function bestFit(device: DeviceRecord, need: Resources): number {
  return 1 - leftByReservation(device, need)
}

function leftByReservation({ capacity, reserved }: DeviceRecord, need: Resources): number {
  return leastLeft(capacity, reserved, need)
}
