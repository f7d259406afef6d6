/** What no schedule is shorter than, found by looking instead of searching. */
import type { Graph } from './graph.ts'
import { leastHeads, leastTails } from './least.ts'
import { priced, pricesOf } from './prices.ts'

/** Beginnings of a stretch that are looked at; for each of them every end. */
const BEGINNINGS_MAX = 300

export const boundOf = (graph: Graph): number =>
  lowerBound(graph, leastHeads(graph), leastTails(graph), pricesOf(graph))

/**
 * The longest way through a task; and for each stretch of time the work that cannot begin before it or go on after it,
 * shared out without a gap at the devices' prices.
 *
 * @param heads the least that comes before, by task and device
 * @param tails the least that follows
 * @param prices of a second of each device, 1 together
 */
export function lowerBound(
  graph: Graph,
  heads: Float64Array,
  tails: Float64Array,
  prices: Float64Array,
): number {
  const { n, m, run } = graph
  const way = new Float64Array(n * m)
  for (let at = 0; at < way.length; at++) way[at] = heads[at]! + run[at]! + tails[at]!
  let bound = Math.max(0, ...leasts(graph, way))
  const before = leasts(graph, heads)
  const behind = leasts(graph, tails)
  const work = priced(graph, prices)
  const longestFirst = behind.map((_, i) => i).sort((a, b) => behind[b]! - behind[a]!)
  const beginnings = [...new Set(before)].sort((a, b) => a - b)
  const each = Math.ceil(beginnings.length / BEGINNINGS_MAX)
  for (let at = 0; at < beginnings.length; at += each) {
    const begin = beginnings[at] as number
    let sum = 0
    for (const i of longestFirst) {
      if (before[i]! < begin) continue
      sum += work[i] as number
      bound = Math.max(bound, begin + sum + behind[i]!)
    }
  }
  return bound
}

/** By task: the least over all devices. */
function leasts({ n, m }: Graph, table: Float64Array): number[] {
  return Array.from({ length: n }, (_, i) => {
    let least = Number.POSITIVE_INFINITY
    for (let at = i * m; at < (i + 1) * m; at++) least = Math.min(least, table[at] as number)
    return least
  })
}
