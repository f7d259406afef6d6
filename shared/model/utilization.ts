/**
 * Utilization: the share of what a device has that is in use, by its own measurement and of the scarcer of cpu and
 * memory. (The field's word.) What was placed there since it measured is not in it, so that is added.
 */
import type { DeviceLoad } from '../protocol/schemas/index.ts'
import type { Resources } from './resources.ts'

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

/**
 * What a heartbeat says of it; `undefined` where nothing is measured.
 *
 * @param before what was said last: it is said again while nothing has changed, so that most heartbeats leave nothing
 *   behind
 */
export function utilizationOf(
  load: Pick<DeviceLoad, 'cpu' | 'cpuTotal' | 'memoryUsed' | 'memoryTotal'>,
  capacity: Resources,
  reserved: Resources,
  before?: Utilization,
): Utilization | undefined {
  const cpuTotal = load.cpuTotal === undefined ? capacity['cpu'] : load.cpuTotal * MILLI
  const memoryTotal = load.memoryTotal === undefined ? undefined : load.memoryTotal * MILLI
  const known = before?.parts
  const cpu = partOf('cpu', load.cpu, cpuTotal, reserved['cpu'], known)
  const memory = partOf('memory', load.memoryUsed, memoryTotal, reserved['memory'], known)
  const memoryFirst = cpu === undefined || (memory?.share ?? 0) > cpu.share
  const most = memoryFirst ? memory : cpu
  const other = memoryFirst ? cpu : memory
  if (most === undefined) return undefined
  if (before !== undefined && most === before.parts[0] && other === before.parts[1]) return before
  const { resource, share, total, reserved: taken } = most
  return { resource, share, total, reserved: taken, parts: other === undefined ? [most] : [most, other] }
}

function partOf(
  resource: Part['resource'],
  used: number | undefined,
  total: number | undefined,
  reserved: number | undefined,
  known: readonly Part[] | undefined,
): Part | undefined {
  if (used === undefined || total === undefined || total <= 0) return undefined
  const share = (used * MILLI) / total
  const taken = reserved ?? 0
  if (known !== undefined) {
    for (const part of known) {
      const same = part.resource === resource && part.share === share
      if (same && part.total === total && part.reserved === taken) return part
    }
  }
  return { resource, share, total, reserved: taken }
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
