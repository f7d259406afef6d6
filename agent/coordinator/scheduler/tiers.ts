/**
 * Tiers: the devices that could take a shape, by what their labels say: how they are preferred, and how near the data
 * they are. Each tier has an index of its own, so that what is preferred most is found first, wherever it is. A shape
 * that prefers nothing and has no data has one tier.
 */
import type { Resources } from '../../../shared/model/resources.ts'
import type { DeviceRecord } from '../device-record.ts'
import { BestIndex } from './best-index.ts'
import type { ByLabels } from './by-labels.ts'
import { Eligible } from './eligible.ts'
import type { FleetTable } from './fleet-table.ts'

/** Every share has a tier of its own while there are fewer; then shares are told apart in so many steps. */
const EXACT_MAX = 32
const STEPS = 16

export interface Tier {
  /** The most that the labels of any device in it say, from 0 to 1. */
  readonly share: number
  readonly eligible: Eligible
  readonly index: BestIndex
}

export class Tiers {
  readonly #table: FleetTable
  readonly #need: Resources
  readonly #durationMs: number
  readonly #byLabels: ByLabels | undefined
  readonly #all: Eligible
  /** The highest share first. */
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
    byLabels: ByLabels | undefined,
  ) {
    this.#table = table
    this.#need = need
    this.#durationMs = durationMs
    this.#byLabels = byLabels
    this.#all = eligible
    if (byLabels === undefined) this.#add(0, eligible)
  }

  #add(share: number, eligible: Eligible): Tier {
    const index = new BestIndex(this.#table, eligible, this.#need, this.#durationMs)
    const tier = { share, eligible, index }
    this.sorted = [...this.sorted, tier].sort((a, b) => b.share - a.share)
    return tier
  }

  /** Takes in a device that could take the shape, and is new or changed. */
  admit(device: DeviceRecord, slot: number): void {
    if (this.#byLabels === undefined) return
    const share = this.#place(this.#byLabels.share(device.labels))
    for (const tier of this.sorted) if (tier.share !== share) tier.eligible.delete(slot)
    const tier = this.sorted.find((one) => one.share === share) ?? this.#add(share, new Eligible(this.#table))
    tier.eligible.add(slot)
  }

  /** The share of the tier where a device belongs: its own, or where there are many tiers one step above. */
  #place(share: number): number {
    const exact = this.sorted.length < EXACT_MAX || this.sorted.some((tier) => tier.share === share)
    return exact ? share : Math.ceil(share * STEPS) / STEPS
  }

  /** What labels say is something else now: sorts all devices anew. */
  resort(): void {
    if (this.#byLabels === undefined) return
    this.sorted = []
    for (const device of this.#all) this.admit(device, this.#table.slotOf(device) as number)
  }

  /** Takes a device out. */
  dismiss(slot: number): void {
    for (const { eligible } of this.sorted) eligible.delete(slot)
  }

  /** Whether looking again could help, after a search that found nothing, since the device of the slot has changed. */
  mayTake(slot: number): boolean {
    for (const { index } of this.sorted) if (index.mayTake(slot)) return true
    return false
  }
}
