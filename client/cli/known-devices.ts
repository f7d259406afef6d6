/** Devices that a command names. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import type { Client } from '../client.ts'
import type { Device } from '../device.ts'
import { checkId } from '../submit.ts'

/**
 * What is known of each of them, in their order and without repetition.
 *
 * @throws CoveyError E_ID, E_NO_DEVICE for the first that the mesh does not know
 */
export async function knownDevices(client: Client, names: readonly string[]): Promise<Device[]> {
  for (const name of names) checkId(name)
  const known = new Map((await client.devices()).map((device) => [device.id, device]))
  return [...new Set(names)].map((name) => {
    const device = known.get(name)
    if (device !== undefined) return device
    const message = `mesh ${client.mesh} knows no device ${name}`
    const remedy = `${didYouMean(name, known.keys())}See covey get devices`
    throw new CoveyError('E_NO_DEVICE', message, { remedy })
  })
}
