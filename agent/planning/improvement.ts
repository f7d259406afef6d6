/**
 * Improvement of what stands: `genetic` plans it anew, which says how much there is to gain, and when that is enough the few
 * moves are chosen that gain most. Each can be made at once: there is room for it before anything has left, so that moves
 * need no order. A plan is no list of moves by itself: it may have the same groups on other devices.
 *
 * It comes to an end when nothing else changes, because every improvement lowers the objective by a least share of it.
 */
import { Dense } from './dense.ts'
import { genetic, grainOf } from './genetic.ts'
import { Placement, type Score } from './placement.ts'
import type { PlanOptions } from './plan.ts'
import type { Problem } from './problem.ts'

export interface Move {
  readonly item: string
  readonly from: string
  readonly to: string
}

/** Moves that make a placement better, and its value without and with them. */
export interface Improvement {
  readonly moves: readonly Move[]
  readonly before: number
  readonly after: number
}

export interface ImprovementOptions extends Pick<PlanOptions, 'random' | 'evaluationsMax'> {
  readonly movesMax: number
  /** The share of the value by which it must become less, above 0. */
  readonly leastGain: number
}

/** A move by index, and what the placement is worth with it and those before it. */
interface Step {
  readonly i: number
  readonly from: number
  readonly to: number
  readonly value: number
}

/**
 * Chooses moves that improve a placement.
 *
 * @param problem devices have free what they would have without any of the items
 * @param present where each item is, in a placement that fits
 * @returns at most `movesMax` moves, one to a device, none off a device that another goes to; `undefined` when none gain enough
 */
export function improvement(
  problem: Problem,
  present: ReadonlyMap<string, string>,
  { movesMax, leastGain, ...options }: ImprovementOptions,
): Improvement | undefined {
  const plan = genetic(problem, { ...options, present })
  if (!plan.ok) return undefined
  const dense = new Dense(problem)
  const standing = Placement.of(dense, present)
  const { value: before } = standing.score()
  const most = before * (1 - leastGain)
  if (before === 0 || plan.value > most) return undefined
  const steps = pruned(standing, chosen(standing, movesMax))
  const after = valueWith(standing, steps)
  if (steps.length === 0 || after > most) return undefined
  const { items, devices } = problem
  const moves = steps.map(({ i, from, to }) => ({
    item: items[i]?.id ?? '',
    from: devices[from]?.id ?? '',
    to: devices[to]?.id ?? '',
  }))
  return { moves, before, after }
}

/** One after another the move that gains most, up to the first after which the value is lowest. */
function chosen(standing: Placement, movesMax: number): Step[] {
  const { dense } = standing
  const placement = standing.copy()
  const room = standing.left.slice()
  const sources = new Set<number>()
  const targets = new Set<number>()
  const steps: Step[] = []
  let least = judged(placement)
  while (steps.length < movesMax) {
    let best: (Step & { readonly grain: number }) | undefined
    for (let i = 0; i < dense.n; i++) {
      const from = placement.at[i] as number
      if (from === -1 || targets.has(from)) continue
      for (let to = 0; to < dense.m; to++) {
        if (to === from || targets.has(to) || sources.has(to)) continue
        if (!dense.allows(i, to) || !hasRoom(dense, room, i, to)) continue
        shift(placement, i, to)
        const { value, grain } = judged(placement)
        shift(placement, i, from)
        const rival = best ?? least
        if (value < rival.value || (value === rival.value && grain < rival.grain))
          best = { i, from, to, value, grain }
      }
    }
    if (best === undefined) break
    steps.push(best)
    least = best
    shift(placement, best.i, best.to)
    sources.add(best.from)
    targets.add(best.to)
    for (let k = 0; k < dense.d; k++) room[best.to * dense.d + k]! -= dense.need(best.i, k)
  }
  const lowest = Math.min(...steps.map(({ value }) => value))
  return steps.slice(0, steps.findIndex(({ value }) => value === lowest) + 1)
}

/** Without those moves without which the value is as low. */
function pruned(standing: Placement, steps: readonly Step[]): Step[] {
  let kept = [...steps]
  const lowest = valueWith(standing, kept)
  for (const step of steps) {
    const others = kept.filter((one) => one !== step)
    if (valueWith(standing, others) <= lowest) kept = others
  }
  return kept
}

function valueWith(standing: Placement, steps: readonly Step[]): number {
  const placement = standing.copy()
  for (const { i, to } of steps) shift(placement, i, to)
  return placement.score().value
}

function judged(placement: Placement): Pick<Score, 'value'> & { readonly grain: number } {
  return { value: placement.score().value, grain: grainOf(placement) }
}

function shift(placement: Placement, i: number, to: number): void {
  placement.take(i)
  placement.put(i, to)
}

function hasRoom(dense: Dense, room: Float64Array, i: number, j: number): boolean {
  for (let k = 0; k < dense.d; k++) if (dense.need(i, k) > (room[j * dense.d + k] as number)) return false
  return true
}
