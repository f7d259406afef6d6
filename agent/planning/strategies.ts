/** All strategies by name: one form of question, one form of answer. docs/placement.md says when to choose which. */
import { dp } from './dp.ts'
import { genetic } from './genetic.ts'
import { greedy } from './greedy.ts'
import { heuristic } from './heuristic.ts'
import type { Plan, PlanOptions, Refusal, Strategy, StrategyName } from './plan.ts'
import type { Problem } from './problem.ts'

const BY_NAME: Readonly<Record<StrategyName, Strategy>> = { greedy, dp, heuristic, genetic }

/** Plans by a strategy. What cannot be planned is refused, with the reason; nothing is thrown. */
export function planBy(name: StrategyName, problem: Problem, options: PlanOptions): Plan | Refusal {
  return BY_NAME[name](problem, options)
}
