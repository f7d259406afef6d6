/**
 * Counts why a shape waits in a large fleet: by the rows of the table, by what each device was found to lack when it last
 * changed, and by one look at what is closed for all shapes. Records are read only where they decide.
 */
import type { Resources } from '../../../shared/model/resources.ts'
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import { SAME } from './best-index.ts'
import type { Closings } from './closings.ts'
import { areClosed, FULL, isOpenFor, LACKING_MAX, reasonAgainst, type Tally } from './explain.ts'
import type { FleetTable } from './fleet-table.ts'
import type { Reasons } from './reasons.ts'
import { type Shape, TOO_SMALL } from './shape.ts'

/** As `tallyByRecords`. The shape has no relations and asks for no GPU: what stands against those is said by no row. */
export function tallyByRows(
  shape: Shape,
  table: FleetTable,
  reasons: Reasons,
  closings: Closings,
  now: Now,
): Tally {
  closings.look(table, now)
  const { devices } = table
  const missing = new Missing(shape.resources, table)
  const impossible = shape.eligible.length === 0
  const tooSmall = reasons.texts.indexOf(TOO_SMALL)
  const fixed = new Float64Array(reasons.texts.length)
  const closed = new Float64Array(closings.texts.length)
  const counts = new Map<string, number>()
  const count = (reason: string, by: number): void => {
    if (by > 0) counts.set(reason, (counts.get(reason) ?? 0) + by)
  }
  let total = 0
  let full = 0
  let nearest: DeviceRecord | undefined
  let fewest = Number.POSITIVE_INFINITY
  let least = Number.POSITIVE_INFINITY
  for (let slot = 0; slot < devices.length; slot++) {
    const device = devices[slot]
    if (device === undefined) continue
    total++
    const code = reasons.codes[slot] as number
    const closing = closings.codes[slot] as number
    if (closing !== 0 && !impossible) {
      closed[closing] = (closed[closing] as number) + 1
      continue
    }
    if (code !== 0) fixed[code] = (fixed[code] as number) + 1
    if (closing !== 0 || (code !== 0 && code !== tooSmall && !impossible)) continue
    const share = missing.share(slot)
    if (code === 0 && share < SAME) {
      count(reasonAgainst(shape, device, now), 1)
      continue
    }
    if (code === 0) full++
    const lacks = impossible ? (reasons.lacks[slot] as number) : 0
    if (lacks > LACKING_MAX || lacks > fewest || (lacks === fewest && share > least)) continue
    if (lacks === fewest && share === least && nearest !== undefined && nearest.id < device.id) continue
    if (impossible && !isOpenFor(shape, device, now)) continue
    nearest = device
    fewest = lacks
    least = share
  }
  count(FULL, full)
  for (const [code, by] of fixed.entries()) count(reasons.texts[code] as string, by)
  for (const [code, by] of closed.entries()) count(areClosed(closings.texts[code] as string), by)
  const lacking = nearest === undefined || !impossible ? [] : shape.lacking(nearest)
  return { counts, total, nearest: nearest && { device: nearest, lacking, share: least } }
}

/** What devices lack of what is asked for, by their rows. */
class Missing {
  readonly #table: FleetTable
  readonly #needs: number[] = []
  readonly #places: number[] = []

  constructor(need: Resources, table: FleetTable) {
    this.#table = table
    for (const name in need) {
      const place = table.column(name)
      if (place === undefined || need[name] === 0) continue
      this.#needs.push(need[name] as number)
      this.#places.push(place)
    }
  }

  /** Of all resources together, as a share of what is asked for; what has no column is not counted. */
  share(slot: number): number {
    const { rows, stride } = this.#table
    const at = slot * stride
    let share = 0
    for (let i = 0; i < this.#needs.length; i++) {
      const place = at + (this.#places[i] as number)
      const lacks = 1 - (rows[place] as number) / ((this.#needs[i] as number) * (rows[place + 1] as number))
      if (lacks > 0) share += lacks
    }
    return share
  }
}
