/**
 * Why shapes wait: counted anew whenever one newly finds no room, or in a large fleet a moment ago, and there by rows
 * instead of records as far as they tell.
 */
import { GPU } from '../../../shared/model/gpus.ts'
import type { Now } from '../../../shared/ports.ts'
import type { Tenants } from '../tenants.ts'
import { Closings } from './closings.ts'
import { type Explanation, explainWait, type Tally, tallyByRecords } from './explain.ts'
import { explainQuota } from './explain-quota.ts'
import type { FleetTable } from './fleet-table.ts'
import { Reasons } from './reasons.ts'
import type { Shape } from './shape.ts'
import { tallyByRows } from './tally-fleet.ts'

/** In fleets up to that number of devices all counts are of the moment, and by records. */
const COUNTED_AT_ONCE_MAX = 100
/** In larger ones a count stands for a millisecond for each device more, up to that. */
const COUNTED_FOR_MS_MAX = 5_000
/** Shapes that keep why devices cannot take them, which takes 4 bytes a device. */
const REASONED_MAX = 100

export class WhyWaiting {
  readonly #table: FleetTable
  readonly #tenants: Tenants
  /** Those whose reasons are kept, the oldest first. */
  readonly #reasoned: Shape[] = []
  readonly #closings = new Closings()
  /** Those that name a quota. */
  readonly #ofQuota = new WeakSet<Explanation>()

  constructor(table: FleetTable, tenants: Tenants) {
    this.#table = table
    this.#tenants = tenants
  }

  /** As of now; in a large fleet as of a moment ago. */
  of(shape: Shape, now: Now): Explanation {
    const { explanation, explainedMs } = shape
    const excess = shape.overQuota ? this.#tenants.excess(shape.tenant, shape.resources) : undefined
    const countedForMs = Math.min(COUNTED_FOR_MS_MAX, this.#table.size - COUNTED_AT_ONCE_MAX)
    const holds = explanation !== undefined && this.#ofQuota.has(explanation) === (excess !== undefined)
    if (holds && now.monoMs - explainedMs < countedForMs) return explanation
    shape.explainedMs = now.monoMs
    shape.explanation =
      excess === undefined
        ? explainWait(shape, this.#tally(shape, now))
        : explainQuota(this.#tenants.account(shape.tenant), excess, this.#table.known())
    if (excess !== undefined) this.#ofQuota.add(shape.explanation)
    return shape.explanation
  }

  #tally(shape: Shape, now: Now): Tally {
    const table = this.#table
    const { relations, resources } = shape
    const inRows = Object.keys(resources).every((name) => name !== GPU && table.column(name) !== undefined)
    if (table.size <= COUNTED_AT_ONCE_MAX || relations !== undefined || !inRows)
      return tallyByRecords(shape, table.known(), now)
    if (shape.reasons === undefined) {
      shape.reasons = new Reasons(shape, table)
      this.#reasoned.push(shape)
      const oldest = this.#reasoned.length > REASONED_MAX ? this.#reasoned.shift() : undefined
      if (oldest !== undefined) oldest.reasons = undefined
    }
    return tallyByRows(shape, table, shape.reasons, this.#closings, now)
  }
}
