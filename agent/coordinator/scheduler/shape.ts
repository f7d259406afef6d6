/**
 * A shape is what all tasks with the same needs have in common: resources, `where`, preferences, data, relations to others,
 * executor, function, strategy, objective, how long they run. Fleets see few shapes and many tasks, so filters are
 * computed once a shape, and a "no" for one task answers all of its kind.
 */

import { fits, type Resources } from '../../../shared/model/resources.ts'
import { compileSelector, type Requirement, unmet } from '../../../shared/model/selector.ts'
import { DEFAULT_DURATION_MS } from '../../../shared/model/task.ts'
import { DEFAULT_TENANT } from '../../../shared/model/tenants.ts'
import { canonicalJson } from '../../../shared/protocol/digest.ts'
import type { ObjectiveName } from '../../../shared/protocol/schemas/index.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { Kinship } from '../kinship.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Bids } from './bids.ts'
import { ByLabels } from './by-labels.ts'
import { Eligible } from './eligible.ts'
import type { Explanation } from './explain.ts'
import type { FleetTable } from './fleet-table.ts'
import { WaitingQueue } from './queue.ts'
import { isRelated, Relations } from './relations.ts'
import { type Defaults, STRATEGY, type Strategy, towards } from './strategies.ts'
import { Tiers } from './tiers.ts'

/** Why a device that lacks nothing else cannot take a shape. */
export const TOO_SMALL = 'are too small'

export class Shape {
  readonly key: string
  readonly resources: Resources
  readonly executor: string
  readonly functionName: string | undefined
  readonly requirements: readonly Requirement[]
  /** Whose work it is: quotas and shares are a tenant's, so a shape is too. */
  readonly tenant: string
  /** What labels mean to its tasks besides `where`, if they prefer anything or have data somewhere. */
  readonly byLabels: ByLabels | undefined
  /** How they stand to other tasks, if they do. */
  readonly relations: Relations | undefined
  readonly #defaults: Defaults
  readonly #own: Strategy | undefined
  readonly #objective: ObjectiveName | undefined
  /** How long its tasks are expected to run. */
  readonly durationMs: number
  readonly waiting = new WaitingQueue()
  /** Devices that could take the shape if they were empty. */
  readonly eligible: Eligible
  /** The same by what their labels say, each with an index of the best. */
  readonly tiers: Tiers
  /** No device had room. */
  blocked = false
  /** It is blocked by its tenant's quota, whatever room there is. */
  overQuota = false
  /** A device has changed since that could help. */
  hinted = false
  /** What devices bid for it in a round that is closed, until that has been used. */
  bids: Bids | undefined
  /** Why, when it was explained last; and when that was, on the monotonic clock. */
  explanation: Explanation | undefined
  explainedMs = 0

  constructor(task: TaskRecord, table: FleetTable, kinship: Kinship, defaults: Defaults) {
    const { demand, spec } = task
    this.#defaults = defaults
    this.#own = spec?.strategy === undefined ? undefined : STRATEGY[spec.strategy]
    this.#objective = spec?.objective
    this.durationMs = demand?.durationMs ?? DEFAULT_DURATION_MS
    this.key = shapeKey(task)
    this.resources = demand?.resources ?? {}
    this.executor = demand?.executor ?? ''
    this.functionName = demand?.functionName
    this.tenant = demand?.tenant ?? DEFAULT_TENANT
    this.requirements = compileSelector(spec?.where)
    this.byLabels = ByLabels.of(spec, defaults)
    this.eligible = new Eligible(table)
    this.tiers = new Tiers(table, this.resources, this.durationMs, this.eligible, this.byLabels)
    this.relations = spec !== undefined && isRelated(spec) ? new Relations(spec, kinship) : undefined
  }

  /** How a device is chosen. */
  get strategy(): Strategy {
    return towards(this.#own ?? this.#defaults.strategy, this.objective)
  }

  /** What the choice is to achieve: its tasks' own objective, or the mesh's of the moment. */
  get objective(): ObjectiveName {
    return this.#objective ?? this.#defaults.objective
  }

  /** Priority of the task to be placed next. */
  get priority(): number {
    return this.waiting.first()?.task.demand?.priority ?? 0
  }

  /** The first reason for which the device cannot take the shape even when it is empty. */
  staticReason(device: DeviceRecord): string | undefined {
    const { executors, functions } = device.state
    if (!executors.includes(this.executor)) return `lack executor ${this.executor}`
    const { functionName } = this
    if (functionName !== undefined && functions?.includes(functionName) !== true) {
      return `lack function ${functionName}`
    }
    const requirement = unmet(this.requirements, device.labels)
    if (requirement !== undefined) return `lack ${requirement.text}`
    const near = this.relations?.unlabelled(device)
    if (near !== undefined) return near
    if (!fits(this.resources, device.capacity)) return TOO_SMALL
    return undefined
  }

  /** All that the device lacks besides room. */
  lacking(device: DeviceRecord): string[] {
    const { executor, functionName } = this
    const { executors, functions } = device.state
    const lacks = executors.includes(executor) ? [] : [`executor ${executor}`]
    if (functionName !== undefined && functions?.includes(functionName) !== true)
      lacks.push(`function ${functionName}`)
    const unlabelled = this.requirements.filter(({ key, test }) => !test(device.labels[key]))
    return [...lacks, ...unlabelled.map(({ text }) => text)]
  }

  /** Looks at a device that is new or changed. `slot` is its number in the table. */
  admit(device: DeviceRecord, slot: number): void {
    if (this.staticReason(device) !== undefined) return this.dismiss(slot)
    this.eligible.add(slot)
    this.tiers.admit(device, slot)
  }

  /** Takes a device out. */
  dismiss(slot: number): void {
    this.eligible.delete(slot)
    this.tiers.dismiss(slot)
  }
}

/** Whether another look for the shape may find what the last one did not. */
export function mayFindRoom({ blocked, hinted, relations }: Shape): boolean {
  return !blocked || hinted || relations?.changed === true
}

/** The same for all tasks of one shape. */
export function shapeKey(task: TaskRecord): string {
  const { demand, spec } = task
  let key = demand?.executor ?? ''
  if (demand !== undefined) {
    if (demand.tenant !== DEFAULT_TENANT) key += ` of ${demand.tenant}`
    if (demand.functionName !== undefined) key += ` ${demand.functionName}`
    for (const name of Object.keys(demand.resources).sort()) key += ` ${name}=${demand.resources[name]}`
  }
  if (spec?.strategy !== undefined) key += ` by ${spec.strategy}`
  if (spec?.objective !== undefined) key += ` for ${spec.objective}`
  if (spec?.duration !== undefined) key += ` lasting ${demand?.durationMs}`
  if (spec?.where !== undefined) key += ` ${canonicalJson(spec.where)}`
  if (spec?.prefer !== undefined) key += ` prefer ${canonicalJson(spec.prefer)}`
  if (spec?.data !== undefined) key += ` data ${canonicalJson(spec.data)}`
  if (spec === undefined || !isRelated(spec)) return key
  const { group, spread, near, apart } = spec
  return `${key} related ${JSON.stringify([group, spread, near, apart])}`
}
