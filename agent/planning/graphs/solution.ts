/** Turns where and when tasks run into the answer to who asked. */
import type { Graph } from './graph.ts'
import type { PlannerName, Schedule } from './schedule.ts'

/** Where and when: by task its device and its start. */
export interface Timed {
  readonly device: Int32Array
  readonly start: Float64Array
}

/** What makes a schedule shorter and not merely rounded otherwise, as a share of it. */
export const ROUNDING = 1e-9

/**
 * @param bound no schedule is shorter
 * @param evaluations what was spent on it
 */
export function answer(
  planner: PlannerName,
  graph: Graph,
  timed: Timed,
  bound: number,
  evaluations: number,
): Schedule {
  const makespan = makespanOf(graph, timed)
  return {
    ok: true,
    planner,
    steps: graph.steps(timed.device, timed.start),
    makespan,
    bound: Math.min(bound, makespan),
    optimal: makespan <= bound * (1 + ROUNDING),
    evaluations,
  }
}

/** When the last task ends. */
export function makespanOf({ n, m, run }: Graph, { device, start }: Timed): number {
  let makespan = 0
  for (let i = 0; i < n; i++) {
    makespan = Math.max(makespan, (start[i] as number) + (run[i * m + (device[i] as number)] as number))
  }
  return makespan
}
