/** Items on devices, put and taken one by one, and what the objective makes of it. */
import { InvariantError } from '../../shared/errors/errors.ts'
import type { Dense } from './dense.ts'
import type { Plan, StrategyName } from './plan.ts'

/** A placement's judgement: less is better, `loss` before `value`. */
export interface Score {
  readonly loss: number
  readonly value: number
}

export const isBetter = (a: Score, b: Score): boolean =>
  a.loss < b.loss || (a.loss === b.loss && a.value < b.value)

export class Placement {
  readonly dense: Dense
  /** By item: its device, -1 for none. */
  readonly at: Int32Array
  /** By device and dimension: what is still free. */
  readonly left: Float64Array
  /** By device: how many items, with those that were there before. */
  readonly count: Int32Array
  /** By device: how long it is busy, in ms. */
  readonly busy: Float64Array

  constructor(dense: Dense) {
    this.dense = dense
    this.at = new Int32Array(dense.n).fill(-1)
    this.left = dense.free.slice()
    this.count = dense.held.slice()
    this.busy = dense.busy.slice()
  }

  /** With items on the devices that are named; others, and what is named and is not there, are left out. */
  static of(dense: Dense, placed: ReadonlyMap<string, string>): Placement {
    const placement = new Placement(dense)
    const { items, devices } = dense.problem
    const index = new Map(devices.map(({ id }, j) => [id, j]))
    for (const [i, { id }] of items.entries()) {
      const j = index.get(placed.get(id) ?? '')
      if (j !== undefined) placement.put(i, j)
    }
    return placement
  }

  /** Another of the same content. */
  copy(): Placement {
    const copy = new Placement(this.dense)
    copy.at.set(this.at)
    copy.left.set(this.left)
    copy.count.set(this.count)
    copy.busy.set(this.busy)
    return copy
  }

  /** True when device `j` may take item `i` and has room for it. */
  takes(i: number, j: number): boolean {
    const { d, demand } = this.dense
    for (let k = 0; k < d; k++) {
      if ((demand[i * d + k] as number) > (this.left[j * d + k] as number)) return false
    }
    return this.dense.allows(i, j)
  }

  put(i: number, j: number): void {
    const held = this.at[i] as number
    if (held !== -1) throw new InvariantError(`item ${i} is put on device ${j} while it is on ${held}`)
    this.at[i] = j
    this.#add(i, j, 1)
  }

  /** Takes item `i` off its device. */
  take(i: number): void {
    const j = this.at[i] as number
    if (j === -1) throw new InvariantError(`item ${i} is taken off a device while it is on none`)
    this.at[i] = -1
    this.#add(i, j, -1)
  }

  #add(i: number, j: number, sign: 1 | -1): void {
    const { d, demand, objective, sideBySide } = this.dense
    // Items that take turns do not use up what is free.
    if (sideBySide) {
      for (let k = 0; k < d; k++) this.left[j * d + k]! -= sign * (demand[i * d + k] as number)
    }
    this.count[j]! += sign
    if (objective === 'makespan') this.busy[j]! += sign * this.dense.work(i, j)
  }

  /** The greatest share of a resource that is reserved on device `j`, 0 to 1. */
  share(j: number): number {
    const { d, capacity } = this.dense
    let most = 0
    for (let k = 0; k < d; k++) {
      const whole = capacity[j * d + k] as number
      if (whole > 0) most = Math.max(most, 1 - (this.left[j * d + k] as number) / whole)
    }
    return most
  }

  /** What device `j` adds to the objective: `value` is the greatest, or the sum, of all devices'. */
  cost(j: number): number {
    const count = this.count[j] as number
    switch (this.dense.objective) {
      case 'peak':
        return this.share(j)
      case 'packing':
        return count > 0 ? 1 : 0
      case 'spread':
        return count * count
      case 'makespan':
        return this.busy[j] as number
    }
  }

  score(): Score {
    let loss = 0
    for (let i = 0; i < this.dense.n; i++) if (this.at[i] === -1) loss += this.dense.weight[i] as number
    const worst = this.dense.objective === 'peak' || this.dense.objective === 'makespan'
    let value = 0
    for (let j = 0; j < this.dense.m; j++) {
      value = worst ? Math.max(value, this.cost(j)) : value + this.cost(j)
    }
    return { loss, value }
  }

  /**
   * As a plan.
   *
   * @param proof `bound`: no plan that places all that can be placed by itself is lower; `optimal`: it was proven by
   * other means that none is better
   */
  toPlan(
    strategy: StrategyName,
    evaluations: number,
    proof: { readonly bound: number; readonly optimal?: boolean },
  ): Plan {
    const { dense } = this
    const { items, devices } = dense.problem
    const { loss, value } = this.score()
    const placed = new Map<string, string>()
    const unplaced: Plan['unplaced'][number][] = []
    for (const [i, { id }] of items.entries()) {
      const device = devices[this.at[i] as number]
      if (device !== undefined) placed.set(id, device.id)
      else {
        unplaced.push({ item: id, reason: dense.placeable(i) ? 'no-room' : 'too-large' })
      }
    }
    // The bound is that of everything placed; with less placed a plan may be lower.
    const whole = unplaced.every(({ reason }) => reason === 'too-large')
    const optimal = proof.optimal === true || (whole && value <= proof.bound)
    return {
      ok: true,
      strategy,
      placed,
      unplaced,
      loss,
      value,
      bound: optimal ? value : whole ? proof.bound : 0,
      optimal,
      evaluations,
    }
  }
}
