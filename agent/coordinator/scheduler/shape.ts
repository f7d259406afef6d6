/**
 * A shape is what all tasks with the same needs have in common: resources, `where`, preferences, data, relations to others,
 * executor, function, strategy, objective, how long they run. Fleets see few shapes and many tasks, so filters are
 * computed once a shape, and a "no" for one task answers all of its kind.
 */

import { fits, type Resources } from '../../../shared/model/resources.ts'
import { compileSelector, type Requirement, unmet } from '../../../shared/model/selector.ts'
import type { ObjectiveName } from '../../../shared/protocol/schemas/index.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { Kinship } from '../kinship.ts'
import type { Bids } from './bids.ts'
import { ByLabels } from './by-labels.ts'
import { Eligible } from './eligible.ts'
import type { Explanation } from './explain.ts'
import type { FleetTable } from './fleet-table.ts'
import type { Needs } from './needs.ts'
import { WaitingQueue } from './queue.ts'
import type { Reasons } from './reasons.ts'
import { isRelated, Relations } from './relations.ts'
import { type Defaults, STRATEGY, type Strategy, towards } from './strategies.ts'
import { Tiers } from './tiers.ts'

/** Why a device that lacks nothing else cannot take a shape. */
export const TOO_SMALL = 'are too small'

/** In words, and what they go by. */
export interface Choice {
  readonly looked: number
  readonly able: number
  readonly strategy: Strategy | undefined
  readonly text: string
}

export class Shape {
  readonly needs: Needs
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
  /** The strategy, as of what was asked for and towards which objective. */
  #strategy: Strategy = STRATEGY.greedy
  #asked: Strategy | undefined
  #towards: ObjectiveName | undefined
  /** About how long its tasks are expected to run. */
  readonly durationMs: number
  readonly waiting = new WaitingQueue(this)
  /** Devices that could take the shape if they were empty. */
  readonly eligible: Eligible
  /** The same by what their labels say, each with an index of the best. */
  readonly tiers: Tiers
  /** Whether a score is more than what the strategy says. */
  readonly composed: boolean
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
  /** Why devices cannot take it even when empty, once that was counted in a large fleet. */
  reasons: Reasons | undefined
  /** How its devices are chosen, as explained last. */
  choice: Choice = { looked: 0, able: 0, strategy: undefined, text: '' }

  constructor(needs: Needs, table: FleetTable, kinship: Kinship, defaults: Defaults) {
    this.#defaults = defaults
    this.#own = needs.strategy === undefined ? undefined : STRATEGY[needs.strategy]
    this.#objective = needs.objective
    this.durationMs = needs.durationMs
    this.needs = needs
    this.resources = needs.resources
    this.executor = needs.executor
    this.functionName = needs.functionName
    this.tenant = needs.tenant
    this.requirements = compileSelector(needs.where)
    this.byLabels = ByLabels.of(needs, defaults)
    this.eligible = new Eligible(table)
    this.tiers = new Tiers(table, this.resources, this.durationMs, this.eligible, this.byLabels)
    this.relations = isRelated(needs) ? new Relations(needs, kinship) : undefined
    this.composed = this.byLabels !== undefined || needs.spread !== undefined
  }

  /** How a device is chosen. It is asked many times a decision, and changes with the mesh's settings alone. */
  get strategy(): Strategy {
    const asked = this.#own ?? this.#defaults.strategy
    const { objective } = this
    if (asked !== this.#asked || objective !== this.#towards) {
      this.#asked = asked
      this.#towards = objective
      this.#strategy = towards(asked, objective)
    }
    return this.#strategy
  }

  /** What the choice is to achieve: its tasks' own objective, or the mesh's of the moment. */
  get objective(): ObjectiveName {
    return this.#objective ?? this.#defaults.objective
  }

  /** Priority of the task to be placed next. */
  get priority(): number {
    return this.waiting.first()?.priority ?? 0
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

  /** How many things `lacking` names. */
  lacks(device: DeviceRecord): number {
    const { executors, functions } = device.state
    const { executor, functionName, requirements } = this
    let count = executors.includes(executor) ? 0 : 1
    if (functionName !== undefined && functions?.includes(functionName) !== true) count++
    for (const { key, test } of requirements) if (!test(device.labels[key])) count++
    return count
  }

  /** Looks at a device that is new or changed. `slot` is its number in the table. */
  admit(device: DeviceRecord, slot: number): void {
    const reason = this.staticReason(device)
    this.reasons?.set(slot, this, device, reason)
    if (reason !== undefined) return this.dismiss(slot)
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
