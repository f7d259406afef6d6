/** The devices of a scenario: what each agent is told, and how its machine and network differ. */
import type { DeviceSpec } from '../workload.ts'
import type { DeviceProfile } from '../world.ts'
import { ms, namesOf } from './scenario.ts'
import type { DeviceClass } from './schema.ts'

const BASE_MS = 0.4
const JITTER_MS = 0.6

export interface Fleet {
  readonly devices: readonly DeviceSpec[]
  readonly profile: (device: string) => DeviceProfile
}

/** Makes the devices, class by class. */
export function fleetOf(classes: readonly DeviceClass[], mesh: string): Fleet {
  const devices: DeviceSpec[] = []
  const profiles = new Map<string, DeviceProfile>()
  for (const row of classes) {
    const profile = profileOf(row)
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

function profileOf(row: DeviceClass): DeviceProfile {
  return {
    latency: { baseMs: ms(row.latency, BASE_MS), jitterMs: ms(row.jitter, JITTER_MS) },
    ...(row.drift === undefined ? {} : { driftPpmMax: row.drift }),
    ...(row.start === undefined ? {} : { startWithinMs: ms(row.start, 0) }),
    ...(row.keepAlive === undefined ? {} : { keepAliveMs: ms(row.keepAlive, 0) }),
    ...(row.speed === undefined ? {} : { speed: row.speed }),
  }
}
