/** How much memory there is for us, and how much is in use, in bytes. */
import { totalmem } from 'node:os'
import { findCgroup } from './cgroup.ts'
import { type Roots, readNumber, readText, SYSTEM_ROOTS } from './roots.ts'

export interface Memory {
  readonly totalBytes: number
  /** Without caches that the system would give up; `undefined` where it does not tell them apart. */
  readonly usedBytes: number | undefined
}

/** Of the device, or of the cgroup that bounds us. */
export function readMemory(roots: Roots = SYSTEM_ROOTS): Memory {
  const device = deviceMemory(roots)
  const bound = cgroupMemory(roots)
  return bound !== undefined && bound.totalBytes < device.totalBytes ? bound : device
}

function deviceMemory(roots: Roots): Memory {
  const text = readText(`${roots.proc}/meminfo`) ?? ''
  const kibibytes = (name: string) => new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1]
  const total = kibibytes('MemTotal')
  const available = kibibytes('MemAvailable')
  if (total === undefined || available === undefined) {
    return { totalBytes: totalmem(), usedBytes: undefined }
  }
  return { totalBytes: Number(total) * 1024, usedBytes: (Number(total) - Number(available)) * 1024 }
}

const FILES = {
  1: { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', cache: 'total_inactive_file' },
  2: { limit: 'memory.max', usage: 'memory.current', cache: 'inactive_file' },
} as const

/** The tightest level; "max" and the huge number of version 1 are no limits. */
function cgroupMemory(roots: Roots): Memory | undefined {
  const group = findCgroup(roots, 'memory')
  if (group === undefined) return undefined
  const files = FILES[group.version]
  let tightest: Memory | undefined
  for (const folder of group.levels) {
    const totalBytes = readNumber(`${folder}/${files.limit}`)
    if (totalBytes === undefined || totalBytes >= (tightest?.totalBytes ?? Number.MAX_SAFE_INTEGER)) continue
    const usage = readNumber(`${folder}/${files.usage}`) ?? 0
    const statistics = readText(`${folder}/memory.stat`) ?? ''
    const cache = Number(new RegExp(`^${files.cache} (\\d+)$`, 'm').exec(statistics)?.[1] ?? 0)
    tightest = { totalBytes, usedBytes: Math.max(0, usage - cache) }
  }
  return tightest
}
