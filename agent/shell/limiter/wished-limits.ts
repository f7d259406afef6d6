/** The limits that a task states for itself. What it leaves to the defaults is reserved, and not held against it. */
import { parseResources } from '../../../shared/model/resources.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'

export interface WishedLimits {
  /** Thousandths of a core. */
  readonly cpuMilli?: number
  readonly memoryBytes?: number
}

/**
 * How a stated `cpu` is held where that can be chosen: as a share, by which those that compete divide the cores, or as
 * a quota, which is never exceeded although cores are idle.
 */
export const CPU_LIMITS = ['share', 'quota'] as const
export type CpuLimit = (typeof CPU_LIMITS)[number]

/** @returns nothing for what is not stated or is zero */
export function wishedLimits({ resources }: TaskSpec): WishedLimits {
  const { cpu = 0, memory = 0 } = parseResources(resources)
  return {
    ...(cpu > 0 ? { cpuMilli: cpu } : {}),
    // Quantities count in thousandths.
    ...(memory > 0 ? { memoryBytes: Math.ceil(memory / 1_000) } : {}),
  }
}

/** The share of competing processes that Linux takes for one core, in cgroups of version 1 and for containers. */
const SHARES_PER_CORE = 1024
const SHARES_MIN = 2
const SHARES_MAX = 262_144

export function cpuShares(cpuMilli: number): number {
  return Math.min(SHARES_MAX, Math.max(SHARES_MIN, Math.round((cpuMilli * SHARES_PER_CORE) / 1_000)))
}
