/**
 * Heuristic: a handful of ways to place item after item, each in one pass, and the best plan of them all by the
 * objective. No way suits every workload: shortest rest and dot product look at the form of vectors, best fit at
 * their sum, fragmentation at what the rest is good for, filling at whole devices. A pass costs what greedy costs.
 *
 * Largest first, because what is large has the fewest places (first fit decreasing needs at most 11/9 of the
 * optimum and 6/9 of a device: Dósa 2007). Vectors: Panigrahy et al., "Heuristics for vector bin packing" (2011).
 */
import { lowerBound } from './bounds.ts'
import { Dense } from './dense.ts'
import { bulks, fillDevices } from './fill.ts'
import { fragmentationRule } from './fragmentation.ts'
import { inOrder } from './greedy.ts'
import { isBetter, Placement } from './placement.ts'
import type { Strategy } from './plan.ts'
import { fault } from './problem.ts'
import { bestFit, choose, dotProduct, leastCost, mostFree, type Rule, shortestRest } from './scores.ts'

export const heuristic: Strategy = (problem) => {
  const wrong = fault(problem)
  if (wrong !== undefined) return { ok: false, strategy: 'heuristic', refused: 'problem', reason: wrong }
  const dense = new Dense(problem)
  const placements = constructed(dense)
  const bound = lowerBound(dense)
  return bestOf(placements).toPlan('heuristic', placements.length, { bound })
}

/** The plan that judges best; the first of those that judge the same. */
export function bestOf(placements: readonly Placement[]): Placement {
  const scored = placements.map((placement) => ({ placement, score: placement.score() }))
  return scored.reduce((best, next) => (isBetter(next.score, best.score) ? next : best)).placement
}

/** Plans made by all ways, one for each. */
export function constructed(dense: Dense): Placement[] {
  const { d, duration, objective, size } = dense
  const bulk = bulks(dense)
  const descending = (by: Float64Array) => inOrder(dense, (a, b) => (by[b] as number) - (by[a] as number))
  const orders = [descending(objective === 'makespan' ? duration : size)]
  if (d > 1) orders.push(descending(bulk))
  const rules = [fragmentationRule(dense), bestFit, shortestRest, dotProduct, mostFree]
  const placements = orders.flatMap((order) =>
    rules.map((rule) => inTurn(dense, order, objective === 'packing' ? [packing, rule] : [leastCost, rule])),
  )
  if (objective === 'packing') {
    const devices = largestFirst(dense)
    for (const order of orders) {
      const placement = new Placement(dense)
      fillDevices(placement, order, devices, bulk)
      placements.push(placement)
    }
  }
  return placements
}

/** Devices that are in use before others, the largest first: opens as few as it can. */
const packing: Rule = (placement, _, j) =>
  (placement.count[j] as number) > 0 ? 1 : room(placement.dense, j) - 1e6

/** Places items in this order, each by the first rule and among equals by the second. */
function inTurn(dense: Dense, order: readonly number[], [first, second]: readonly [Rule, Rule]): Placement {
  const placement = new Placement(dense)
  const scores = new Float64Array(dense.m)
  for (const i of order) {
    let most = Number.NEGATIVE_INFINITY
    for (let j = 0; j < dense.m; j++) {
      scores[j] = placement.takes(i, j) ? first(placement, i, j) : Number.NEGATIVE_INFINITY
      most = Math.max(most, scores[j] as number)
    }
    if (most === Number.NEGATIVE_INFINITY) continue
    placement.put(
      i,
      choose(placement, i, second, (j) => scores[j] === most),
    )
  }
  return placement
}

/** What device `j` has in all dimensions together, in shares of a largest. */
function room({ d, free, scale }: Dense, j: number): number {
  let sum = 0
  for (let k = 0; k < d; k++) sum += (free[j * d + k] as number) / (scale[k] as number)
  return sum
}

/** All devices, the largest first. */
export function largestFirst(dense: Dense): number[] {
  return [...Array(dense.m).keys()].sort((a, b) => room(dense, b) - room(dense, a) || a - b)
}
