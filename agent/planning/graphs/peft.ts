/**
 * PEFT: like HEFT, but a task goes where its end and the least that then follows come soonest. Arabnejad and Barbosa,
 * "List scheduling algorithm for heterogeneous systems by an optimistic cost table" (2014).
 */
import { boundOf } from './bounds.ts'
import { Graph } from './graph.ts'
import { byRank, putFirst } from './heft.ts'
import { leastTails } from './least.ts'
import { faultOfGraph } from './problem.ts'
import type { Planner } from './schedule.ts'
import { answer } from './solution.ts'
import { Timeline } from './timeline.ts'

export const peft: Planner = (problem) => {
  const wrong = faultOfGraph(problem)
  if (wrong !== undefined) return { ok: false, planner: 'peft', refused: 'problem', reason: wrong }
  const graph = new Graph(problem)
  const tails = leastTails(graph)
  return answer('peft', graph, peftTimeline(graph, tails), boundOf(graph), graph.n)
}

/** @param tails the least that follows, by task and device: the paper's optimistic cost table */
export function peftTimeline(graph: Graph, tails: Float64Array): Timeline {
  const timeline = new Timeline(graph)
  for (const i of byRank(meanTails(graph, tails))) {
    putFirst(timeline, graph, i, (j) => tails[i * graph.m + j] as number)
  }
  return timeline
}

/**
 * By task: the mean over its devices. It need not fall along the graph; where it does not, a task ranks with the
 * highest of those that wait for it, as it must come before them.
 */
function meanTails({ n, m, run, after, to }: Graph, tails: Float64Array): Float64Array {
  const rank = new Float64Array(n)
  for (let i = n - 1; i >= 0; i--) {
    let [sum, devices] = [0, 0]
    for (let at = i * m; at < (i + 1) * m; at++) {
      if (run[at] === Number.POSITIVE_INFINITY) continue
      sum += tails[at] as number
      devices++
    }
    rank[i] = sum / devices
    for (let e = after[i] as number; e < (after[i + 1] as number); e++) {
      rank[i] = Math.max(rank[i] as number, rank[to[e] as number] as number)
    }
  }
  return rank
}
