/**
 * HEFT, the reference for unlike devices: tasks in the order of their upward rank, which is the longest way to the end
 * by mean times, each on the device where it ends first, in a gap if one holds it. Topcuoglu, Hariri and Wu,
 * "Performance-effective and low-complexity task scheduling for heterogeneous computing" (2002).
 */
import { boundOf } from './bounds.ts'
import { Graph } from './graph.ts'
import { faultOfGraph } from './problem.ts'
import type { Planner } from './schedule.ts'
import { answer } from './solution.ts'
import { Timeline } from './timeline.ts'

export const heft: Planner = (problem) => {
  const wrong = faultOfGraph(problem)
  if (wrong !== undefined) return { ok: false, planner: 'heft', refused: 'problem', reason: wrong }
  const graph = new Graph(problem)
  return answer('heft', graph, heftTimeline(graph), boundOf(graph), graph.n)
}

export function heftTimeline(graph: Graph): Timeline {
  const timeline = new Timeline(graph)
  for (const i of byRank(upwardRanks(graph))) putFirst(timeline, graph, i, () => 0)
  return timeline
}

/**
 * Places task `i` where its end and what `more` says of a device come to least, on the first of equal devices.
 */
export function putFirst(timeline: Timeline, graph: Graph, i: number, more: (j: number) => number): void {
  let [device, start, least] = [-1, 0, Number.POSITIVE_INFINITY]
  for (let j = 0; j < graph.m; j++) {
    const seconds = graph.run[i * graph.m + j] as number
    if (seconds === Number.POSITIVE_INFINITY) continue
    const begins = timeline.gap(j, timeline.ready(i, j), seconds)
    const score = begins + seconds + more(j)
    if (score < least) [device, start, least] = [j, begins, score]
  }
  timeline.put(i, device, start)
}

/** Tasks, the highest rank first, of equals what comes first in the graph. */
export function byRank(rank: Float64Array): number[] {
  return [...rank.keys()].sort((a, b) => (rank[b] as number) - (rank[a] as number) || a - b)
}

/** Equation 6 of the paper: a task's mean time, and the longest of what follows it with the mean transfer. */
export function upwardRanks(graph: Graph): Float64Array {
  const { n, after, to, sizeOut } = graph
  const transfer = meanTransfer(graph)
  const rank = new Float64Array(n)
  for (let i = n - 1; i >= 0; i--) {
    let longest = 0
    for (let e = after[i] as number; e < (after[i + 1] as number); e++) {
      longest = Math.max(longest, transfer(sizeOut[e] as number) + (rank[to[e] as number] as number))
    }
    rank[i] = meanRun(graph, i) + longest
  }
  return rank
}

/** Over the devices that may take it. */
function meanRun({ m, run }: Graph, i: number): number {
  const seconds = [...run.subarray(i * m, (i + 1) * m)].filter(Number.isFinite)
  return seconds.reduce((sum, each) => sum + each, 0) / seconds.length
}

/** Equation 2 of the paper: the mean latency of all links, and the size by their mean bandwidth. */
function meanTransfer({ m, latency, perUnit }: Graph): (size: number) => number {
  const links = m * (m - 1)
  if (links === 0) return () => 0
  const mean = latency.reduce((sum, each) => sum + each, 0) / links
  const bandwidth = perUnit.reduce((sum, each) => sum + (each > 0 ? 1 / each : 0), 0) / links
  return (size) => mean + size / bandwidth
}
