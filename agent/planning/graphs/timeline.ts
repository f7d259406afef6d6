/** What runs on each device when, with the gaps between, into which a task may still go. */
import type { Graph } from './graph.ts'

export class Timeline {
  /** By task: -1 for none. */
  readonly device: Int32Array
  readonly start: Float64Array
  readonly #graph: Graph
  /** By device, in order of time: starts and ends. */
  readonly #starts: number[][]
  readonly #ends: number[][]

  constructor(graph: Graph) {
    this.#graph = graph
    this.device = new Int32Array(graph.n).fill(-1)
    this.start = new Float64Array(graph.n)
    this.#starts = Array.from({ length: graph.m }, () => [])
    this.#ends = Array.from({ length: graph.m }, () => [])
  }

  /** When task `i` has on device `j` what all that it waits for hands on; they are placed. */
  ready(i: number, j: number): number {
    const { m, before, from, sizeIn, run } = this.#graph
    let ready = 0
    for (let e = before[i] as number; e < (before[i + 1] as number); e++) {
      const p = from[e] as number
      const at = this.device[p] as number
      const end = (this.start[p] as number) + (run[p * m + at] as number)
      ready = Math.max(ready, end + this.#graph.transfer(sizeIn[e] as number, at, j))
    }
    return ready
  }

  /** The start of the first gap on device `j` that holds so many seconds, from `ready` on. */
  gap(j: number, ready: number, seconds: number): number {
    const starts = this.#starts[j] as number[]
    const ends = this.#ends[j] as number[]
    let at = this.#place(ends, ready)
    let begins = Math.max(ready, at > 0 ? (ends[at - 1] as number) : 0)
    for (; at < starts.length; at++) {
      if (begins + seconds <= (starts[at] as number)) break
      begins = Math.max(begins, ends[at] as number)
    }
    return begins
  }

  /** Puts task `i` there, into a gap that holds it. */
  put(i: number, j: number, start: number): void {
    const end = start + (this.#graph.run[i * this.#graph.m + j] as number)
    this.device[i] = j
    this.start[i] = start
    const starts = this.#starts[j] as number[]
    const ends = this.#ends[j] as number[]
    let at = this.#place(ends, start)
    // What takes no time may stand where another begins, and comes before it.
    while (at < starts.length && (starts[at] as number) < start) at++
    starts.splice(at, 0, start)
    ends.splice(at, 0, end)
  }

  /** When the last task ends. */
  get makespan(): number {
    return this.#ends.reduce((latest, ends) => Math.max(latest, ends.at(-1) ?? 0), 0)
  }

  /** How many of the ends are not after `time`. */
  #place(ends: readonly number[], time: number): number {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] as number) <= time) low = middle + 1
      else high = middle
    }
    return low
  }
}
