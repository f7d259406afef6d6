/** Devices for tests of what has nothing to do with how devices differ. */
import type { DeviceSpec } from '../workload.ts'

/** One device of each name, all alike; any of them may coordinate. */
export function plainDevices(names: readonly string[]): DeviceSpec[] {
  return names.map((device) => ({
    mesh: 'm',
    device,
    labels: {},
    capacity: { cpu: 2, memory: '1Gi' },
    executors: ['exec'],
    candidate: 'auto',
    version: '0',
  }))
}
