/** What a strategy is asked and what it answers. All strategies share this one form. */
import type { Random } from '../../shared/random/random.ts'
import type { Problem } from './problem.ts'

export const STRATEGIES = ['greedy', 'dp', 'heuristic', 'genetic'] as const
export type StrategyName = (typeof STRATEGIES)[number]

/** Rules by which `greedy` chooses among devices with room. */
export const GREEDY_SCORES = ['most-free', 'best-fit', 'dot-product'] as const
export type GreedyScore = (typeof GREEDY_SCORES)[number]

/** A strategy reads what it has a use for and ignores the rest. */
export interface PlanOptions {
  /** The only source of chance; the same seed gives the same answer. */
  readonly random: Random
  /** `greedy`: how it chooses; default `most-free`. */
  readonly score?: GreedyScore
  /** `dp`: states that it may look at before it refuses; default `STATES_MAX`. */
  readonly statesMax?: number
  /** `genetic`: plans that it may build and judge, those of `heuristic` in any case; default `EVALUATIONS_MAX`. */
  readonly evaluationsMax?: number
  /** `genetic`: item → device of a placement that stands and fits; it begins with that, too, and is never worse. */
  readonly present?: ReadonlyMap<string, string>
}

/**
 * Why an item has no device: `too-large` for all that may take it even with nothing else there, or `no-room` left.
 */
export type UnplacedReason = 'too-large' | 'no-room'

export interface Unplaced {
  readonly item: string
  readonly reason: UnplacedReason
}

export interface Plan {
  readonly ok: true
  readonly strategy: StrategyName
  /** Item → device, in the order of the problem's items. */
  readonly placed: ReadonlyMap<string, string>
  readonly unplaced: readonly Unplaced[]
  /** What is left out: 1 plus the priority for each item without a device. Less is better, before `value`. */
  readonly loss: number
  /** By the problem's objective; less is better. */
  readonly value: number
  /** No plan of the same loss has a lower value than this. */
  readonly bound: number
  /** It is proven that no plan is better. */
  readonly optimal: boolean
  /** What was spent: plans built and judged, or states looked at. */
  readonly evaluations: number
}

export interface Refusal {
  readonly ok: false
  readonly strategy: StrategyName
  /** `problem`: it cannot be read. `states`: it is too large for the bound on states. */
  readonly refused: 'problem' | 'states'
  /** What is wrong, where, and what would be right. */
  readonly reason: string
}

/** A pure function: the answer depends on the problem, the options and the seed of `random` alone. */
export type Strategy = (problem: Problem, options: PlanOptions) => Plan | Refusal
