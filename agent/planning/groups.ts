/** Items by device: what a plan's parts are, and what the searches take apart and put together. */
import type { Random } from '../../shared/random/random.ts'
import type { Dense } from './dense.ts'
import { Placement } from './placement.ts'
import { choose, leastCost } from './scores.ts'

/** By device: the items on it. */
export function groupsOf(placement: Placement): number[][] {
  const groups: number[][] = Array.from({ length: placement.dense.m }, () => [])
  for (const [i, j] of placement.at.entries()) if (j >= 0) groups[j]?.push(i)
  return groups
}

/** Items without a device that some device could take: higher priority first, then the largest. */
export function loose(placement: Placement): number[] {
  const { dense, at } = placement
  const items: number[] = []
  for (let i = 0; i < dense.n; i++) if (at[i] === -1 && dense.placeable(i)) items.push(i)
  return largestFirst(dense, items)
}

/** Sorts in place: higher priority first, then the largest; where items take turns the longest. */
export function largestFirst(dense: Dense, items: number[]): number[] {
  const by = dense.objective === 'makespan' ? dense.duration : dense.size
  const { weight } = dense
  return items.sort(
    (a, b) => (weight[b] as number) - (weight[a] as number) || (by[b] as number) - (by[a] as number) || a - b,
  )
}

/** Puts items where they suit the objective best, one after another; what finds no room is left out. */
export function insert(placement: Placement, items: readonly number[]): void {
  const packs = placement.dense.objective === 'packing'
  for (const i of items) {
    const j = packs ? tightest(placement, i) : choose(placement, i, leastCost)
    if (j >= 0) placement.put(i, j)
  }
}

/**
 * The device in use that item `i` leaves least of; else the unused one that it leaves most of; -1 when none has
 * room.
 */
function tightest(placement: Placement, i: number): number {
  const { dense, left, count } = placement
  const { d, m, demand, scale } = dense
  let [used, usedRest] = [-1, Number.POSITIVE_INFINITY]
  let [unused, unusedRest] = [-1, Number.NEGATIVE_INFINITY]
  for (let j = 0; j < m; j++) {
    if (count[j] === 0 && used >= 0) continue
    if (!placement.takes(i, j)) continue
    let rest = 0
    for (let k = 0; k < d; k++) {
      rest += ((left[j * d + k] as number) - (demand[i * d + k] as number)) / (scale[k] as number)
    }
    if (count[j] === 0) {
      if (rest > unusedRest) [unused, unusedRest] = [j, rest]
    } else if (rest < usedRest) [used, usedRest] = [j, rest]
  }
  return used >= 0 ? used : unused
}

/** A plan made in a random order, but with what takes half a device or more first: it has the least choice. */
export function scattered(dense: Dense, random: Random): Placement {
  const placement = new Placement(dense)
  const items = loose(placement)
  const large = items.filter((i) => (dense.size[i] as number) > 0.5)
  const small = random.shuffle(items.filter((i) => (dense.size[i] as number) <= 0.5))
  insert(placement, [...large, ...small])
  return placement
}
