/**
 * A problem in arrays of numbers, with items and devices by index. Search looks at it millions of times, and records
 * by name would cost most of that.
 */
import { amount, type Objective, PRIORITY_DEFAULT, type Problem } from './problem.ts'

export class Dense {
  readonly problem: Problem
  readonly objective: Objective
  /** How many items. */
  readonly n: number
  /** How many devices. */
  readonly m: number
  /** Names of the resources that any item asks for. */
  readonly dimensions: readonly string[]
  /** How many of them. */
  readonly d: number
  /** By item and dimension. */
  readonly demand: Float64Array
  /** By device and dimension. */
  readonly free: Float64Array
  readonly capacity: Float64Array
  /** By item, in ms. */
  readonly duration: Float64Array
  /** By device: how many items are there already, and how long it is busy with them, in ms. */
  readonly held: Int32Array
  readonly busy: Float64Array
  /** Items share a device's room at the same time. */
  readonly sideBySide: boolean
  /** By item: what leaving it out costs. */
  readonly weight: Float64Array
  /** By dimension: the most that a device has free, at least 1. Divided by it, dimensions can be compared. */
  readonly scale: Float64Array
  /** By item: the greatest share of a largest device that it asks for. */
  readonly size: Float64Array
  /** By device: devices of one kind can stand for each other. Kinds are numbered from 0. */
  readonly kind: Int32Array
  /** By kind: the first device of it. */
  readonly first: readonly number[]
  readonly #eligible: readonly (ReadonlySet<number> | undefined)[]

  /** @param problem one without a `fault` */
  constructor(problem: Problem) {
    const { items, devices, objective } = problem
    this.problem = problem
    this.objective = objective
    this.n = items.length
    this.m = devices.length
    const names = new Set(items.flatMap((item) => Object.keys(item.demand)))
    this.dimensions = [...names].sort()
    const d = this.dimensions.length
    this.d = d
    const matrix = (rows: number, cell: (row: number, name: string) => number): Float64Array =>
      Float64Array.from({ length: rows * d }, (_, at) =>
        cell(Math.floor(at / d), this.dimensions[at % d] as string),
      )
    this.demand = matrix(this.n, (i, name) => amount(items[i]?.demand ?? {}, name))
    this.free = matrix(this.m, (j, name) => amount(devices[j]?.free ?? {}, name))
    this.capacity = matrix(this.m, (j, name) => amount(devices[j]?.capacity ?? devices[j]?.free ?? {}, name))
    this.duration = Float64Array.from(items, (item) => item.durationMs ?? 0)
    this.held = Int32Array.from(devices, (device) => device.held ?? 0)
    this.busy = Float64Array.from(devices, (device) => device.busyMs ?? 0)
    this.sideBySide = objective !== 'makespan' || problem.sideBySide === true
    this.weight = Float64Array.from(items, (item) => 1 + (item.priority ?? PRIORITY_DEFAULT))
    this.scale = new Float64Array(d).fill(1)
    for (let at = 0; at < this.free.length; at++) {
      this.scale[at % d] = Math.max(this.scale[at % d] as number, this.free[at] as number)
    }
    this.size = Float64Array.from(items, (_, i) => {
      let most = 0
      for (let k = 0; k < d; k++) most = Math.max(most, this.need(i, k) / (this.scale[k] as number))
      return most
    })
    const index = new Map(devices.map((device, j) => [device.id, j]))
    this.#eligible = items.map(({ eligible }) =>
      eligible === undefined ? undefined : new Set(eligible.map((id) => index.get(id) as number)),
    )
    this.kind = this.#kinds()
    const first: number[] = []
    this.kind.forEach((kind, j) => {
      if (kind === first.length) first.push(j)
    })
    this.first = first
  }

  /** What item `i` asks for in dimension `k`. */
  need(i: number, k: number): number {
    return this.demand[i * this.d + k] as number
  }

  /** How long item `i` keeps device `j` busy, in ms. */
  work(i: number, j: number): number {
    const duration = this.duration[i] as number
    if (!this.sideBySide) return duration
    let share = 0
    for (let k = 0; k < this.d; k++) {
      const whole = this.capacity[j * this.d + k] as number
      if (whole > 0) share = Math.max(share, this.need(i, k) / whole)
    }
    return duration * share
  }

  /** True when item `i` may go to device `j`, room or not. */
  allows(i: number, j: number): boolean {
    return this.#eligible[i]?.has(j) ?? true
  }

  /** True when item `i` may go to device `j` and would fit if nothing else did. */
  admits(i: number, j: number): boolean {
    if (!this.allows(i, j)) return false
    for (let k = 0; k < this.d; k++) if (this.need(i, k) > (this.free[j * this.d + k] as number)) return false
    return true
  }

  /** True when some device would take item `i` if nothing else were there. */
  placeable(i: number): boolean {
    return this.first.some((j) => this.admits(i, j))
  }

  #kinds(): Int32Array {
    const { d } = this
    const sets = new Map<string, ReadonlySet<number>>()
    for (const set of this.#eligible) if (set !== undefined) sets.set([...set].sort().join(), set)
    const picky = [...sets.values()]
    const numbers = new Map<string, number>()
    return Int32Array.from({ length: this.m }, (_, j) => {
      const own = [this.free, this.capacity].map((matrix) => matrix.subarray(j * d, (j + 1) * d).join())
      const key = `${own.join(';')};${this.held[j]};${this.busy[j]};${picky.map((set) => (set.has(j) ? 1 : 0)).join('')}`
      const known = numbers.get(key) ?? numbers.size
      numbers.set(key, known)
      return known
    })
  }
}
