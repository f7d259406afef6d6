/** A validated spec in the units that cores compute with. */

import { executorOf } from '../protocol/schemas/run.ts'
import type { TaskSpec } from '../protocol/schemas/task.ts'
import { parseDuration } from './duration.ts'
import { emptyVector, parseResources, type Resources } from './resources.ts'
import { DEFAULT_TENANT } from './tenants.ts'

export const DEFAULT_RESOURCES: Resources = Object.freeze({ cpu: 100, memory: 32 * 2 ** 20 * 1000 })
export const DEFAULT_PRIORITY = 50
export const DEFAULT_TIMEOUT_MS = 3_600_000
/** How long a task counts as running that says nothing of it, where plans go by that. */
export const DEFAULT_DURATION_MS = 60_000
export const DEFAULT_GRACE_MS = 5_000
export const DEFAULT_TTL_MS = 3_600_000
/** How long a task waits to hear of one that it is after. */
export const DEFAULT_PREDECESSOR_WAIT_MS = 10_000
export const DEFAULT_RETRIES_FAILED = 0
export const DEFAULT_RETRIES_LOST = 10

/** What a task asks for, with every default filled in. */
export interface Demand {
  readonly resources: Resources
  readonly priority: number
  /** Whose work it is. */
  readonly tenant: string
  readonly timeoutMs: number
  /** How long it is expected to run; no limit. */
  readonly durationMs: number
  /** Between TERM and KILL when it must end. */
  readonly graceMs: number
  readonly retriesFailed: number
  readonly retriesLost: number
  /** Wall-clock milliseconds; `undefined` when there is none. */
  readonly deadlineMs: number | undefined
  readonly executor: string
  /** Two attempts of it must never run at the same time. */
  readonly exclusive: boolean
  /** The handler that it calls, when it is a function. */
  readonly functionName: string | undefined
}

/** Fills in defaults and converts units. The spec must have passed the codec. */
export function demandOf(spec: TaskSpec, defaultTimeoutMs: number = DEFAULT_TIMEOUT_MS): Demand {
  return {
    resources: Object.assign(emptyVector(), DEFAULT_RESOURCES, parseResources(spec.resources)),
    priority: spec.priority ?? DEFAULT_PRIORITY,
    tenant: spec.tenant ?? DEFAULT_TENANT,
    timeoutMs: durationOr(spec.timeout, defaultTimeoutMs),
    durationMs: durationOr(spec.duration, DEFAULT_DURATION_MS),
    graceMs: durationOr(spec.grace, DEFAULT_GRACE_MS),
    retriesFailed: spec.retries?.failed ?? DEFAULT_RETRIES_FAILED,
    retriesLost: spec.retries?.lost ?? DEFAULT_RETRIES_LOST,
    deadlineMs: spec.deadline === undefined ? undefined : Date.parse(spec.deadline),
    executor: executorOf(spec.run),
    functionName: 'function' in spec.run ? spec.run.function : undefined,
    exclusive: spec.exclusive === true,
  }
}

function durationOr(text: string | undefined, fallbackMs: number): number {
  return text === undefined ? fallbackMs : (parseDuration(text) ?? fallbackMs)
}
