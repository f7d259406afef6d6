/** What a planner of workflows is asked and what it answers. All of them share this one form. */
import type { Random } from '../../../shared/random/random.ts'
import type { GraphProblem } from './problem.ts'

export const PLANNERS = ['heft', 'peft', 'iterated', 'exact'] as const
export type PlannerName = (typeof PLANNERS)[number]

/** A planner reads what it has a use for and ignores the rest. */
export interface GraphOptions {
  /** The only source of chance; the same seed gives the same answer. */
  readonly random: Random
  /** `iterated`: how often it may put a task somewhere else; default `EVALUATIONS_MAX`. */
  readonly evaluationsMax?: number
  /** `exact`: partial schedules that it may look at before it refuses; default `STATES_MAX`. */
  readonly statesMax?: number
}

/** When and where one task runs. Seconds count from the beginning of the schedule. */
export interface Step {
  readonly task: string
  readonly device: string
  readonly start: number
  readonly end: number
}

export interface Schedule {
  readonly ok: true
  readonly planner: PlannerName
  /** One for each task, in the order of the problem's tasks. */
  readonly steps: readonly Step[]
  /** When the last task ends, in seconds. */
  readonly makespan: number
  /** No schedule is shorter than this, in seconds. */
  readonly bound: number
  /** It is proven that no schedule is shorter by more than rounding. */
  readonly optimal: boolean
  /** What was spent: how often a task was put somewhere, or partial schedules looked at. */
  readonly evaluations: number
}

export interface GraphRefusal {
  readonly ok: false
  readonly planner: PlannerName
  /** `problem`: it cannot be read. `states`: it is too large for the bound on partial schedules. */
  readonly refused: 'problem' | 'states'
  /** What is wrong, where, and what would be right. */
  readonly reason: string
}

/** A pure function: the answer depends on the problem, the options and the seed of `random` alone. */
export type Planner = (problem: GraphProblem, options: GraphOptions) => Schedule | GraphRefusal
