/** The devices of a scenario: what each agent is told, and how its machine and network differ. */
import { LAN, type Latency } from '../broker/link.ts'
import type { DeviceSpec } from '../workload.ts'
import type { DeviceProfile } from '../world.ts'
import { ms, namesOf } from './scenario.ts'
import type { DeviceClass } from './schema.ts'

export interface Fleet {
  readonly devices: readonly DeviceSpec[]
  readonly profile: (device: string) => DeviceProfile
}

/**
 * Makes the devices, class by class.
 *
 * @param latency of links whose class does not say
 */
export function fleetOf(classes: readonly DeviceClass[], mesh: string, latency: Latency = LAN): Fleet {
  const devices: DeviceSpec[] = []
  const profiles = new Map<string, DeviceProfile>()
  for (const row of classes) {
    const profile = profileOf(row, latency)
    for (const device of namesOf(row)) {
      profiles.set(device, profile)
      devices.push({
        mesh,
        device,
        labels: { ...row.labels, class: row.class },
        capacity: row.capacity,
        executors: ['exec'],
        candidate: row.candidate ?? 'auto',
        version: 'simulated',
      })
    }
  }
  return { devices, profile: (device) => profiles.get(device) ?? {} }
}

function profileOf(row: DeviceClass, { baseMs, jitterMs }: Latency): DeviceProfile {
  return {
    latency: { baseMs: ms(row.latency, baseMs), jitterMs: ms(row.jitter, jitterMs) },
    ...(row.drift === undefined ? {} : { driftPpmMax: row.drift }),
    ...(row.start === undefined ? {} : { startWithinMs: ms(row.start, 0) }),
    ...(row.keepAlive === undefined ? {} : { keepAliveMs: ms(row.keepAlive, 0) }),
    ...(row.speed === undefined ? {} : { speed: row.speed }),
  }
}
