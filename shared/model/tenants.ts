/** Tenants: what a mesh's settings say of whose work it is. */
import type { MeshConfig } from '../protocol/schemas/mesh.ts'
import { NO_RESOURCES, parseResources, type Resources } from './resources.ts'

/** Of tasks that name none. */
export const DEFAULT_TENANT = 'default'

export interface TenantRule {
  /** Bounds of what its placed work reserves together, by resource; what is not named is not bounded. */
  readonly quota: Resources
  /** Bound of its unfinished tasks. */
  readonly tasksMax: number
  /** Its shares are divided by this before they are compared with others'. */
  readonly weight: number
  /** What becomes of a task that comes while its quota has no room for it. */
  readonly overQuota: 'wait' | 'reject'
}

/** Of tenants that the settings do not name. */
export const UNBOUND: TenantRule = {
  quota: NO_RESOURCES,
  tasksMax: Number.POSITIVE_INFINITY,
  weight: 1,
  overQuota: 'wait',
}

/** The rules by tenant, with defaults filled in. */
export function tenantRules(config: MeshConfig | undefined): ReadonlyMap<string, TenantRule> {
  const rules = Object.entries(config?.tenants ?? {}).map(([tenant, { quota, ...rest }]) => {
    return [tenant, { ...UNBOUND, ...rest, quota: parseResources(quota) }] as const
  })
  return new Map(rules)
}
