/**
 * A problem as planners compute with it: numbers instead of names. Tasks are numbered so that each comes after all that
 * it waits for, and what differs by device stands in tables.
 */
import type { GraphProblem } from './problem.ts'
import type { Step } from './schedule.ts'

export class Graph {
  readonly problem: GraphProblem
  /** Tasks. */
  readonly n: number
  /** Devices. */
  readonly m: number
  /** By task: its place in the problem. */
  readonly source: Int32Array
  /** The dependencies of task `i` on others are numbered from `before[i]` to below `before[i + 1]`. */
  readonly before: Int32Array
  /** By such a dependency: the task that is waited for. */
  readonly from: Int32Array
  readonly sizeIn: Float64Array
  /** The same, looked at from the task that is waited for. */
  readonly after: Int32Array
  readonly to: Int32Array
  readonly sizeOut: Float64Array
  /** By task and device: seconds; infinite where it may not run. */
  readonly run: Float64Array
  /** By task: the shortest of them. */
  readonly runMin: Float64Array
  /** From device to device: seconds before anything arrives, and for each unit of size. */
  readonly latency: Float64Array
  readonly perUnit: Float64Array

  /** @param problem one without a fault */
  constructor(problem: GraphProblem) {
    this.problem = problem
    this.n = problem.tasks.length
    this.m = problem.devices.length
    const number = new Map(problem.tasks.map(({ id }, at) => [id, at]))
    const pairs = problem.dependencies.map(({ from, to, size }) => ({
      from: number.get(from) as number,
      to: number.get(to) as number,
      size,
    }))
    this.source = sorted(this.n, pairs)
    const place = new Int32Array(this.n)
    this.source.forEach((at, i) => {
      place[at] = i
    })
    const renumbered = pairs.map(({ from, to, size }) => ({
      from: place[from] as number,
      to: place[to] as number,
      size,
    }))
    const into = listed(this.n, renumbered, 'to', 'from')
    this.before = into.begin
    this.from = into.other
    this.sizeIn = into.size
    const out = listed(this.n, renumbered, 'from', 'to')
    this.after = out.begin
    this.to = out.other
    this.sizeOut = out.size
    this.run = this.#runs()
    this.runMin = new Float64Array(this.n)
    for (let i = 0; i < this.n; i++) {
      this.runMin[i] = Math.min(...this.run.subarray(i * this.m, (i + 1) * this.m))
    }
    this.latency = new Float64Array(this.m * this.m)
    this.perUnit = new Float64Array(this.m * this.m)
    this.#link()
  }

  /** Seconds until what has this size is on device `b`. */
  transfer(size: number, a: number, b: number): number {
    const at = a * this.m + b
    return (this.latency[at] as number) + size * (this.perUnit[at] as number)
  }

  /** The schedule in the words of the problem, from device and start of each task. */
  steps(device: Int32Array, start: Float64Array): Step[] {
    const { tasks, devices } = this.problem
    const steps = new Array<Step>(this.n)
    for (let i = 0; i < this.n; i++) {
      const at = this.source[i] as number
      const j = device[i] as number
      const begins = start[i] as number
      steps[at] = {
        task: tasks[at]?.id as string,
        device: devices[j]?.id as string,
        start: begins,
        end: begins + (this.run[i * this.m + j] as number),
      }
    }
    return steps
  }

  #runs(): Float64Array {
    const { tasks, devices } = this.problem
    const run = new Float64Array(this.n * this.m)
    for (let i = 0; i < this.n; i++) {
      const { cost = 0, seconds, eligible } = tasks[this.source[i] as number] ?? {}
      const may = eligible === undefined ? undefined : new Set(eligible)
      for (const [j, { id, speed }] of devices.entries()) {
        const takes = seconds?.[id] ?? cost / speed
        run[i * this.m + j] = may?.has(id) === false ? Number.POSITIVE_INFINITY : takes
      }
    }
    return run
  }

  #link(): void {
    const { devices, links } = this.problem
    const number = new Map(devices.map(({ id }, at) => [id, at]))
    const ways = links.map((link) => ({
      ...{ a: number.get(link.from) as number, b: number.get(link.to) as number },
      ...{ latency: link.latencySeconds ?? 0, perUnit: 1 / link.bandwidth },
    }))
    const set = (a: number, b: number, latency: number, perUnit: number): void => {
      this.latency[a * this.m + b] = latency
      this.perUnit[a * this.m + b] = perUnit
    }
    // The way back first, so that a link of its own takes its place.
    for (const { a, b, latency, perUnit } of ways) set(b, a, latency, perUnit)
    for (const { a, b, latency, perUnit } of ways) set(a, b, latency, perUnit)
  }
}

interface Pair {
  readonly from: number
  readonly to: number
  readonly size: number
}

/** Tasks in an order in which none comes before what it waits for (Kahn 1962). */
function sorted(n: number, pairs: readonly Pair[]): Int32Array {
  const { begin, other } = listed(n, pairs, 'from', 'to')
  const waits = new Int32Array(n)
  for (const { to } of pairs) waits[to]!++
  const order = new Int32Array(n)
  let known = 0
  for (let i = 0; i < n; i++) if (waits[i] === 0) order[known++] = i
  for (let at = 0; at < known; at++) {
    const task = order[at] as number
    for (let e = begin[task] as number; e < (begin[task + 1] as number); e++) {
      const next = other[e] as number
      if (--waits[next]! === 0) order[known++] = next
    }
  }
  return order
}

/** Pairs grouped by one of their ends. */
function listed(n: number, pairs: readonly Pair[], by: 'from' | 'to', to: 'from' | 'to') {
  const begin = new Int32Array(n + 1)
  for (const pair of pairs) begin[pair[by] + 1]!++
  for (let i = 0; i < n; i++) begin[i + 1]! += begin[i] as number
  const next = begin.slice()
  const other = new Int32Array(pairs.length)
  const size = new Float64Array(pairs.length)
  for (const pair of pairs) {
    const e = next[pair[by]]!++
    other[e] = pair[to]
    size[e] = pair.size
  }
  return { begin, other, size }
}
