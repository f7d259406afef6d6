/**
 * A shape is what all tasks with the same needs have in common: resources, `where`, preferences, relations to others,
 * executor, function. Fleets see few shapes and many tasks, so filters are computed once a shape, and a "no" for one
 * task answers all of its kind.
 */

import { fits, type Resources } from '../../../shared/model/resources.ts'
import { compileSelector, type Requirement, unmet } from '../../../shared/model/selector.ts'
import { canonicalJson } from '../../../shared/protocol/digest.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { Kinship } from '../kinship.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Explanation } from './explain.ts'
import { Preferences } from './preference.ts'
import { WaitingQueue } from './queue.ts'
import { isRelated, Relations } from './relations.ts'

const PLACES_MIN = 64

/** Why a device that lacks nothing else cannot take a shape. */
export const TOO_SMALL = 'are too small'

export class Shape {
  readonly key: string
  readonly resources: Resources
  readonly executor: string
  readonly functionName: string | undefined
  readonly requirements: readonly Requirement[]
  /** What its tasks would rather have, if they prefer anything. */
  readonly preferences: Preferences | undefined
  /** How they stand to other tasks, if they do. */
  readonly relations: Relations | undefined
  readonly waiting = new WaitingQueue()
  /** Devices that could take the shape if they were empty, in no order; with the place of each. */
  readonly eligible: DeviceRecord[] = []
  /** By the device's slot: its place in `eligible` plus one, 0 for none. Four bytes a device, for every shape. */
  #places = new Int32Array(0)
  /** By place in `eligible`: the device's slot. */
  readonly #slots: number[] = []
  /** Where the next look begins, so that looks spread over the fleet. */
  cursor = 0
  /** No device had room; only devices in `hints` have changed since. */
  blocked = false
  /** Why, when it was blocked last. */
  explanation: Explanation | undefined
  readonly hints = new Set<DeviceRecord>()

  constructor(task: TaskRecord, kinship: Kinship) {
    const { demand, spec } = task
    this.key = shapeKey(task)
    this.resources = demand?.resources ?? {}
    this.executor = demand?.executor ?? ''
    this.functionName = demand?.functionName
    this.requirements = compileSelector(spec?.where)
    this.preferences = spec?.prefer === undefined ? undefined : new Preferences(spec.prefer)
    this.relations = spec !== undefined && isRelated(spec) ? new Relations(spec, kinship) : undefined
  }

  /** Priority of the task to be placed next. */
  get priority(): number {
    return this.waiting.first()?.task.demand?.priority ?? 0
  }

  /** The first reason for which the device cannot take the shape even when it is empty. */
  staticReason(device: DeviceRecord): string | undefined {
    if (!device.state.executors.includes(this.executor)) return `have no executor ${this.executor}`
    if (this.functionName !== undefined && device.state.functions?.includes(this.functionName) !== true) {
      return `lack function ${this.functionName}`
    }
    const requirement = unmet(this.requirements, device.labels)
    if (requirement !== undefined) return `lack ${requirement.text}`
    if (!fits(this.resources, device.capacity)) return TOO_SMALL
    return undefined
  }

  /** Looks at a device that is new or changed. `slot` is the scheduler's number of it. */
  admit(device: DeviceRecord, slot: number): void {
    const known = this.has(slot)
    const eligible = this.staticReason(device) === undefined
    if (eligible) this.preferences?.admit(device)
    if (eligible && !known) {
      if (slot >= this.#places.length) this.#widen(slot + 1)
      this.eligible.push(device)
      this.#slots.push(slot)
      this.#places[slot] = this.eligible.length
    } else if (!eligible && known) this.dismiss(device, slot)
  }

  /** Takes a device out. */
  dismiss(device: DeviceRecord, slot: number): void {
    this.hints.delete(device)
    if (!this.has(slot)) return
    this.preferences?.dismiss(device)
    const place = (this.#places[slot] as number) - 1
    this.#places[slot] = 0
    const last = this.eligible.pop() as DeviceRecord
    const lastSlot = this.#slots.pop() as number
    if (last === device) return
    this.eligible[place] = last
    this.#slots[place] = lastSlot
    this.#places[lastSlot] = place + 1
  }

  /** True when the device of that slot could take the shape if it were empty. */
  has(slot: number): boolean {
    return slot < this.#places.length && this.#places[slot] !== 0
  }

  #widen(slots: number): void {
    const wider = new Int32Array(Math.max(slots, 2 * this.#places.length, PLACES_MIN))
    wider.set(this.#places)
    this.#places = wider
  }
}

/** The same for all tasks of one shape. */
export function shapeKey(task: TaskRecord): string {
  const { demand, spec } = task
  let key = demand?.executor ?? ''
  if (demand !== undefined) {
    if (demand.functionName !== undefined) key += ` ${demand.functionName}`
    for (const name of Object.keys(demand.resources).sort()) key += ` ${name}=${demand.resources[name]}`
  }
  if (spec?.where !== undefined) key += ` ${canonicalJson(spec.where)}`
  if (spec?.prefer !== undefined) key += ` prefer ${canonicalJson(spec.prefer)}`
  if (spec === undefined || !isRelated(spec)) return key
  const { group, spread, near, apart } = spec
  return `${key} related ${JSON.stringify([group, spread, near, apart])}`
}
