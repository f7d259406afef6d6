/**
 * Mutation where load should be even: the costliest device and a few others are cleared, what was on them is placed
 * again in a random order, and then the costliest device gives and swaps items for as long as that helps (local
 * search by moves and swaps, as in Finn and Horowitz, "A linear time approximation algorithm for multiprocessor
 * scheduling", 1979).
 */
import type { Random } from '../../shared/random/random.ts'
import { groupsOf, insert, largestFirst, loose } from './groups.ts'
import type { Placement } from './placement.ts'

/** Moves and swaps after a mutation. */
const RELIEFS_MAX = 50
/** Devices that are cleared beside the costliest. */
const CLEARED_MAX = 3
/** How likely it is that loose items are placed the largest first instead of in a random order. */
const ORDERLY = 0.5

/** Changes the placement in place. @param boldly clears more: what it comes from is kept beside it */
export function levelled(placement: Placement, random: Random, boldly: boolean): Placement {
  const { dense } = placement
  if (dense.m === 0) return placement
  const cleared = new Set([costliest(placement)])
  const others = boldly ? 1 + random.below(CLEARED_MAX) : 1
  for (let n = 0; n < others; n++) cleared.add(random.below(dense.m))
  const groups = groupsOf(placement)
  for (const j of cleared) for (const i of groups[j] as number[]) placement.take(i)
  const items = random.shuffle(loose(placement))
  insert(placement, random.chance(ORDERLY) ? largestFirst(dense, items) : items)
  for (let n = 0; n < RELIEFS_MAX && relieve(placement); n++);
  return placement
}

function costliest(placement: Placement): number {
  let worst = 0
  for (let j = 1; j < placement.dense.m; j++) if (placement.cost(j) > placement.cost(worst)) worst = j
  return worst
}

/**
 * Takes something off the costliest device, by the move or swap after which the costlier of the two is least
 * costly.
 */
function relieve(placement: Placement): boolean {
  const { at, dense } = placement
  const from = costliest(placement)
  let least = placement.cost(from)
  let best: { readonly i: number; readonly j: number; readonly back: number } | undefined
  const consider = (i: number, j: number, back: number): void => {
    const cost = Math.max(placement.cost(from), placement.cost(j))
    if (cost >= least) return
    least = cost
    best = { i, j, back }
  }
  for (const i of groupsOf(placement)[from] as number[]) {
    placement.take(i)
    for (let j = 0; j < dense.m; j++) {
      if (j === from || !placement.takes(i, j)) continue
      placement.put(i, j)
      consider(i, j, -1)
      placement.take(i)
    }
    for (let back = 0; back < dense.n; back++) {
      const j = at[back] as number
      if (j === -1 || j === from) continue
      placement.take(back)
      if (placement.takes(i, j) && placement.takes(back, from)) {
        placement.put(i, j)
        placement.put(back, from)
        consider(i, j, back)
        placement.take(back)
        placement.take(i)
      }
      placement.put(back, j)
    }
    placement.put(i, from)
  }
  if (best === undefined) return false
  const { i, j, back } = best as { i: number; j: number; back: number }
  placement.take(i)
  if (back >= 0) {
    placement.take(back)
    placement.put(back, from)
  }
  placement.put(i, j)
  return true
}
