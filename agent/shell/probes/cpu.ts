/** How many cores there are for us, and how many are in use. */
import { availableParallelism } from 'node:os'
import { findCgroup } from './cgroup.ts'
import { type Roots, readNumber, readText, SYSTEM_ROOTS } from './roots.ts'

/** Cores that a cgroup's quota allows; `undefined` when there is no quota. */
export function cpuQuota(roots: Roots): number | undefined {
  const group = findCgroup(roots, 'cpu')
  if (group === undefined) return undefined
  const quotas = group.levels
    .map((folder) => (group.version === 2 ? quotaV2(folder) : quotaV1(folder)))
    .filter((quota) => quota !== undefined)
  return quotas.length === 0 ? undefined : Math.min(...quotas)
}

/** `cpu.max` is "max 100000" or "150000 100000": microseconds of time in a period. */
function quotaV2(folder: string): number | undefined {
  const [quota, period] = (readText(`${folder}/cpu.max`) ?? '').split(/\s+/).map(Number)
  return ratio(quota, period)
}

function quotaV1(folder: string): number | undefined {
  return ratio(readNumber(`${folder}/cpu.cfs_quota_us`), readNumber(`${folder}/cpu.cfs_period_us`))
}

function ratio(quota: number | undefined, period: number | undefined): number | undefined {
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return undefined
  return quota / period
}

/** Cores this device offers: those the process may run on, or the cgroup's quota if that is less. */
export function cpuCores(roots: Roots = SYSTEM_ROOTS, parallelism: number = availableParallelism()): number {
  return Math.min(parallelism, cpuQuota(roots) ?? Number.POSITIVE_INFINITY)
}

/** Cores of the whole device, whoever may run on them; `undefined` where /proc does not tell. */
function deviceCores(roots: Roots): number | undefined {
  const cores = readText(`${roots.proc}/stat`)?.match(/^cpu\d+ /gm)?.length
  return cores === 0 ? undefined : cores
}

/** Cores that there are for what the probe of `createCpuProbe` counts. */
export function countedCores(roots: Roots): number {
  const bound = cpuQuota(roots) !== undefined
  return (bound ? undefined : deviceCores(roots)) ?? cpuCores(roots)
}

interface Usage {
  /** Time that cores were busy, summed over all cores. */
  readonly busySeconds: number
  readonly atMs: number
}

/** Clock ticks a second in /proc: USER_HZ, which is 100 on every architecture that Linux shows to programs. */
export const TICKS_PER_SECOND = 100

/** Counters go by ticks of 10 ms: over less than this they tell too little. */
export const CPU_SPAN_MS_MIN = 100

/**
 * Cores in use between two calls: of the whole device, or of the cgroup when a quota bounds us, since load must be
 * comparable to what is offered. The first call gives `undefined`.
 *
 * @param nowMs a monotonic clock
 */
export function createCpuProbe(roots: Roots, nowMs: () => number): () => number | undefined {
  const bounded = cpuQuota(roots) !== undefined
  let last: Usage | undefined
  return () => {
    const busySeconds = (bounded ? cgroupBusySeconds(roots) : undefined) ?? deviceBusySeconds(roots)
    if (busySeconds === undefined) return undefined
    const now: Usage = { busySeconds, atMs: nowMs() }
    const before = last
    if (before !== undefined && now.atMs < before.atMs + CPU_SPAN_MS_MIN) return undefined
    last = now
    if (before === undefined) return undefined
    // Counters of a device may step back by rounding when it wakes from sleep.
    return Math.max(0, ((now.busySeconds - before.busySeconds) * 1000) / (now.atMs - before.atMs))
  }
}

function cgroupBusySeconds(roots: Roots): number | undefined {
  const unified = findCgroup(roots, 'cpu')
  for (const folder of unified?.version === 2 ? unified.levels : []) {
    const match = /^usage_usec (\d+)$/m.exec(readText(`${folder}/cpu.stat`) ?? '')
    if (match !== null) return Number(match[1]) / 1e6
  }
  const accounting = findCgroup(roots, 'cpuacct')
  for (const folder of accounting?.version === 1 ? accounting.levels : []) {
    const nanoseconds = readNumber(`${folder}/cpuacct.usage`)
    if (nanoseconds !== undefined) return nanoseconds / 1e9
  }
  return undefined
}

/** First line of /proc/stat: "cpu user nice system idle iowait irq softirq steal guest guest_nice", in ticks. */
function deviceBusySeconds(roots: Roots): number | undefined {
  const match = /^cpu +([\d ]+)$/m.exec(readText(`${roots.proc}/stat`) ?? '')
  if (match === null) return undefined
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (match[1] as string)
    .split(' ')
    .map(Number)
  // Guest time is in user and nice already.
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}
