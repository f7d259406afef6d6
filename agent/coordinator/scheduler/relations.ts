/**
 * Relations of a shape to other tasks: whether a device is near what it must be near and apart from what it must be
 * apart from, and how evenly its group would stand. In Kubernetes: affinity and anti-affinity between pods, and spread
 * over topologies.
 */
import { BY_DEVICE } from '../../../shared/model/selector.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { Kin, Kinship } from '../kinship.ts'

type Relation = NonNullable<TaskSpec['near']>[number]
/** What a spec says of other tasks. */
type Related = { readonly [Name in 'group' | 'near' | 'apart' | 'spread']?: TaskSpec[Name] | undefined }

export class Relations {
  readonly #kinship: Kinship
  readonly #group: string | undefined
  readonly #near: readonly Relation[]
  readonly #apart: readonly Relation[]
  /** The label over whose values its group is spread. */
  readonly spread: string | undefined
  /** Something was placed or went since no device was found, so that one may be found now. */
  changed = false

  constructor(spec: Related, kinship: Kinship) {
    this.#kinship = kinship
    this.#group = spec.group
    this.#near = spec.near ?? []
    this.#apart = spec.apart ?? []
    this.spread = spec.spread
  }

  /** Where one of its tasks goes depends on where the one before it went. */
  get oneByOne(): boolean {
    return this.spread !== undefined || this.#near.length > 0 || this.#apart.length > 0
  }

  /** Whether a device may be the place for it now that something of the kin was placed (1) or went (-1). */
  helpedBy(kin: Kin, by: 1 | -1): boolean {
    const own = this.#group
    const nears = (group: string) => this.#near.some((relation) => relation.group === group)
    if (by === 1) return kin.group !== undefined && nears(kin.group)
    if (kin.apart.some(({ group }) => group === own)) return true
    if (kin.group === undefined) return false
    return this.#apart.some(({ group }) => group === kin.group) || (kin.group === own && nears(own))
  }

  /** Why the device is never the place for it: it lacks a label by which it would have to be near something. */
  unlabelled(device: DeviceRecord): string | undefined {
    for (const { group, by = BY_DEVICE } of this.#near) {
      if (device.labels[by] === undefined)
        return `lack label ${by}, by which they must be near group ${group}`
    }
    return undefined
  }

  /** Why the device is not the place for it, as things stand. */
  against(device: DeviceRecord): string | undefined {
    for (const { group, by = BY_DEVICE } of this.#near) {
      const crowd = this.#kinship.group(group)
      // The first of a group that wants to be together has nobody to be near yet; the others must be able to follow.
      if (crowd === undefined && group === this.#group && device.labels[by] !== undefined) continue
      if (crowd === undefined || crowd.near(device, by) === 0) {
        return `have nothing of group ${group}${withSame(by)}, which it must be near`
      }
    }
    for (const { group, by = BY_DEVICE } of this.#apart) {
      if ((this.#kinship.group(group)?.near(device, by) ?? 0) > 0)
        return `have something of group ${group}${withSame(by)}, from which it must stay apart`
    }
    if (this.#group === undefined) return undefined
    const by = this.#kinship.keptAway(this.#group, device)
    return by === undefined
      ? undefined
      : `have something${withSame(by)} that must stay apart from group ${this.#group}`
  }

  /**
   * How evenly the group would stand with one more there: 1 where fewer than elsewhere stand, 0 where more do or the
   * label is missing.
   */
  evenness(device: DeviceRecord): number {
    const { spread } = this
    if (spread === undefined || device.labels[spread] === undefined) return 0
    const crowd = this.#group === undefined ? undefined : this.#kinship.group(this.#group)
    if (crowd === undefined) return 1
    return Math.min(1, Math.max(0, 0.5 + (crowd.mean(spread) - crowd.near(device, spread)) / 2))
  }
}

const withSame = (by: string): string => (by === BY_DEVICE ? '' : ` in their ${by}`)

/** Whether where a task goes has to do with other tasks. */
export function isRelated(spec: Related): boolean {
  return (
    spec.group !== undefined ||
    spec.near !== undefined ||
    spec.apart !== undefined ||
    spec.spread !== undefined
  )
}
