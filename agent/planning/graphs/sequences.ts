/**
 * A schedule as what comes after what on each device; the times follow. From the longest ways to a task and from it to
 * the end it is known exactly how long the schedule becomes when one task is taken out and put anywhere else, without
 * building that schedule (as in the job shop: Dell'Amico and Trubian 1993; Mastrolilli and Gambardella 2000). Only times
 * that change are computed anew.
 *
 * A task that is taken out floats: it still stands between what it waits for and what waits for it, but is on no
 * device, takes the least time it could, and has everything at once.
 */
import type { Graph } from './graph.ts'
import type { Timed } from './solution.ts'

const NONE = -1
/** Where a task stands to the one that is looked at, whatever happens. */
const BEFORE = 1
const AFTER = 2

export class Sequences {
  readonly graph: Graph
  /** By task: -1 while it floats. */
  readonly device: Int32Array
  /** By task: seconds before it begins, on the longest way. */
  readonly head: Float64Array
  /** By task: seconds from its end to the end of all, on the longest way. */
  readonly tail: Float64Array
  /** How often a task was put somewhere. */
  puts = 0
  /** By task: seconds that it takes where it is. */
  readonly #run: Float64Array
  /** By task: who is before and behind it on its device; by device after that: who is last and first. */
  readonly #left: Int32Array
  readonly #right: Int32Array
  /** All tasks, none before what it waits for or follows on its device; and by task its place there. */
  readonly #order: Int32Array
  readonly #place: Int32Array
  readonly #side: Uint8Array
  readonly #isStale: Uint8Array
  readonly #moved: Int32Array
  /** By task and device: the least that comes before and that follows. */
  readonly #heads: Float64Array
  readonly #tails: Float64Array

  /** @param timed where and when all tasks run; gaps are closed */
  constructor(graph: Graph, timed: Timed, heads: Float64Array, tails: Float64Array) {
    const { n, m } = graph
    this.graph = graph
    this.device = timed.device.slice()
    this.head = new Float64Array(n)
    this.tail = new Float64Array(n)
    this.#run = this.head.map((_, i) => graph.run[i * m + (this.device[i] as number)] as number)
    this.#left = new Int32Array(n + m)
    this.#right = new Int32Array(n + m)
    for (let j = 0; j < m; j++) this.#left[n + j] = this.#right[n + j] = n + j
    const end = (i: number): number => (timed.start[i] as number) + (this.#run[i] as number)
    this.#order = Int32Array.from(
      [...this.device.keys()].sort(
        (a, b) => (timed.start[a] as number) - (timed.start[b] as number) || end(a) - end(b) || a - b,
      ),
    )
    this.#place = new Int32Array(n)
    this.#order.forEach((i, at) => {
      this.#place[i] = at
      this.#link(i, this.#left[n + (this.device[i] as number)] as number)
    })
    this.#side = new Uint8Array(n)
    this.#isStale = new Uint8Array(n).fill(1)
    this.#moved = new Int32Array(n)
    this.#heads = heads
    this.#tails = tails
    this.#measureHeads(0)
    this.#isStale.fill(1)
    this.#measureTails(n - 1)
  }

  /** When the last task ends. None may float. */
  get makespan(): number {
    const { n, m } = this.graph
    let makespan = 0
    for (let j = 0; j < m; j++) {
      const last = this.#left[n + j] as number
      if (last < n) makespan = Math.max(makespan, (this.head[last] as number) + (this.#run[last] as number))
    }
    return makespan
  }

  get timed(): Timed {
    return { device: this.device, start: this.head }
  }

  /** Takes tasks off their devices; what changes is computed once for all of them. */
  take(tasks: readonly number[]): void {
    let [first, last] = [this.graph.n, NONE]
    for (const i of tasks) {
      const left = this.#left[i] as number
      const right = this.#right[i] as number
      this.#right[left] = right
      this.#left[right] = left
      this.device[i] = NONE
      this.#run[i] = this.graph.runMin[i] as number
      this.#staleBehind(i, right)
      first = Math.min(first, this.#place[i] as number)
      last = Math.max(last, this.#place[i] as number)
    }
    this.#measureHeads(first)
    // What was before a task then is still the end of the way to it: nothing else has come there.
    for (const i of tasks) this.#staleBefore(i, this.#left[i] as number)
    this.#measureTails(last)
  }

  /**
   * Puts a task that floats where the longest way through it and what `more` says of a device come to least.
   *
   * @param pick of equally good places, whether to take the next one
   */
  put(i: number, more: (j: number) => number, pick: () => boolean): void {
    const { n, m, run } = this.graph
    this.puts++
    this.#mark(i)
    let [device, after, least] = [NONE, NONE, Number.POSITIVE_INFINITY]
    for (let j = 0; j < m; j++) {
      const seconds = run[i * m + j] as number
      if (seconds === Number.POSITIVE_INFINITY) continue
      const arrival = this.#arrival(i, j)
      const behind = this.#behind(i, j)
      const extra = seconds + more(j)
      let right = n + j
      let left = this.#left[right] as number
      while (left < n && this.#side[left] === AFTER) [left, right] = [this.#left[left] as number, left]
      // From the end to the front: what is behind only grows.
      for (;;) {
        const rest = right < n ? Math.max(behind, this.#run[right]! + this.tail[right]!) : behind
        if (arrival + extra + rest > least) break
        const begins = left < n ? Math.max(arrival, this.head[left]! + this.#run[left]!) : arrival
        const length = begins + extra + rest
        if (length < least || (length === least && pick())) [device, after, least] = [j, left, length]
        if (left >= n || this.#side[left] === BEFORE) break
        ;[left, right] = [this.#left[left] as number, left]
      }
    }
    this.device[i] = device
    this.#run[i] = run[i * m + device] as number
    this.#link(i, after)
    const [first, last] = this.#reorder(i)
    const [left, right] = [this.#left[i] as number, this.#right[i] as number]
    this.#staleBehind(i, right)
    this.#measureHeads(first)
    this.#staleBefore(i, left)
    this.#measureTails(last)
  }

  /** Tasks on a longest way: any later, and everything would be. */
  critical(): number[] {
    const tasks: number[] = []
    const least = this.makespan * (1 - 1e-12)
    for (let i = 0; i < this.graph.n; i++) {
      if (this.head[i]! + this.#run[i]! + this.tail[i]! >= least) tasks.push(i)
    }
    return tasks
  }

  /** The tasks next to `i` on its device. */
  beside(i: number): number[] {
    return [this.#left[i] as number, this.#right[i] as number].filter((each) => each < this.graph.n)
  }

  /** Becomes what another one is, of the same graph. */
  copy(other: Sequences): void {
    this.device.set(other.device)
    this.head.set(other.head)
    this.tail.set(other.tail)
    this.#run.set(other.#run)
    this.#left.set(other.#left)
    this.#right.set(other.#right)
    this.#order.set(other.#order)
    this.#place.set(other.#place)
  }

  #link(i: number, left: number): void {
    const right = this.#right[left] as number
    this.#right[left] = this.#left[right] = i
    this.#left[i] = left
    this.#right[i] = right
  }

  /** Task `i` ends at another time, or hands on to another place: so much for what waits for it and follows it. */
  #staleBehind(i: number, right: number): void {
    const { n, after, to } = this.graph
    this.#isStale[i] = 1
    if (right < n) this.#isStale[right] = 1
    for (let e = after[i] as number; e < after[i + 1]!; e++) this.#isStale[to[e] as number] = 1
  }

  #staleBefore(i: number, left: number): void {
    const { n, before, from } = this.graph
    this.#isStale[i] = 1
    if (left < n) this.#isStale[left] = 1
    for (let e = before[i] as number; e < before[i + 1]!; e++) this.#isStale[from[e] as number] = 1
  }

  /** Computes anew what is stale from this place in the order on, and what follows from that. */
  #measureHeads(first: number): void {
    const { n, after, to } = this.graph
    const { head, device } = this
    const stale = this.#isStale
    for (let at = first; at < n; at++) {
      const i = this.#order[at] as number
      if (stale[i] === 0) continue
      stale[i] = 0
      const left = this.#left[i] as number
      const j = device[i] as number
      let begins = j === NONE ? this.#floatingArrival(i) : this.#arrival(i, j)
      if (j !== NONE && left < n) begins = Math.max(begins, head[left]! + this.#run[left]!)
      if (begins === head[i]) continue
      head[i] = begins
      for (let e = after[i] as number; e < after[i + 1]!; e++) stale[to[e] as number] = 1
      const right = this.#right[i] as number
      if (j !== NONE && right < n) stale[right] = 1
    }
  }

  #measureTails(last: number): void {
    const { n, before, from } = this.graph
    const { tail, device } = this
    const stale = this.#isStale
    for (let at = last; at >= 0; at--) {
      const i = this.#order[at] as number
      if (stale[i] === 0) continue
      stale[i] = 0
      const right = this.#right[i] as number
      const j = device[i] as number
      let rest = j === NONE ? this.#floatingBehind(i) : this.#behind(i, j)
      if (j !== NONE && right < n) rest = Math.max(rest, this.#run[right]! + tail[right]!)
      if (rest === tail[i]) continue
      tail[i] = rest
      for (let e = before[i] as number; e < before[i + 1]!; e++) stale[from[e] as number] = 1
      const left = this.#left[i] as number
      if (j !== NONE && left < n) stale[left] = 1
    }
  }

  /** When task `i` would have on device `j` all that it waits for. */
  #arrival(i: number, j: number): number {
    const { m, before, from, sizeIn, latency, perUnit } = this.graph
    let arrival = this.#heads[i * m + j] as number
    for (let e = before[i] as number; e < before[i + 1]!; e++) {
      const p = from[e] as number
      const there = this.device[p] as number
      let end = this.head[p]! + this.#run[p]!
      if (there !== NONE) end += latency[there * m + j]! + sizeIn[e]! * perUnit[there * m + j]!
      if (end > arrival) arrival = end
    }
    return arrival
  }

  #floatingArrival(i: number): number {
    const { before, from } = this.graph
    let arrival = 0
    for (let e = before[i] as number; e < before[i + 1]!; e++) {
      const p = from[e] as number
      arrival = Math.max(arrival, this.head[p]! + this.#run[p]!)
    }
    return arrival
  }

  /** How long it would go on after task `i` had ended on device `j`. */
  #behind(i: number, j: number): number {
    const { m, after, to, sizeOut, latency, perUnit } = this.graph
    let behind = this.#tails[i * m + j] as number
    for (let e = after[i] as number; e < after[i + 1]!; e++) {
      const s = to[e] as number
      const there = this.device[s] as number
      let rest = this.#run[s]! + this.tail[s]!
      if (there !== NONE) rest += latency[j * m + there]! + sizeOut[e]! * perUnit[j * m + there]!
      if (rest > behind) behind = rest
    }
    return behind
  }

  #floatingBehind(i: number): number {
    const { after, to } = this.graph
    let behind = 0
    for (let e = after[i] as number; e < after[i + 1]!; e++) {
      const s = to[e] as number
      behind = Math.max(behind, this.#run[s]! + this.tail[s]!)
    }
    return behind
  }

  /** Marks all that comes before or after a task that floats, wherever that is put. */
  #mark(i: number): void {
    const { n, before, from, after, to } = this.graph
    const side = this.#side.fill(0)
    side[i] = AFTER
    for (let at = this.#place[i] as number; at < n; at++) {
      const x = this.#order[at] as number
      if (side[x] !== AFTER) continue
      for (let e = after[x] as number; e < after[x + 1]!; e++) side[to[e] as number] = AFTER
      if (this.device[x] !== NONE && this.#right[x]! < n) side[this.#right[x] as number] = AFTER
    }
    side[i] = BEFORE
    for (let at = this.#place[i] as number; at >= 0; at--) {
      const x = this.#order[at] as number
      if (side[x] !== BEFORE) continue
      for (let e = before[x] as number; e < before[x + 1]!; e++) side[from[e] as number] = BEFORE
      if (this.device[x] !== NONE && this.#left[x]! < n) side[this.#left[x] as number] = BEFORE
    }
  }

  /**
   * Puts the order right after task `i` has got a place on a device: what must come before it stays before it, what
   * must come after it after it.
   *
   * @returns the part of the order that may have changed
   */
  #reorder(i: number): readonly [number, number] {
    const { n } = this.graph
    const [left, right] = [this.#left[i] as number, this.#right[i] as number]
    const at = this.#place[i] as number
    const first = right < n ? Math.min(at, this.#place[right] as number) : at
    const last = left < n ? Math.max(at, this.#place[left] as number) : at
    const isBehind =
      first < at ? (x: number) => this.#side[x] !== BEFORE : (x: number) => this.#side[x] === AFTER
    let place = first
    let moved = 0
    for (let from = first; from <= last; from++) {
      const x = this.#order[from] as number
      if (x !== i && isBehind(x)) this.#moved[moved++] = x
      else if (x !== i) place = this.#set(x, place)
    }
    place = this.#set(i, place)
    for (let k = 0; k < moved; k++) place = this.#set(this.#moved[k] as number, place)
    return [first, last]
  }

  #set(i: number, place: number): number {
    this.#order[place] = i
    this.#place[i] = place
    return place + 1
  }
}
