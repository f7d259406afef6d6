/**
 * How well a device suits an item, for strategies that place one item after another. Greater is better; scores of
 * different rules do not compare. Dimensions are made alike by the largest device's room in each.
 */
import type { Placement } from './placement.ts'

export type Rule = (placement: Placement, i: number, j: number) => number

/**
 * Most free (worst fit, the textbook's greedy): the scarcest of what the item needs, after placing it. Where items
 * take turns, the device that is done first (Graham 1969).
 */
export const mostFree: Rule = ({ dense, left, busy }, i, j) => {
  const { d, demand, scale } = dense
  if (dense.objective === 'makespan') return -((busy[j] as number) + dense.work(i, j))
  let least = Number.POSITIVE_INFINITY
  for (let k = 0; k < d; k++) {
    const need = demand[i * d + k] as number
    if (need > 0) least = Math.min(least, ((left[j * d + k] as number) - need) / (scale[k] as number))
  }
  return least
}

/** Best fit: the least left, summed over all dimensions. */
export const bestFit: Rule = ({ dense, left }, i, j) => {
  const { d, demand, scale } = dense
  let sum = 0
  for (let k = 0; k < d; k++) {
    sum += ((left[j * d + k] as number) - (demand[i * d + k] as number)) / (scale[k] as number)
  }
  return -sum
}

/**
 * Dot product: what is free points where the demand points, so that what one item leaves suits the others.
 * Grandl et al., "Multi-resource packing for cluster schedulers" (Tetris), SIGCOMM 2014.
 */
export const dotProduct: Rule = ({ dense, left }, i, j) => {
  const { d, demand, scale } = dense
  let sum = 0
  for (let k = 0; k < d; k++) {
    sum += ((left[j * d + k] as number) * (demand[i * d + k] as number)) / (scale[k] as number) ** 2
  }
  return sum
}

/**
 * Shortest rest: the least Euclidean norm of what is left. Panigrahy et al., "Heuristics for vector bin packing"
 * (2011).
 */
export const shortestRest: Rule = ({ dense, left }, i, j) => {
  const { d, demand, scale } = dense
  let sum = 0
  for (let k = 0; k < d; k++) {
    sum += (((left[j * d + k] as number) - (demand[i * d + k] as number)) / (scale[k] as number)) ** 2
  }
  return -sum
}

/** Least cost: what the device then adds to the objective. */
export const leastCost: Rule = (placement, i, j) => {
  placement.put(i, j)
  const cost = placement.cost(j)
  placement.take(i)
  return -cost
}

/**
 * The device that suits an item best by a rule, of those that may take it and have room; -1 when there is none.
 * Ties go to the device with the fewest items, then to the highest id.
 *
 * @param among whether a device comes into question at all
 */
export function choose(
  placement: Placement,
  i: number,
  rule: Rule,
  among: (j: number) => boolean = () => true,
): number {
  const { devices } = placement.dense.problem
  const { count } = placement
  let best = -1
  let bestScore = Number.NEGATIVE_INFINITY
  for (let j = 0; j < devices.length; j++) {
    if (!among(j) || !placement.takes(i, j)) continue
    const score = rule(placement, i, j)
    if (best >= 0) {
      if (score < bestScore) continue
      if (score === bestScore) {
        const fewer = (count[best] as number) - (count[j] as number)
        if (fewer < 0 || (fewer === 0 && idOf(devices, j) < idOf(devices, best))) continue
      }
    }
    best = j
    bestScore = score
  }
  return best
}

const idOf = (devices: readonly { readonly id: string }[], j: number): string => devices[j]?.id as string
