/**
 * The least times there can be: what a task has before and behind it when no device is ever taken. The way behind it
 * with all transfers is the optimistic cost table of PEFT (Arabnejad and Barbosa 2014), but with the task itself on
 * the device where it is.
 */
import type { Graph } from './graph.ts'

/** By task and device: seconds from its end to the end of all that follows, at the least. */
export function leastTails(graph: Graph): Float64Array {
  const { n, m, after, to, sizeOut, run } = graph
  const tails = new Float64Array(n * m)
  for (let i = n - 1; i >= 0; i--) {
    for (let e = after[i] as number; e < (after[i + 1] as number); e++) {
      const next = (to[e] as number) * m
      for (let a = 0; a < m; a++) {
        let least = Number.POSITIVE_INFINITY
        for (let b = 0; b < m; b++) {
          const behind = (run[next + b] as number) + (tails[next + b] as number)
          least = Math.min(least, graph.transfer(sizeOut[e] as number, a, b) + behind)
        }
        tails[i * m + a] = Math.max(tails[i * m + a] as number, least)
      }
    }
  }
  return tails
}

/** By task and device: seconds before it can begin, at the least. */
export function leastHeads(graph: Graph): Float64Array {
  const { n, m, before, from, sizeIn, run } = graph
  const heads = new Float64Array(n * m)
  for (let i = 0; i < n; i++) {
    for (let e = before[i] as number; e < (before[i + 1] as number); e++) {
      const last = (from[e] as number) * m
      for (let b = 0; b < m; b++) {
        let least = Number.POSITIVE_INFINITY
        for (let a = 0; a < m; a++) {
          const end = (heads[last + a] as number) + (run[last + a] as number)
          least = Math.min(least, end + graph.transfer(sizeIn[e] as number, a, b))
        }
        heads[i * m + b] = Math.max(heads[i * m + b] as number, least)
      }
    }
  }
  return heads
}
