/**
 * Greedy, as textbooks have it: the smallest demand first, onto the device with the most free. What an item takes is
 * taken before the next one is placed. It looks ahead at nothing and places in one pass.
 *
 * Small items first and most free (worst fit) keep every device some room; they do not pack. Where items take turns
 * (`makespan`) the longest goes first, onto the device that is done first: LPT of Graham, "Bounds on multiprocessing
 * timing anomalies" (1969), at most a third over the optimum on devices alike.
 */
import { lowerBound } from './bounds.ts'
import { Dense } from './dense.ts'
import { Placement } from './placement.ts'
import type { GreedyScore, Strategy } from './plan.ts'
import { fault } from './problem.ts'
import { bestFit, choose, dotProduct, mostFree, type Rule } from './scores.ts'

const RULES: Readonly<Record<GreedyScore, Rule>> = {
  'most-free': mostFree,
  'best-fit': bestFit,
  'dot-product': dotProduct,
}

export const greedy: Strategy = (problem, { score = 'most-free' }) => {
  const wrong = fault(problem)
  if (wrong !== undefined) return { ok: false, strategy: 'greedy', refused: 'problem', reason: wrong }
  const dense = new Dense(problem)
  const placement = new Placement(dense)
  const turns = dense.objective === 'makespan'
  const order = turns ? -1 : 1
  const by = turns ? dense.duration : dense.size
  for (const i of inOrder(dense, (a, b) => order * ((by[a] as number) - (by[b] as number)))) {
    const j = choose(placement, i, RULES[score])
    if (j >= 0) placement.put(i, j)
  }
  return placement.toPlan('greedy', 1, { bound: lowerBound(dense) })
}

/** All items: higher priority first, then by `compare`, then as the problem has them. */
export function inOrder(dense: Dense, compare: (a: number, b: number) => number): number[] {
  const { weight } = dense
  return [...Array(dense.n).keys()].sort(
    (a, b) => (weight[b] as number) - (weight[a] as number) || compare(a, b) || a - b,
  )
}
