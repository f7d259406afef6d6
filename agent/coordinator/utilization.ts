/**
 * Utilization: the share of what a device has that is in use, by its own measurement and of the scarcer of cpu and
 * memory. (The field's word.) What was placed there since it measured is not in it, so that is added.
 */
import type { Resources } from '../../shared/model/resources.ts'
import type { DeviceLoad } from '../../shared/protocol/schemas/index.ts'

/** Quantities count in thousandths. */
const MILLI = 1_000

interface Part {
  readonly resource: 'cpu' | 'memory'
  /** From 0 on; more than 1 where more is in use than there is said to be. */
  readonly share: number
  /** What there is, in thousandths. */
  readonly total: number
  /** What was reserved when it was measured, in thousandths. */
  readonly reserved: number
}

export interface Utilization extends Part {
  /** Of each resource that is measured. */
  readonly parts: readonly Part[]
}

/** What a heartbeat says of it; `undefined` where nothing is measured. */
export function utilizationOf(
  load: DeviceLoad,
  capacity: Resources,
  reserved: Resources,
): Utilization | undefined {
  const parts: Part[] = []
  const add = (resource: Part['resource'], used: number | undefined, total: number | undefined) => {
    if (used === undefined || total === undefined || total <= 0) return
    parts.push({ resource, share: (used * MILLI) / total, total, reserved: reserved[resource] ?? 0 })
  }
  add('cpu', load.cpu, load.cpuTotal === undefined ? capacity['cpu'] : load.cpuTotal * MILLI)
  add('memory', load.memoryUsed, load.memoryTotal === undefined ? undefined : load.memoryTotal * MILLI)
  const [first, second] = parts
  const most = second !== undefined && first !== undefined && second.share > first.share ? second : first
  return most === undefined ? undefined : { ...most, parts }
}

/** The share with what has been reserved since, and with `need` on top: all of it counted as if it were used. */
export function withMore({ parts }: Utilization, reserved: Resources, need: Resources): number {
  let most = 0
  for (const part of parts) {
    const since = Math.max(0, (reserved[part.resource] ?? 0) - part.reserved)
    const share = part.share + (since + (need[part.resource] ?? 0)) / part.total
    if (share > most) most = share
  }
  return most
}

/** Like "97 %". */
export const percent = (share: number): string => `${Math.round(share * 100)} %`
