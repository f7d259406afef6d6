/** All planners of workflows by name. docs/placement.md says when to choose which. */
import { exact } from './exact.ts'
import { heft } from './heft.ts'
import { iterated } from './iterated.ts'
import { peft } from './peft.ts'
import type { GraphProblem } from './problem.ts'
import type { GraphOptions, GraphRefusal, Planner, PlannerName, Schedule } from './schedule.ts'

const BY_NAME: Readonly<Record<PlannerName, Planner>> = { heft, peft, iterated, exact }

/** Plans by a planner. What cannot be planned is refused, with the reason; nothing is thrown. */
export function planGraphBy(
  name: PlannerName,
  problem: GraphProblem,
  options: GraphOptions,
): Schedule | GraphRefusal {
  return BY_NAME[name](problem, options)
}
