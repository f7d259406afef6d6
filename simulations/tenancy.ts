/**
 * Tenancy: whose the work of a case is, and what the mesh's settings allow each tenant, changed on the way perhaps. Drawn
 * from a seed, and apart from the rest of a case.
 */
import type { MeshConfig, Tenant } from '../shared/protocol/schemas/index.ts'
import type { Random } from '../shared/random/random.ts'
import type { Action } from './submitter.ts'

export interface TenancyOptions {
  /** How likely there is one. */
  readonly share: number
  readonly overMs: number
}

export interface Tenancy {
  /** What the operator does. */
  readonly operations: readonly Action[]
  /** The same actions, with tenants: all that is submitted under one id is one tenant's. */
  apply(actions: readonly Action[]): Action[]
}

const NAMES = ['red', 'green', 'blue'] as const
/** An array whose elements, one after another, take longer stays out of it: it would not end in time. */
const ARRAY_ELEMENTS_MAX = 30

export function drawTenancy(random: Random, { share, overMs }: TenancyOptions): Tenancy | undefined {
  if (!random.chance(share)) return undefined
  const names = NAMES.slice(0, 2 + random.below(NAMES.length - 1))
  const operations: Action[] = [{ atMs: 0, do: 'configure', config: drawSettings(random, names) }]
  if (random.chance(0.4)) {
    const atMs = random.between(0, overMs)
    operations.push({ atMs, do: 'configure', config: drawSettings(random, names) })
  }
  const owners = new Map<string, string | undefined>()
  const ownerOf = (task: string): string | undefined => {
    if (!owners.has(task)) owners.set(task, random.chance(0.2) ? undefined : random.pick(names))
    return owners.get(task)
  }
  const apply = (actions: readonly Action[]): Action[] =>
    actions.map((action) => {
      if (action.do !== 'submit' || (action.spec.array?.length ?? 0) > ARRAY_ELEMENTS_MAX) return action
      const tenant = ownerOf(action.task)
      return tenant === undefined ? action : { ...action, spec: { ...action.spec, tenant } }
    })
  return { operations, apply }
}

function drawSettings(random: Random, names: readonly string[]): MeshConfig {
  return { tenants: Object.fromEntries(names.map((name) => [name, drawTenant(random)])) }
}

/** Quotas that most tasks fit into, one or two at a time; some are too small for the largest. */
function drawTenant(random: Random): Tenant {
  return {
    quota: {
      cpu: random.chance(0.2) ? '600m' : `${800 + 100 * random.below(12)}m`,
      ...(random.chance(0.5) ? { memory: `${256 + 64 * random.below(6)}Mi` } : {}),
    },
    ...(random.chance(0.4) ? { overQuota: 'reject' as const } : {}),
    ...(random.chance(0.4) ? { tasksMax: 2 + random.below(6) } : {}),
    ...(random.chance(0.5) ? { weight: 1 + random.below(4) } : {}),
  }
}
