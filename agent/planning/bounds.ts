/**
 * What no plan can be below, found by looking instead of searching. A plan that comes down to it is proven optimal.
 * All bounds are of plans that place every item which any device could take.
 */
import type { Dense } from './dense.ts'
import { Placement } from './placement.ts'

/** A value of the objective below which no plan can be that places all it could. */
export function lowerBound(dense: Dense): number {
  const items = [...Array(dense.n).keys()].filter((i) => dense.placeable(i))
  // Nothing that is placed makes any of the objectives less.
  const least = new Placement(dense).score().value
  if (items.length === 0) return least
  return Math.max(least, boundOf(dense, items))
}

function boundOf(dense: Dense, items: readonly number[]): number {
  switch (dense.objective) {
    case 'peak':
      return peakBound(dense, items)
    case 'packing':
      return packingBound(dense, items)
    case 'spread':
      return spreadBound(items.length, dense.m)
    case 'makespan':
      return makespanBound(dense, items)
  }
}

/** The peak is no lower than without any item, than an item alone makes it, or than the mean of all devices. */
function peakBound(dense: Dense, items: readonly number[]): number {
  const { d } = dense
  const placement = new Placement(dense)
  let bound = placement.score().value
  for (const i of items) {
    let least = Number.POSITIVE_INFINITY
    for (const j of dense.first) {
      if (!dense.admits(i, j)) continue
      placement.put(i, j)
      least = Math.min(least, placement.share(j))
      placement.take(i)
    }
    bound = Math.max(bound, least)
  }
  for (let k = 0; k < d; k++) {
    let whole = 0
    let free = 0
    for (let j = 0; j < dense.m; j++) {
      whole += dense.capacity[j * d + k] as number
      free += dense.free[j * d + k] as number
    }
    for (const i of items) free -= dense.need(i, k)
    // A mean share that rounding lifts over the peak would make a bound of it that is none.
    if (whole > 0) bound = Math.max(bound, (1 - free / whole) * (1 - Number.EPSILON))
  }
  return bound
}

/**
 * Of each dimension by itself: as many of the largest devices as hold the sum; of devices alike also
 * `martelloToth`.
 */
function packingBound(dense: Dense, items: readonly number[]): number {
  const { d } = dense
  let bound = 1
  for (let k = 0; k < d; k++) {
    const sizes = items.map((i) => dense.need(i, k)).sort((a, b) => b - a)
    const rooms = Array.from({ length: dense.m }, (_, j) => dense.free[j * d + k] as number)
    rooms.sort((a, b) => b - a)
    let left = sizes.reduce((sum, size) => sum + size, 0)
    let devices = 0
    while (left > 0 && devices < rooms.length) left -= rooms[devices++] as number
    // Every device as large as the largest: what such devices cannot do, these cannot.
    bound = Math.max(bound, devices, martelloToth(sizes, rooms[0] as number))
  }
  return bound
}

/**
 * The bound L2 of Martello and Toth, "Knapsack Problems" (1990), chapter 8: items over half a bin need one each, and
 * for any threshold those from it to a half only fit into what the others leave.
 *
 * @param sizes the largest first, none above `room`
 * @param room of a bin, in the same unit
 */
export function martelloToth(sizes: readonly number[], room: number): number {
  const sums = [0]
  for (const size of sizes) sums.push((sums.at(-1) as number) + size)
  /** How many sizes are above `limit`. */
  const above = (limit: number): number => {
    let [low, high] = [0, sizes.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sizes[middle] as number) > limit) low = middle + 1
      else high = middle
    }
    return low
  }
  const half = above(room / 2)
  let bound = half
  for (let at = half; at < sizes.length; at++) {
    const threshold = sizes[at] as number
    if (threshold === 0) break
    if (threshold === sizes[at + 1]) continue
    const alone = above(room - threshold)
    const small = (sums[at + 1] as number) - (sums[half] as number)
    const beside = (half - alone) * room - ((sums[half] as number) - (sums[alone] as number))
    bound = Math.max(bound, half + Math.max(0, Math.ceil((small - beside) / room)))
  }
  return bound
}

/** Items spread as evenly as whole numbers go. */
function spreadBound(items: number, devices: number): number {
  const each = Math.floor(items / devices)
  const more = items % devices
  return more * (each + 1) ** 2 + (devices - more) * each ** 2
}

/** The longest item, the mean, and the two that must share a device when items outnumber devices (Graham 1969). */
function makespanBound(dense: Dense, items: readonly number[]): number {
  // How much work an item is depends on where it is.
  if (dense.sideBySide) return 0
  const durations = items.map((i) => dense.duration[i] as number).sort((a, b) => b - a)
  const sum = durations.reduce((total, ms) => total + ms, 0)
  const shared = items.length > dense.m ? (durations[dense.m - 1] ?? 0) + (durations[dense.m] ?? 0) : 0
  return Math.max(durations[0] as number, Math.ceil(sum / dense.m), shared)
}
