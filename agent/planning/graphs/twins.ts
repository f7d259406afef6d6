/** Devices that differ in nothing but their name: what is planned for one could as well be planned for the other. */
import type { Graph } from './graph.ts'

/** By device: the first that is its like, which may be itself. */
export function twins(graph: Graph): Int32Array {
  const first = new Int32Array(graph.m)
  for (let j = 0; j < graph.m; j++) {
    let other = 0
    while (other < j && !areAlike(graph, other, j)) other++
    first[j] = other
  }
  return first
}

function areAlike({ n, m, run, latency, perUnit, problem }: Graph, a: number, b: number): boolean {
  if (problem.devices[a]?.speed !== problem.devices[b]?.speed) return false
  for (let i = 0; i < n; i++) if (run[i * m + a] !== run[i * m + b]) return false
  const same = (from: number, to: number, otherFrom: number, otherTo: number): boolean =>
    latency[from * m + to] === latency[otherFrom * m + otherTo] &&
    perUnit[from * m + to] === perUnit[otherFrom * m + otherTo]
  if (!same(a, b, b, a)) return false
  for (let c = 0; c < m; c++) {
    if (c !== a && c !== b && !(same(a, c, b, c) && same(c, a, c, b))) return false
  }
  return true
}
