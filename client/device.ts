/** What is known of one device, put together from its topics. */
import type { Incoming } from '../shared/protocol/codec.ts'
import type { Desired, DeviceLoad, DeviceState } from '../shared/protocol/schemas/index.ts'

/** Parts that nobody has published are absent. */
export interface Device {
  readonly id: string
  readonly state?: DeviceState
  readonly desired?: Desired
  readonly load?: DeviceLoad
}

/** Adds one message to what is known of its device. Returns the device, or `undefined` when it says nothing of one. */
export function mergeDevice(known: Map<string, Device>, message: Incoming): Device | undefined {
  const { route, id } = message
  if ((route !== 'state' && route !== 'desired' && route !== 'load') || 'rejection' in message)
    return undefined
  const { [route]: former, ...rest } = known.get(id) ?? { id }
  if ('empty' in message && former === undefined) return undefined
  const device: Device = 'empty' in message ? rest : { ...rest, [route]: message.body }
  const gone = device.state === undefined && device.desired === undefined && device.load === undefined
  if (gone) known.delete(id)
  else known.set(id, device)
  return device
}
