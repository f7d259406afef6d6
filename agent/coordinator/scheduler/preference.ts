/**
 * Preferences: what a task would rather have of its device than not, each with a weight, after Kubernetes' preferred
 * node affinity. They depend on labels alone, so a shape sorts its devices by them once.
 */
import { compileSelector, type Labels, type Requirement, unmet } from '../../../shared/model/selector.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import type { DeviceRecord } from '../device-record.ts'

interface Preference {
  readonly requirements: readonly Requirement[]
  readonly weight: number
}

export class Preferences {
  readonly #preferences: readonly Preference[]
  readonly #total: number
  readonly #tiers = new Map<number, Tier>()
  /** The same, the most preferred first. */
  #sorted: readonly Tier[] = []
  readonly #tierOf = new Map<DeviceRecord, Tier>()

  constructor(prefer: NonNullable<TaskSpec['prefer']>) {
    this.#preferences = prefer.map(({ where, weight }) => ({ requirements: compileSelector(where), weight }))
    this.#total = prefer.reduce((sum, { weight }) => sum + weight, 0)
  }

  /** The weights of what the labels meet, as a share of all weights: from 0 to 1. */
  share(labels: Labels): number {
    let met = 0
    for (const { requirements, weight } of this.#preferences) {
      if (unmet(requirements, labels) === undefined) met += weight
    }
    return met / this.#total
  }

  /** Devices that could take the shape by how they are preferred, the most preferred first. */
  get tiers(): readonly Tier[] {
    return this.#sorted
  }

  /** The share of a device that was admitted. */
  shareOf(device: DeviceRecord): number {
    return this.#tierOf.get(device)?.share ?? this.share(device.labels)
  }

  /** Looks at a device that could take the shape, and is new or changed. */
  admit(device: DeviceRecord): void {
    const share = this.share(device.labels)
    const known = this.#tierOf.get(device)
    if (known?.share === share) return
    if (known !== undefined) this.dismiss(device)
    let tier = this.#tiers.get(share)
    if (tier === undefined) {
      tier = new Tier(share)
      this.#tiers.set(share, tier)
      this.#sort()
    }
    tier.add(device)
    this.#tierOf.set(device, tier)
  }

  /** Takes a device out. */
  dismiss(device: DeviceRecord): void {
    const tier = this.#tierOf.get(device)
    if (tier === undefined) return
    this.#tierOf.delete(device)
    tier.remove(device)
    if (tier.devices.length > 0) return
    this.#tiers.delete(tier.share)
    this.#sort()
  }

  #sort(): void {
    this.#sorted = [...this.#tiers.values()].sort((a, b) => b.share - a.share)
  }
}

/** Devices that are preferred alike. */
export class Tier {
  readonly share: number
  readonly devices: DeviceRecord[] = []
  readonly #places = new Map<DeviceRecord, number>()
  /** Where the next look begins, so that looks spread over the tier. */
  cursor = 0

  constructor(share: number) {
    this.share = share
  }

  add(device: DeviceRecord): void {
    this.#places.set(device, this.devices.length)
    this.devices.push(device)
  }

  remove(device: DeviceRecord): void {
    const place = this.#places.get(device)
    const last = this.devices.pop()
    this.#places.delete(device)
    if (place === undefined || last === undefined || last === device) return
    this.devices[place] = last
    this.#places.set(last, place)
  }
}
