/**
 * Tiers: the devices that could take a shape, by how they are preferred. Each tier has an index of its own, so that what
 * is preferred most is found first, wherever it is. A shape that prefers nothing has one tier.
 */
import type { Resources } from '../../../shared/model/resources.ts'
import type { DeviceRecord } from '../device-record.ts'
import { BestIndex } from './best-index.ts'
import { Eligible } from './eligible.ts'
import type { FleetTable } from './fleet-table.ts'
import type { Preferences } from './preference.ts'

/** Shares of preferences are told apart in so many steps, so that there are few tiers. */
const STEPS = 16

export interface Tier {
  /** The most that any device in it is preferred, from 0 to 1. */
  readonly share: number
  readonly eligible: Eligible
  readonly index: BestIndex
}

export class Tiers {
  readonly #table: FleetTable
  readonly #need: Resources
  readonly #durationMs: number
  readonly #preferences: Preferences | undefined
  /** The most preferred first. */
  sorted: readonly Tier[] = []

  /**
   * @param durationMs how long its tasks are expected to run
   * @param eligible all that could take the shape
   */
  constructor(
    table: FleetTable,
    need: Resources,
    durationMs: number,
    eligible: Eligible,
    preferences: Preferences | undefined,
  ) {
    this.#table = table
    this.#need = need
    this.#durationMs = durationMs
    this.#preferences = preferences
    if (preferences === undefined) this.#add(0, eligible)
  }

  #add(share: number, eligible: Eligible): Tier {
    const index = new BestIndex(this.#table, eligible, this.#need, this.#durationMs)
    const tier = { share, eligible, index }
    this.sorted = [...this.sorted, tier].sort((a, b) => b.share - a.share)
    return tier
  }

  /** Takes in a device that could take the shape, and is new or changed. */
  admit(device: DeviceRecord, slot: number): void {
    if (this.#preferences === undefined) return
    const share = Math.ceil(this.#preferences.share(device.labels) * STEPS) / STEPS
    for (const tier of this.sorted) if (tier.share !== share) tier.eligible.delete(slot)
    const tier = this.sorted.find((one) => one.share === share) ?? this.#add(share, new Eligible(this.#table))
    tier.eligible.add(slot)
  }

  /** Takes a device out. */
  dismiss(slot: number): void {
    for (const { eligible } of this.sorted) eligible.delete(slot)
  }

  /** Whether looking again could help, after a search that found nothing, since the device of the slot has changed. */
  mayTake(slot: number): boolean {
    return this.sorted.some(({ index }) => index.mayTake(slot))
  }
}
