/**
 * Exact by branch and bound, for small graphs: a schedule that is proven to be the shortest, or a refusal.
 *
 * Some shortest schedule comes of placing tasks one after another, in the order of their starts, each on a device as
 * soon as it is free and has everything: take the one with the least sum of starts. So only such orders are tried, and
 * each schedule has one. A partial schedule is given up when the longest way that it leaves, or the work that is left
 * on devices that are free so much later, makes it no shorter than the best that is known. Devices that differ in
 * nothing and have nothing on them stand for each other.
 *
 * It starts from what `iterated` finds in a small part of its budget.
 */
import type { Random } from '../../../shared/random/random.ts'
import { Graph } from './graph.ts'
import { improved } from './iterated.ts'
import { leastTails } from './least.ts'
import { priced, pricesOf } from './prices.ts'
import { faultOfGraph } from './problem.ts'
import type { Planner } from './schedule.ts'
import { answer, makespanOf, ROUNDING, type Timed } from './solution.ts'
import { twins } from './twins.ts'

/** Partial schedules that it may look at. */
export const STATES_MAX = 2_000_000
/** The search goes as deep as there are tasks. */
const DEPTH_MAX = 1_000
/** How often a task is put back for a schedule to begin with. */
const PUTS = 2_000

export const exact: Planner = (problem, { random, statesMax = STATES_MAX }) => {
  const wrong = faultOfGraph(problem)
  if (wrong !== undefined) return { ok: false, planner: 'exact', refused: 'problem', reason: wrong }
  const graph = new Graph(problem)
  const found = shortest(graph, random, statesMax)
  if (found.timed === undefined)
    return { ok: false, planner: 'exact', refused: 'states', reason: found.reason }
  return answer('exact', graph, found.timed, makespanOf(graph, found.timed), found.states)
}

type Found =
  | { readonly timed: Timed; readonly states: number }
  | { readonly timed: undefined; readonly reason: string }

function shortest(graph: Graph, random: Random, statesMax: number): Found {
  const tails = leastTails(graph)
  const known = improved(graph, random, PUTS)
  const makespan = makespanOf(graph, known.timed)
  if (makespan <= known.bound * (1 + ROUNDING)) return { timed: known.timed, states: 0 }
  if (graph.n > DEPTH_MAX) {
    return { timed: undefined, reason: `tasks: ${graph.n}, at most ${DEPTH_MAX}; plan with iterated` }
  }
  const search = new Search(graph, tails, known.timed, makespan, statesMax)
  search.run()
  return search.states > statesMax
    ? {
        timed: undefined,
        reason: `more than ${statesMax} partial schedules; allow more, or plan with iterated`,
      }
    : { timed: search.best, states: search.states }
}

class Search {
  states = 0
  best: Timed
  readonly #graph: Graph
  readonly #tails: Float64Array
  readonly #statesMax: number
  /** No schedule is looked for that is longer than this. */
  #goal: number
  readonly #prices: Float64Array
  readonly #work: Float64Array
  readonly #twins: Int32Array
  #workLeft: number
  #placed = 0
  /** By task. */
  readonly #device: Int32Array
  readonly #start: Float64Array
  readonly #waits: Int32Array
  /** By device: when it is free, and how many tasks it has. */
  readonly #free: Float64Array
  readonly #count: Int32Array
  /** Start, end and number of the task that was placed last: the next one comes after it by these. */
  #last: readonly [number, number, number] = [0, 0, -1]
  /** Tasks whose predecessors are all placed. */
  readonly #ready: number[] = []

  constructor(graph: Graph, tails: Float64Array, known: Timed, makespan: number, statesMax: number) {
    const { n, m, before } = graph
    this.#graph = graph
    this.#tails = tails
    this.#statesMax = statesMax
    this.best = { device: known.device.slice(), start: known.start.slice() }
    this.#goal = makespan * (1 - ROUNDING / 2)
    this.#prices = pricesOf(graph)
    this.#work = priced(graph, this.#prices)
    this.#twins = twins(graph)
    this.#workLeft = this.#work.reduce((sum, each) => sum + each, 0)
    this.#device = new Int32Array(n).fill(-1)
    this.#start = new Float64Array(n)
    this.#waits = Int32Array.from({ length: n }, (_, i) => (before[i + 1] as number) - (before[i] as number))
    this.#free = new Float64Array(m)
    this.#count = new Int32Array(m)
    for (let i = 0; i < n; i++) if (this.#waits[i] === 0) this.#ready.push(i)
  }

  run(): void {
    if (++this.states > this.#statesMax) return
    const { n, m, run } = this.#graph
    if (this.#placed === n) {
      this.best = { device: this.#device.slice(), start: this.#start.slice() }
      this.#goal = makespanOf(this.#graph, this.best) * (1 - ROUNDING / 2)
      return
    }
    if (this.#isTooMuch()) return
    const children: Child[] = []
    for (const i of this.#ready) {
      let least = Number.POSITIVE_INFINITY
      for (let j = 0; j < m; j++) {
        if (run[i * m + j] === Number.POSITIVE_INFINITY || this.#hasTwin(j)) continue
        const start = this.#begin(i, j)
        const end = start + (run[i * m + j] as number)
        const length =
          Math.max(start, this.#last[0]) + (run[i * m + j] as number) + (this.#tails[i * m + j] as number)
        least = Math.min(least, length)
        if (length < this.#goal && this.#follows(start, end, i)) children.push({ i, j, start, end, length })
      }
      if (least >= this.#goal) return
    }
    children.sort((a, b) => a.length - b.length || a.start - b.start || a.i - b.i || a.j - b.j)
    for (const child of children) {
      if (child.length < this.#goal) this.#branch(child)
      if (this.states > this.#statesMax) return
    }
  }

  #branch({ i, j, start, end }: Child): void {
    const { after, to } = this.#graph
    const last = this.#last
    const free = this.#free[j] as number
    const workLeft = this.#workLeft
    const at = this.#ready.indexOf(i)
    this.#device[i] = j
    this.#start[i] = start
    this.#free[j] = end
    this.#count[j]!++
    this.#last = [start, end, i]
    this.#workLeft -= this.#work[i] as number
    this.#placed++
    const length = this.#ready.length
    this.#ready[at] = this.#ready[length - 1] as number
    this.#ready.length--
    for (let e = after[i] as number; e < (after[i + 1] as number); e++) {
      if (--this.#waits[to[e] as number]! === 0) this.#ready.push(to[e] as number)
    }
    this.run()
    for (let e = after[i] as number; e < (after[i + 1] as number); e++) this.#waits[to[e] as number]!++
    this.#ready.length = length
    this.#ready[length - 1] = this.#ready[at] as number
    this.#ready[at] = i
    this.#placed--
    this.#workLeft = workLeft
    this.#last = last
    this.#count[j]!--
    this.#free[j] = free
    this.#device[i] = -1
  }

  /** When task `i` can begin on device `j`. */
  #begin(i: number, j: number): number {
    const { m, before, from, sizeIn, run } = this.#graph
    let begin = this.#free[j] as number
    for (let e = before[i] as number; e < (before[i + 1] as number); e++) {
      const p = from[e] as number
      const at = this.#device[p] as number
      const end = (this.#start[p] as number) + (run[p * m + at] as number)
      begin = Math.max(begin, end + this.#graph.transfer(sizeIn[e] as number, at, j))
    }
    return begin
  }

  #follows(start: number, end: number, i: number): boolean {
    const [lastStart, lastEnd, last] = this.#last
    if (start !== lastStart) return start > lastStart
    return end === lastEnd ? i > last : end > lastEnd
  }

  /** The work that is left does not fit into what devices have until the goal. */
  #isTooMuch(): boolean {
    let room = 0
    for (const [j, price] of this.#prices.entries()) {
      room += price * Math.max(0, this.#goal - Math.max(this.#free[j] as number, this.#last[0]))
    }
    return this.#workLeft > room * (1 + ROUNDING)
  }

  /** Another device would do as well and comes first. */
  #hasTwin(j: number): boolean {
    if ((this.#count[j] as number) > 0) return false
    for (let other = this.#twins[j] as number; other < j; other++) {
      if (this.#twins[other] === this.#twins[j] && this.#count[other] === 0) return true
    }
    return false
  }
}

interface Child {
  readonly i: number
  readonly j: number
  readonly start: number
  readonly end: number
  /** The shortest that the schedule can become. */
  readonly length: number
}
