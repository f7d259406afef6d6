/**
 * Explanations: why a task went where it went, or why it still waits. A "no" counts its reasons over the fleet
 * and names the device that is nearest to a yes, with what it misses.
 */
import { formatQuantity } from '../../../shared/model/quantity.ts'
import { remaining, shortfall } from '../../../shared/model/resources.ts'
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import { hasRoom, mostFree } from './score.ts'
import type { Shape } from './shape.ts'

export interface Explanation {
  readonly text: string
  /** Devices by the reason for which they could not take it. */
  readonly reasons: Record<string, number>
}

const REASONS_SHOWN_MAX = 4
/** Reasons that a status lists; rarer ones are left out. */
const REASONS_MAX = 16

/** Why no device takes the shape now. Costs one look at every device. */
export function explainWait(shape: Shape, devices: Iterable<DeviceRecord>, now: Now): Explanation {
  const counts = new Map<string, number>()
  let total = 0
  let nearest: { device: DeviceRecord; name: string; milli: number; share: number } | undefined
  for (const device of devices) {
    total++
    const reason = reasonAgainst(shape, device, now)
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
    if (reason !== FULL && reason !== 'are too small') continue
    const missing = shortfall(shape.resources, remaining(device.capacity, device.reserved))
    if (missing === undefined) continue
    const share = missing.milli / (shape.resources[missing.name] ?? 1)
    if (nearest === undefined || share < nearest.share) nearest = { device, ...missing, share }
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  const shown = sorted.slice(0, REASONS_SHOWN_MAX).map(([reason, count], index) => {
    return index === 0 ? `${count} of ${total} devices ${reason}` : `${count} ${reason}`
  })
  let text = total === 0 ? 'waits: no device is known' : `waits: ${shown.join('; ')}`
  if (nearest !== undefined) {
    text += `; the nearest, ${nearest.device.id}, misses ${formatQuantity(nearest.name, nearest.milli)} ${nearest.name}`
  }
  return { text, reasons: Object.fromEntries(sorted.slice(0, REASONS_MAX)) }
}

const FULL = 'have too little left'

function reasonAgainst(shape: Shape, device: DeviceRecord, now: Now): string {
  const closed = device.closedReason(now.monoMs, now.wallMs)
  if (closed !== undefined)
    return closed === 'has not reported yet' ? 'have not reported yet' : `are ${closed}`
  const reason = shape.staticReason(device)
  if (reason !== undefined) return reason
  return hasRoom(device, shape.resources) ? 'have room now' : FULL
}

/** Why the device was chosen: it is the `superlative` of those looked at. */
export function explainPlacement(
  device: DeviceRecord,
  shape: Shape,
  looked: number,
  superlative: string,
): string {
  const left = Math.max(0, Math.round(mostFree(device, shape.resources) * 100))
  const able = shape.eligible.length
  return `placed on ${device.id}: ${superlative} of ${looked} with room looked at, ${able} could take it; ${left} % of its scarcest resource is left`
}
