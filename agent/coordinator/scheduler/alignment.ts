/**
 * Alignment: whether a device has free what is asked for most. The dot product of what is asked for and what is free,
 * both as shares of the device, as in Tetris (Grandl et al., "Multi-resource packing for cluster schedulers", SIGCOMM
 * 2014), divided by the sum of the shares asked for: the mean of what is free, weighted by what is asked for.
 */
import type { Resources } from '../../../shared/model/resources.ts'
import type { DeviceRecord } from '../device-record.ts'

/** From 0 to 1, before it is placed; only what is reserved counts. */
export function alignment(device: DeviceRecord, need: Resources): number {
  let product = 0
  let asked = 0
  for (const name in need) {
    const capacity = device.capacity[name] ?? 0
    if (capacity === 0) continue
    const share = (need[name] as number) / capacity
    product += (share * (capacity - (device.reserved[name] ?? 0))) / capacity
    asked += share
  }
  return asked === 0 ? 1 : product / asked
}
