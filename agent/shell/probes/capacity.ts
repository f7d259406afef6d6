/** What the device offers to the mesh. */
import { CoveyError } from '../../../shared/errors/errors.ts'
import { parseQuantity } from '../../../shared/model/quantity.ts'
import { cpuCores } from './cpu.ts'
import { readDisk } from './disk.ts'
import { readMemory } from './memory.ts'
import { type Roots, SYSTEM_ROOTS } from './roots.ts'

export type Quantities = Readonly<Record<string, string | number>>

const MEBIBYTE = 2 ** 20

/** Memory kept back for the system and the agent: a tenth, at most one gibibyte. */
const RESERVE_SHARE = 0.1
const RESERVE_BYTES_MAX = 1024 * MEBIBYTE

/** Of the free disk, since logs and the journal grow too. */
const DISK_RESERVE_SHARE = 0.1

/**
 * Capacity as it is written in a device's state: `cpu` in cores that the process may use, `memory` less a reserve,
 * `disk` free now less a tenth. Cgroup limits count.
 *
 * @param overrides take the place of what was found, or add resources of one's own, like `{ cpu: '500m', gpu: 1 }`
 * @throws CoveyError E_USAGE when an override is not a quantity
 */
export function detectCapacity(
  dataFolder: string,
  overrides: Quantities = {},
  roots: Roots = SYSTEM_ROOTS,
): Record<string, string | number> {
  for (const [name, value] of Object.entries(overrides)) {
    if (parseQuantity(value) !== undefined) continue
    throw new CoveyError('E_USAGE', `capacity ${name}: ${JSON.stringify(value)} is not a quantity`, {
      remedy: 'Write quantities like "500m", "2", "64Mi"',
    })
  }
  const { totalBytes } = readMemory(roots)
  const memoryBytes = totalBytes - Math.min(RESERVE_BYTES_MAX, totalBytes * RESERVE_SHARE)
  const diskBytes = readDisk(dataFolder).freeBytes * (1 - DISK_RESERVE_SHARE)
  return {
    cpu: writeCores(cpuCores(roots)),
    memory: writeMebibytes(memoryBytes),
    disk: writeMebibytes(diskBytes),
    ...overrides,
  }
}

function writeCores(cores: number): string {
  return Number.isInteger(cores) ? `${cores}` : `${Math.floor(cores * 1000)}m`
}

function writeMebibytes(bytes: number): string {
  return `${Math.floor(bytes / MEBIBYTE)}Mi`
}
