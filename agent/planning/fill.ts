/**
 * Filling one device after another as full as it gets: minimum bin slack. Gupta and Ho, "A new heuristic algorithm
 * for the one-dimensional bin-packing problem" (1999), in the form of Fleszar and Hindi, "New heuristics for
 * one-dimensional bin-packing" (2002), where the largest item that is left is always in (MBS'). Here of any
 * dimension: as full as the sum of shares.
 */
import type { Dense } from './dense.ts'
import type { Placement } from './placement.ts'

/** Sets that are looked at for one device; the fullest of them is taken. */
const SETS_MAX = 2_000

/**
 * Fills devices until all is placed or none has room.
 *
 * @param items what to place, in this order but for what fits better
 * @param devices in this order, one after another
 */
export function fillDevices(
  placement: Placement,
  items: readonly number[],
  devices: readonly number[],
  bulk: Float64Array,
): void {
  let rest = [...items]
  for (const j of devices) {
    if (rest.length === 0) break
    const first = rest.find((i) => placement.takes(i, j))
    if (first === undefined) continue
    placement.put(first, j)
    const others = rest.filter((i) => i !== first && placement.takes(i, j))
    for (const i of fullest(placement, j, others, bulk)) placement.put(i, j)
    rest = rest.filter((i) => placement.at[i] === -1)
  }
}

/** By item: its shares of a largest device, summed over all dimensions. */
export function bulks(dense: Dense): Float64Array {
  return Float64Array.from({ length: dense.n }, (_, i) => {
    let sum = 0
    for (let k = 0; k < dense.d; k++) sum += dense.need(i, k) / (dense.scale[k] as number)
    return sum
  })
}

/** Of the items those that, together, leave the least of device `j`; in a search of bounded length. */
function fullest(
  placement: Placement,
  j: number,
  items: readonly number[],
  bulk: Float64Array,
): readonly number[] {
  const { d, scale } = placement.dense
  // What any set can come to: all that is left of the device.
  let room = 0
  for (let k = 0; k < d; k++) room += (placement.left[j * d + k] as number) / (scale[k] as number)
  const chosen: number[] = []
  let best: number[] = []
  let bestBulk = 0
  let looks = 0
  const search = (from: number, sum: number): void => {
    if (sum > bestBulk) {
      best = [...chosen]
      bestBulk = sum
    }
    let refused = -1
    for (let at = from; at < items.length && looks < SETS_MAX && bestBulk < room - ROUNDING; at++) {
      const i = items[at] as number
      const size = bulk[i] as number
      // An item just like the one that was tried before it.
      if (size === refused) continue
      refused = d === 1 ? size : -1
      if (!placement.takes(i, j)) continue
      looks++
      chosen.push(i)
      placement.put(i, j)
      search(at + 1, sum + size)
      placement.take(i)
      chosen.pop()
    }
  }
  search(0, 0)
  return best
}

/** Sums of shares are rounded; nothing that is placed is this small a share. */
const ROUNDING = 1e-9
