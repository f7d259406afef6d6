/**
 * Kinship: which tasks are placed with regard to each other, and how many of each group stand where. Counted from
 * placements and the specs behind them, so that every coordinator comes to the same counts; kept up to date with each
 * placement, so that a decision reads them.
 */
import { BY_DEVICE } from '../../shared/model/selector.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { DeviceRecord } from './device-record.ts'

/** What a placement means to others: the group it belongs to, and the groups that it keeps away. */
export interface Kin {
  readonly group: string | undefined
  readonly apart: readonly { readonly group: string; readonly by: string }[]
}

/** Labels by which a group is counted at a time: which they are is up to submitters. */
const LABELS_MAX = 16

/** What a spec's task means to others; `undefined` for nothing. */
export function kinOf(spec: TaskSpec | undefined): Kin | undefined {
  if (spec?.group === undefined && spec?.apart === undefined) return undefined
  const apart = (spec.apart ?? []).map(({ group, by = BY_DEVICE }) => ({ group, by }))
  return { group: spec.group, apart }
}

export class Kinship {
  readonly #members = new Map<string, Crowd>()
  /** By a group that is kept away, and the label by which: who keeps it away. */
  readonly #keepers = new Map<string, Map<string, Crowd>>()
  /** Called when a placement of the kin came (1) or went (-1). */
  changed: (kin: Kin, by: 1 | -1) => void = () => undefined

  /** A placement came (1) or went (-1). */
  count(device: DeviceRecord, kin: Kin, by: 1 | -1): void {
    if (kin.group !== undefined) countIn(this.#members, kin.group, device, by)
    for (const relation of kin.apart) {
      let keepers = this.#keepers.get(relation.group)
      if (keepers === undefined) {
        keepers = new Map()
        this.#keepers.set(relation.group, keepers)
      }
      countIn(keepers, relation.by, device, by)
      if (keepers.size === 0) this.#keepers.delete(relation.group)
    }
    this.changed(kin, by)
  }

  /** A device has other labels than before. */
  relabelled(): void {
    for (const crowd of this.#members.values()) crowd.recount()
    for (const keepers of this.#keepers.values()) for (const crowd of keepers.values()) crowd.recount()
  }

  /** Placements of a group, if there are any. */
  group(name: string): Crowd | undefined {
    return this.#members.get(name)
  }

  /** The label by which something near the device keeps the group away; `undefined` when nothing does. */
  keptAway(group: string, device: DeviceRecord): string | undefined {
    for (const [by, crowd] of this.#keepers.get(group) ?? []) if (crowd.near(device, by) > 0) return by
    return undefined
  }
}

function countIn(crowds: Map<string, Crowd>, name: string, device: DeviceRecord, by: 1 | -1): void {
  let crowd = crowds.get(name)
  if (crowd === undefined) {
    crowd = new Crowd()
    crowds.set(name, crowd)
  }
  crowd.count(device, by)
  if (crowd.size === 0) crowds.delete(name)
}

/** Placements counted by device, and by the value of each label that somebody asks about. */
export class Crowd {
  size = 0
  readonly #byDevice = new Map<DeviceRecord, number>()
  readonly #byLabel = new Map<string, Counts>()

  count(device: DeviceRecord, by: 1 | -1): void {
    this.size += by
    tally(this.#byDevice, device, by)
    for (const [label, counts] of this.#byLabel) counts.count(device.labels[label], by)
  }

  recount(): void {
    this.#byLabel.clear()
  }

  /** How many there are where the device's value of the label is. 0 where it has none. */
  near(device: DeviceRecord, label: string): number {
    const value = device.labels[label]
    return value === undefined ? 0 : (this.#countsBy(label).of.get(value) ?? 0)
  }

  /** How many there are at each value of the label at which there are any, on average. */
  mean(label: string): number {
    const { of, total } = this.#countsBy(label)
    return of.size === 0 ? 0 : total / of.size
  }

  #countsBy(label: string): Counts {
    let counts = this.#byLabel.get(label)
    if (counts !== undefined) return counts
    if (this.#byLabel.size >= LABELS_MAX) this.#byLabel.clear()
    counts = new Counts()
    for (const [device, count] of this.#byDevice) counts.count(device.labels[label], count)
    this.#byLabel.set(label, counts)
    return counts
  }
}

/** By the value of a label; what has no value is not counted. */
class Counts {
  readonly of = new Map<string, number>()
  total = 0

  count(value: string | undefined, by: number): void {
    if (value === undefined) return
    this.total += by
    tally(this.of, value, by)
  }
}

function tally<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
