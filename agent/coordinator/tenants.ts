/**
 * Tenants: whose work it is. Each may have a quota of what its placed work reserves, a bound of unfinished tasks, and a
 * weight beside others. What a tenant has is counted by placements, so that whoever comes into office counts the same from
 * what devices hold.
 *
 * Fairness between tenants is dominant resource fairness (Ghodsi et al. 2011): a tenant's share is the greatest of its shares
 * of any resource of the mesh, and of those whose work waits the one with the least share goes next. Weights divide the share.
 */
import { type Rejection, rejection } from '../../shared/errors/errors.ts'
import { formatQuantity } from '../../shared/model/quantity.ts'
import { accumulate, emptyVector, type Resources, shortfall } from '../../shared/model/resources.ts'
import type { Demand } from '../../shared/model/task.ts'
import { type TenantRule, UNBOUND } from '../../shared/model/tenants.ts'
import type { TaskRecord } from './task-record.ts'

/** Tenants without work that are remembered. */
const IDLE_MAX = 1_000

/** One tenant's account. */
export interface Account {
  readonly tenant: string
  /** By placements, in thousandths. */
  readonly reserved: Record<string, number>
  /** That have not ended. */
  tasks: number
}

/** A quota that does not allow something more. */
export interface Excess {
  readonly resource: string
  readonly quota: number
  readonly used: number
  readonly need: number
}

export class Tenants {
  #rules: ReadonlyMap<string, TenantRule> = new Map()
  readonly #accounts = new Map<string, Account>()
  /** What all devices have together, by the device's id. */
  readonly #capacities = new Map<string, Resources>()
  readonly #total = emptyVector()

  /** Tenants that are remembered. */
  get size(): number {
    return this.#accounts.size
  }

  configure(rules: ReadonlyMap<string, TenantRule>): void {
    this.#rules = rules
  }

  rule(tenant: string): TenantRule {
    return (this.#rules.size === 0 ? undefined : this.#rules.get(tenant)) ?? UNBOUND
  }

  account(tenant: string): Account {
    const known = this.#accounts.get(tenant)
    if (known !== undefined) return known
    if (this.#accounts.size >= IDLE_MAX) this.#dropIdle()
    const account = { tenant, reserved: emptyVector(), tasks: 0 }
    this.#accounts.set(tenant, account)
    return account
  }

  /** The account of a task's tenant, where that is known. */
  of(task: TaskRecord | undefined): Account | undefined {
    return task?.demand === undefined ? undefined : this.account(task.demand.tenant)
  }

  #dropIdle(): void {
    for (const [tenant, { reserved, tasks }] of this.#accounts) {
      if (tasks === 0 && Object.values(reserved).every((milli) => milli === 0)) this.#accounts.delete(tenant)
    }
  }

  /** A device has that, or nothing any more. */
  capacity(device: string, capacity: Resources | undefined): void {
    const before = this.#capacities.get(device)
    if (before !== undefined) accumulate(this.#total, before, -1)
    if (capacity === undefined) this.#capacities.delete(device)
    else {
      this.#capacities.set(device, capacity)
      accumulate(this.#total, capacity, 1)
    }
  }

  /** The tenant's dominant share of what the mesh has, divided by its weight. */
  share(tenant: string): number {
    const { reserved } = this.account(tenant)
    let dominant = 0
    for (const name in reserved) {
      const total = this.#total[name] ?? 0
      if (total > 0) dominant = Math.max(dominant, (reserved[name] as number) / total)
    }
    return dominant / this.rule(tenant).weight
  }

  /** The first quota that does not allow the tenant `need` more. */
  excess(tenant: string, need: Resources): Excess | undefined {
    const { quota } = this.rule(tenant)
    for (const resource in quota) {
      const milli = need[resource] ?? 0
      const used = this.account(tenant).reserved[resource] ?? 0
      const bound = quota[resource] as number
      if (milli > 0 && used + milli > bound) return { resource, quota: bound, used, need: milli }
    }
    return undefined
  }

  /** Why a task of the tenant is not taken up at all, if it is not. */
  refusal({ tenant, resources }: Demand): Rejection | undefined {
    const { quota, tasksMax, overQuota } = this.rule(tenant)
    const { tasks } = this.account(tenant)
    const over = shortfall(resources, { ...resources, ...quota })
    if (over !== undefined) return tooLarge(tenant, over.name, quota[over.name] ?? 0, resources)
    if (tasks >= tasksMax) {
      const message = `tenant ${tenant} has ${tasks} unfinished tasks and ${tasksMax} are allowed`
      return rejection('E_TENANT_TASKS_MAX', '', message)
    }
    const excess = overQuota === 'reject' ? this.excess(tenant, resources) : undefined
    return excess === undefined ? undefined : rejection('E_QUOTA', '', excessText(tenant, excess))
  }

  /** A task that has not ended has become known. */
  begun(task: TaskRecord): void {
    if (task.demand === undefined || task.account !== undefined) return
    task.account = this.account(task.demand.tenant)
    task.account.tasks++
  }

  /** It has ended. */
  ended(task: TaskRecord): void {
    if (task.account !== undefined) task.account.tasks--
    task.account = undefined
  }
}

/** However little else there is of the tenant, it has never room. */
function tooLarge(tenant: string, resource: string, quota: number, need: Resources): Rejection {
  const bound = `${formatQuantity(resource, quota)} ${resource}`
  const message = `the quota of tenant ${tenant} is ${bound}, and this needs ${formatQuantity(resource, need[resource] ?? 0)}`
  const remedy = `Ask for at most ${bound}, or raise the quota in the mesh config`
  return rejection('E_QUOTA_SIZE', `/resources/${resource}`, message, remedy)
}

/** Like "tenant a has reserved 3 of its quota of 4 cpu, and this needs 2". */
export function excessText(tenant: string, { resource, quota, used, need }: Excess): string {
  const amount = (milli: number): string => formatQuantity(resource, milli)
  if (need > quota)
    return `the quota of tenant ${tenant} is ${amount(quota)} ${resource}, and this needs ${amount(need)}`
  return `tenant ${tenant} has reserved ${amount(used)} of its quota of ${amount(quota)} ${resource}, and this needs ${amount(need)}`
}
