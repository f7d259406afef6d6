/**
 * Fragmentation: how much of what a device has left is of no use to the items there are. A gigabyte beside no CPU
 * is free and yet lost. The idea is that of Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads
 * with Fragmentation Gradient Descent" (USENIX ATC 2023): a device is judged by the rest that an item drawn from
 * the workload could not use, and an item goes where that grows least. Theirs looks at the parts of GPUs; this one
 * at any vector: what is left over after a device has taken as many items of a class as it can.
 */
import type { Dense } from './dense.ts'
import type { Placement } from './placement.ts'
import type { Rule } from './scores.ts'

/** Classes of demand that are looked at: the most frequent. */
const CLASSES_MAX = 24

interface DemandClass {
  /** Any item of it. */
  readonly item: number
  /** Its share of all items of the classes that are looked at. */
  readonly share: number
}

/** Items of equal demand, with how frequent they are. */
function classesOf(dense: Dense): DemandClass[] {
  const found = new Map<string, { item: number; share: number }>()
  for (let i = 0; i < dense.n; i++) {
    const key = dense.demand.subarray(i * dense.d, (i + 1) * dense.d).join()
    const known = found.get(key)
    if (known === undefined) found.set(key, { item: i, share: 1 })
    else known.share++
  }
  const frequent = [...found.values()].sort((a, b) => b.share - a.share).slice(0, CLASSES_MAX)
  const total = frequent.reduce((sum, { share }) => sum + share, 0)
  return frequent.map(({ item, share }) => ({ item, share: share / total }))
}

/** A rule that places an item where fragmentation grows least. The classes are found once. */
export function fragmentationRule(dense: Dense): Rule {
  const classes = classesOf(dense)
  return (placement, i, j) => {
    const before = fragmentation(placement, j, classes)
    placement.put(i, j)
    const after = fragmentation(placement, j, classes)
    placement.take(i)
    return before - after
  }
}

/**
 * What of device `j` an item drawn by frequency could not use, summed over dimensions in shares of a largest
 * device.
 */
function fragmentation({ dense, left }: Placement, j: number, classes: readonly DemandClass[]): number {
  const { d, demand, scale } = dense
  let expected = 0
  for (const { item, share } of classes) {
    let times = Number.POSITIVE_INFINITY
    for (let k = 0; k < d; k++) {
      const need = demand[item * d + k] as number
      if (need > 0) times = Math.min(times, Math.floor((left[j * d + k] as number) / need))
    }
    if (!dense.allows(item, j)) times = 0
    if (times === Number.POSITIVE_INFINITY) continue
    for (let k = 0; k < d; k++) {
      const rest = (left[j * d + k] as number) - times * (demand[item * d + k] as number)
      expected += (share * rest) / (scale[k] as number)
    }
  }
  return expected
}
