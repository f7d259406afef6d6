/**
 * Schedules that are made in one pass: HEFT, PEFT, all on one device, and between those HEFT that also asks what
 * follows and what a device's time is worth to others. No way suits every graph; a pass costs what HEFT costs.
 */
import type { Graph } from './graph.ts'
import { byRank, heftTimeline, putFirst, upwardRanks } from './heft.ts'
import { peftTimeline } from './peft.ts'
import { makespanOf, type Timed } from './solution.ts'
import { Timeline } from './timeline.ts'

/** How much the price of a task's seconds counts beside its end. */
const WEIGHTS = [0, 1, 2, 4, 8, 16, 32]

/**
 * The shortest of them.
 *
 * @param tails the least that follows, by task and device
 * @param prices of a second of each device
 */
export function bestConstructed(graph: Graph, tails: Float64Array, prices: Float64Array): Timed {
  const timelines = [heftTimeline(graph), peftTimeline(graph, tails), ...together(graph)]
  const order = byRank(upwardRanks(graph))
  for (const weight of WEIGHTS) {
    const timeline = new Timeline(graph)
    for (const i of order) {
      putFirst(timeline, graph, i, (j) => {
        const at = i * graph.m + j
        return weight * prices[j]! * graph.run[at]! + tails[at]!
      })
    }
    timelines.push(timeline)
  }
  return timelines.reduce((best, next) => (makespanOf(graph, next) < makespanOf(graph, best) ? next : best))
}

/** All on one device, for each that may take all: nothing is handed on then. */
function together(graph: Graph): Timeline[] {
  const timelines: Timeline[] = []
  for (let j = 0; j < graph.m; j++) {
    const timeline = new Timeline(graph)
    let end = 0
    for (let i = 0; i < graph.n; i++) {
      timeline.put(i, j, end)
      end += graph.run[i * graph.m + j] as number
    }
    if (Number.isFinite(end)) timelines.push(timeline)
  }
  return timelines
}
