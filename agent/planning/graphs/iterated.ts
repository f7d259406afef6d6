/**
 * Iterated greedy: takes a few tasks out of the schedule and puts each back where the longest way through it becomes
 * shortest, for as long as its budget lasts (Ruiz and Stützle, "A simple and effective iterated greedy algorithm for
 * the permutation flowshop scheduling problem", 2007). What comes of it is kept while it is no worse than the best by
 * more than a margin that shrinks to nothing (record-to-record travel, Dueck 1993).
 *
 * A task that is in nobody's way had better not take the time of a device that others have more use for. By how much
 * that counts beside the way's length is drawn anew each time: from not at all to more than anything else.
 *
 * It starts from the best of `constructed.ts`, HEFT among them, and is never worse than that. It ends early when it
 * comes down to the lower bound.
 */
import type { Random } from '../../../shared/random/random.ts'
import { lowerBound } from './bounds.ts'
import { bestConstructed } from './constructed.ts'
import { Graph } from './graph.ts'
import { leastHeads, leastTails } from './least.ts'
import { pricesOf } from './prices.ts'
import { faultOfGraph } from './problem.ts'
import type { Planner } from './schedule.ts'
import { Sequences } from './sequences.ts'
import { answer, ROUNDING, type Timed } from './solution.ts'

/** How often a task is put back when nothing else is asked for. */
export const EVALUATIONS_MAX = 100_000
/** Tasks that are taken out at once. */
const TAKEN_MAX = 10
/** How much longer than the best a schedule may be at first, as a share. */
const MARGIN = 0.01
/** How much the price of a task's seconds counts beside the longest way. */
const WEIGHTS = [0, 1, 4, 16, 64]

export const iterated: Planner = (problem, { random, evaluationsMax = EVALUATIONS_MAX }) => {
  const wrong = faultOfGraph(problem)
  if (wrong !== undefined) return { ok: false, planner: 'iterated', refused: 'problem', reason: wrong }
  const graph = new Graph(problem)
  const { timed, bound, evaluations } = improved(graph, random, evaluationsMax)
  return answer('iterated', graph, timed, bound, evaluations)
}

/** The best schedule that was found while putting back so many tasks, and what none is shorter than. */
export function improved(
  graph: Graph,
  random: Random,
  evaluationsMax: number,
): { readonly timed: Timed; readonly bound: number; readonly evaluations: number } {
  const tails = leastTails(graph)
  const heads = leastHeads(graph)
  const prices = pricesOf(graph)
  const bound = lowerBound(graph, heads, tails, prices)
  const begun = bestConstructed(graph, tails, prices)
  const now = new Sequences(graph, begun, heads, tails)
  const last = new Sequences(graph, begun, heads, tails)
  const best = new Sequences(graph, begun, heads, tails)
  while (now.puts < evaluationsMax && best.makespan > bound * (1 + ROUNDING)) {
    const taken = chosen(now, random)
    const weight = random.pick(WEIGHTS)
    now.take(taken)
    for (const i of taken) {
      now.put(
        i,
        (j) => weight * prices[j]! * graph.run[i * graph.m + j]!,
        () => random.chance(0.5),
      )
    }
    const margin = MARGIN * (1 - now.puts / evaluationsMax)
    if (now.makespan < best.makespan) best.copy(now)
    if (now.makespan <= best.makespan * (1 + Math.max(0, margin))) last.copy(now)
    else now.copy(last)
  }
  return { timed: best.timed, bound, evaluations: now.puts }
}

/** Tasks to take out: one on a longest way, and others near it in the graph, on its device or on that way. */
function chosen(now: Sequences, random: Random): number[] {
  const critical = now.critical()
  const taken = [random.pick(critical)]
  const count = 1 + random.below(Math.min(TAKEN_MAX, now.graph.n))
  for (let tries = 0; tries < 2 * count && taken.length < count; tries++) {
    const next = neighbour(now, random.pick(taken), critical, random)
    if (!taken.includes(next)) taken.push(next)
  }
  return taken
}

function neighbour(now: Sequences, i: number, critical: readonly number[], random: Random): number {
  const { before, from, after, to, n } = now.graph
  switch (random.below(4)) {
    case 0:
      return random.pick(critical)
    case 1:
      return random.below(n)
    case 2: {
      const beside = now.beside(i)
      return beside.length === 0 ? i : random.pick(beside)
    }
    default: {
      const [first, last] = [before[i] as number, before[i + 1] as number]
      const [begin, end] = [after[i] as number, after[i + 1] as number]
      const all = last - first + end - begin
      if (all === 0) return i
      const at = random.below(all)
      return (at < last - first ? from[first + at] : to[begin + at - (last - first)]) as number
    }
  }
}
