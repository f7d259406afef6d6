/**
 * Needs: all that decides where a task may and had better go. Tasks with the same needs are of one shape, though each
 * comes with a spec of its own; they are told apart by a hash and a comparison, which make nothing anew.
 */
import type { Resources } from '../../../shared/model/resources.ts'
import { DEFAULT_DURATION_MS } from '../../../shared/model/task.ts'
import { DEFAULT_TENANT } from '../../../shared/model/tenants.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import type { TaskRecord } from '../task-record.ts'

export interface Needs {
  readonly resources: Resources
  readonly executor: string
  readonly functionName: string | undefined
  readonly tenant: string
  readonly strategy: TaskSpec['strategy']
  readonly objective: TaskSpec['objective']
  /** To two digits, see `roughly`. */
  readonly durationMs: number
  readonly where: TaskSpec['where']
  readonly prefer: TaskSpec['prefer']
  readonly data: TaskSpec['data']
  readonly group: TaskSpec['group']
  readonly spread: TaskSpec['spread']
  readonly near: TaskSpec['near']
  readonly apart: TaskSpec['apart']
}

/** Of a task whose spec is not known nothing is. */
export function needsOf({ demand, spec }: TaskRecord): Needs {
  return {
    resources: demand?.resources ?? {},
    executor: demand?.executor ?? '',
    functionName: demand?.functionName,
    tenant: demand?.tenant ?? DEFAULT_TENANT,
    strategy: spec?.strategy,
    objective: spec?.objective,
    durationMs: roughly(demand?.durationMs ?? DEFAULT_DURATION_MS),
    where: spec?.where,
    prefer: spec?.prefer,
    data: spec?.data,
    group: spec?.group,
    spread: spec?.spread,
    near: spec?.near,
    apart: spec?.apart,
  }
}

/**
 * A duration to two digits. Every task may be expected to run a little longer than the one before; if each were of a shape
 * of its own for that, a decision would look at as many shapes as tasks wait.
 */
export function roughly(durationMs: number): number {
  let unit = 1
  while (durationMs >= 100 * unit) unit *= 10
  return Math.round(durationMs / unit) * unit
}

/** 32-bit FNV-1a, and its prime. */
const FNV_BASIS = 0x811c9dc5
const FNV_PRIME = 0x01000193
/** What the high half of a number is told by. */
const HALF = 2 ** 32

/** A hash of what the task needs, the same for tasks with the same needs: 32 bits, with sign. */
export function hashOfNeeds({ demand, spec }: TaskRecord): number {
  let hash = next(hashOf(demand?.executor), demand?.functionName)
  hash = next(hash, demand?.resources)
  hash = next(hash, demand?.tenant)
  hash = next(hash, demand === undefined ? undefined : roughly(demand.durationMs))
  if (spec === undefined) return hash
  hash = next(hash, spec.where)
  hash = next(hash, spec.strategy)
  hash = next(hash, spec.objective)
  hash = next(hash, spec.prefer)
  hash = next(hash, spec.data)
  hash = next(hash, spec.group)
  hash = next(hash, spec.spread)
  hash = next(hash, spec.near)
  return next(hash, spec.apart)
}

const next = (hash: number, value: unknown): number => (Math.imul(hash, FNV_PRIME) + hashOf(value)) | 0

/** Whether these are the needs of the task: `alike(needsOf(task), needs)`, and nothing is made for it. */
export function isNeededBy({ demand, spec }: TaskRecord, needs: Needs): boolean {
  return (
    needs.executor === (demand?.executor ?? '') &&
    needs.functionName === demand?.functionName &&
    needs.tenant === (demand?.tenant ?? DEFAULT_TENANT) &&
    needs.strategy === spec?.strategy &&
    needs.objective === spec?.objective &&
    needs.durationMs === roughly(demand?.durationMs ?? DEFAULT_DURATION_MS) &&
    alike(needs.resources, demand?.resources ?? {}) &&
    alike(needs.where, spec?.where) &&
    alike(needs.prefer, spec?.prefer) &&
    alike(needs.data, spec?.data) &&
    alike(needs.group, spec?.group) &&
    alike(needs.spread, spec?.spread) &&
    alike(needs.near, spec?.near) &&
    alike(needs.apart, spec?.apart)
  )
}

/** A hash of JSON, equal for what `alike` says is: 32 bits, with sign. */
function hashOf(value: unknown): number {
  if (typeof value === 'string') {
    let hash = FNV_BASIS
    for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), FNV_PRIME)
    return hash
  }
  if (typeof value === 'number') return Math.imul((value | 0) ^ (value / HALF), FNV_PRIME)
  if (typeof value !== 'object' || value === null) return value === true ? 1 : 0
  let hash = 0
  if (Array.isArray(value)) {
    for (const item of value) hash = (Math.imul(hash, FNV_PRIME) + hashOf(item)) | 0
    return hash
  }
  for (const name in value) {
    const item = (value as Record<string, unknown>)[name]
    // Whatever order the names stand in.
    if (item !== undefined) hash = (hash + Math.imul(hashOf(name), hashOf(item) | 1)) | 0
  }
  return hash
}

/** Whether two values are the same JSON, in whatever order the names of an object stand. */
function alike(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    for (let i = 0; i < a.length; i++) if (!alike(a[i], b[i])) return false
    return true
  }
  const others = b as Record<string, unknown>
  let names = 0
  for (const name in a) {
    const value = (a as Record<string, unknown>)[name]
    if (!alike(value, others[name])) return false
    if (value !== undefined) names++
  }
  for (const name in b) if (others[name] !== undefined) names--
  return names === 0
}
