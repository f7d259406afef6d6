/**
 * Mutation where devices should be few: the emptiest are cleared, and what was on them is traded, one or two items
 * against none, one or two of another device, whenever that device gets fuller by it (rearrangement by pairs of
 * GGA-CGT; after Martello and Toth's dominance: a fuller set is never worse, and small items are easier to place).
 * The rest is placed by best fit, largest first.
 */
import type { Random } from '../../shared/random/random.ts'
import { bulks } from './fill.ts'
import { groupsOf, insert, loose } from './groups.ts'
import type { Placement } from './placement.ts'

/** How the share that is cleared falls with the number of devices that are not full: by its root of this degree. */
const BOLD = 4
const USUAL = 1.3
/** Shares are sums that are rounded. */
const ROUNDING = 1e-9

/** Changes the placement in place. @param boldly clears more devices: what it comes from is kept beside it */
export function tightened(placement: Placement, random: Random, boldly: boolean): Placement {
  const { dense } = placement
  const used = [...placement.count.keys()].filter((j) => (placement.count[j] as number) > 0)
  const shares = Float64Array.from(placement.count, (_, j) => placement.share(j))
  used.sort((a, b) => (shares[a] as number) - (shares[b] as number))
  const open = used.filter((j) => (shares[j] as number) < 1).length
  const cleared = used.slice(0, toClear(open, used.length, random, boldly ? BOLD : USUAL))
  const groups = groupsOf(placement)
  for (const j of cleared) for (const i of groups[j] as number[]) placement.take(i)
  for (const j of cleared) groups[j] = []
  const bulk = bulks(dense)
  const free = loose(placement).sort((a, b) => (bulk[b] as number) - (bulk[a] as number) || a - b)
  for (const j of random.shuffle(used.filter((device) => groups[device]?.length !== 0))) {
    if (free.length === 0) break
    trade(placement, j, random.shuffle(groups[j] as number[]), free, bulk)
  }
  insert(placement, loose(placement))
  return placement
}

/** How many devices to clear, of `open` ones that are not full among `used`: at least two, seldom more than a few. */
function toClear(open: number, used: number, random: Random, exponent: number): number {
  if (open === 0) return 0
  const root = open ** (1 / exponent)
  const share = ((2 - open / used) / root) * (1 - random.between(0, 1 / root))
  return Math.max(2, Math.ceil(open * share))
}

/**
 * Makes device `j` fuller by the best trade there is. Where none does, one that leaves it as full is as good: it changes
 * what is free, and without it triplets that fill devices exactly were never solved. `free` has the largest first, and
 * stays so.
 */
function trade(
  placement: Placement,
  j: number,
  group: readonly number[],
  free: number[],
  bulk: Float64Array,
): void {
  let best: { readonly out: readonly number[]; readonly into: readonly number[] } | undefined
  let bestGain = -ROUNDING
  for (const out of smallSets(group)) {
    for (const i of out) placement.take(i)
    const given = out.reduce((sum, i) => sum + (bulk[i] as number), 0)
    const into = largestThatFits(placement, j, free, bulk, given + bestGain)
    for (const i of out) placement.put(i, j)
    if (into === undefined) continue
    best = { out, into }
    bestGain = Math.max(ROUNDING, into.reduce((sum, i) => sum + (bulk[i] as number), 0) - given)
  }
  if (best === undefined) return
  const { out, into } = best
  for (const i of out) placement.take(i)
  for (const i of into) placement.put(i, j)
  const rest = [...free.filter((i) => !into.includes(i)), ...out]
  rest.sort((a, b) => (bulk[b] as number) - (bulk[a] as number) || a - b)
  free.splice(0, free.length, ...rest)
}

/** All sets of none, one and two. */
function* smallSets(items: readonly number[]): IterableIterator<readonly number[]> {
  yield []
  for (const [at, one] of items.entries()) {
    yield [one]
    for (let other = at + 1; other < items.length; other++) yield [one, items[other] as number]
  }
}

/**
 * One or two of the free items that fit on device `j` together and are more than `least` in bulk, the most there
 * is.
 */
function largestThatFits(
  placement: Placement,
  j: number,
  free: readonly number[],
  bulk: Float64Array,
  least: number,
): readonly number[] | undefined {
  let best: readonly number[] | undefined
  let most = least
  for (let p = 0; p < free.length; p++) {
    const one = free[p] as number
    const size = bulk[one] as number
    // Not even with the largest that is yet to come.
    if (size + (bulk[free[p + 1] ?? one] as number) <= most && size <= most) break
    if (!placement.takes(one, j)) continue
    if (size > most) {
      best = [one]
      most = size
    }
    placement.put(one, j)
    for (let q = p + 1; q < free.length; q++) {
      const other = free[q] as number
      const both = size + (bulk[other] as number)
      if (both <= most) break
      if (!placement.takes(other, j)) continue
      best = [one, other]
      most = both
      break
    }
    placement.take(one)
  }
  return best
}
