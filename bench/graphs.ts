/** The planners of workflows on graphs with a network of their own and on recorded ones over a fleet of unlike devices. */
import { breach } from '../agent/planning/graphs/breach.ts'
import { planGraphBy } from '../agent/planning/graphs/planners.ts'
import type { GraphRefusal, PlannerName, Schedule } from '../agent/planning/graphs/schedule.ts'
import { Random } from '../shared/random/random.ts'
import { edgeFleet, type FleetDevice } from './edge-fleet.ts'
import { type GraphSet, readBaseline, readWorkflows, type Workflow } from './graph-sets.ts'

/** Of a workflow; of a recorded one the means over fleets. */
export interface GraphRow {
  readonly set: GraphSet
  readonly name: string
  readonly tasks: number
  /** Makespans. */
  readonly heft: number
  readonly ours: number
  /** No schedule is shorter. */
  readonly bound: number
  /** The bound is reached by some schedule. */
  readonly proven: boolean
  /** Of CPU, that ours took, and `exact` on top. */
  readonly seconds: number
  readonly exactSeconds: number
  /** HEFT's makespan as somebody else computed it. */
  readonly baseline: number | undefined
}

export interface GraphResult {
  readonly quick: boolean
  readonly fleets: readonly (readonly FleetDevice[])[]
  readonly rows: readonly GraphRow[]
}

/** Where programs suit some devices more, the mean makespan of recorded workflows is to be lower than HEFT's by this. */
const GAIN_MIN = 0.05
const ROUNDING = 1e-9
/** How often links, and what programs suit which devices, are drawn: how much there is to gain hangs on that. */
const FLEETS = 4
/** Of each form, when it should be quick. */
const QUICK_INSTANCES = 4
const QUICK_EVALUATIONS = 2_000

/**
 * True when ours is nowhere longer than HEFT's, as short as can be wherever that is proven on graphs with a network of
 * their own, and, unless it was to be quick, shorter than HEFT's by enough in the mean of recorded ones.
 */
export function metGraphTargets({ rows, quick }: GraphResult): boolean {
  const recorded = rows.filter(({ set }) => set === 'wfinstances by program')
  return (
    rows.every(({ ours, heft }) => ours <= heft * (1 + ROUNDING)) &&
    rows
      .filter(({ set, proven }) => set === 'dagbench' && proven)
      .every(({ ours, bound }) => ours <= bound * (1 + ROUNDING)) &&
    (quick || recorded.length === 0 || gainOf(recorded, 'ours') >= GAIN_MIN)
  )
}

/** By how much the mean makespan is lower than HEFT's, or could be at the most, as a share. */
export function gainOf(rows: readonly GraphRow[], of: 'ours' | 'bound'): number {
  return 1 - sum(rows, (row) => row[of]) / sum(rows, ({ heft }) => heft)
}

/** The mean of ours divided by HEFT's: short workflows count as much as long ones. */
export function meanRatio(rows: readonly GraphRow[]): number {
  return sum(rows, ({ ours, heft }) => (heft === 0 ? 1 : ours / heft)) / rows.length
}

function sum<T>(rows: readonly T[], of: (row: T) => number): number {
  return rows.reduce((total, row) => total + of(row), 0)
}

/**
 * Runs HEFT and ours on every workflow, and `exact` on those with a network of their own. Where speed says all, one fleet
 * is enough: there is little to gain on any.
 *
 * @throws on a false schedule
 */
export function runGraphs(
  folders: readonly string[],
  seed: string,
  quick: boolean,
  tell: (line: string) => void,
): GraphResult {
  const seeds = Array.from({ length: quick ? 1 : FLEETS }, (_, at) => `${seed}/fleet-${at + 1}`)
  const fleets = seeds.map((each) => edgeFleet(new Random(each)))
  const rows = folders.flatMap((folder) => {
    const baseline = readBaseline(folder)
    return fleets.flatMap((fleet, at) => {
      const all = readWorkflows(folder, fleet, seeds[at] as string, quick ? QUICK_INSTANCES : undefined)
      const chosen = at === 0 ? all : all.filter(({ set }) => set === 'wfinstances by program')
      return chosen.map((workflow) => {
        const row = rowOf(workflow, seed, quick, baseline.get(workflow.name))
        tell(`${row.set} ${row.name}: HEFT ${row.heft.toPrecision(5)}, ours ${row.ours.toPrecision(5)}`)
        return row
      })
    })
  })
  return { quick, fleets, rows: overFleets(rows) }
}

/** One row for each workflow. */
function overFleets(rows: readonly GraphRow[]): GraphRow[] {
  const byName = new Map<string, GraphRow[]>()
  for (const row of rows) {
    const key = `${row.set} ${row.name}`
    byName.set(key, [...(byName.get(key) ?? []), row])
  }
  return [...byName.values()].map((same) => {
    const mean = (of: (row: GraphRow) => number): number => sum(same, of) / same.length
    return {
      ...(same[0] as GraphRow),
      ...{ heft: mean(({ heft }) => heft), ours: mean(({ ours }) => ours) },
      ...{ bound: mean(({ bound }) => bound), proven: same.every(({ proven }) => proven) },
      seconds: mean(({ seconds }) => seconds),
    }
  })
}

function rowOf(workflow: Workflow, seed: string, quick: boolean, baseline: number | undefined): GraphRow {
  const { set, name, problem } = workflow
  const options = quick ? { evaluationsMax: QUICK_EVALUATIONS } : {}
  const run = (planner: PlannerName) => timed(workflow, planner, `${seed}/${name}`, options)
  const heft = needed(name, run('heft').answer)
  const { answer, seconds } = run('iterated')
  const ours = needed(name, answer)
  const exact = set === 'dagbench' ? run('exact') : undefined
  const best = exact?.answer.ok ? exact.answer : ours
  return {
    ...{ set, name, tasks: problem.tasks.length, heft: heft.makespan, ours: ours.makespan },
    ...{ bound: best.bound, proven: best.optimal, seconds, exactSeconds: exact?.seconds ?? 0, baseline },
  }
}

function needed(name: string, answer: Schedule | GraphRefusal): Schedule {
  if (!answer.ok) throw new Error(`${name}, ${answer.planner}: ${answer.reason}`)
  return answer
}

const SECOND_US = 1_000_000

function timed(
  { name, problem }: Workflow,
  planner: PlannerName,
  seed: string,
  options: { readonly evaluationsMax?: number },
): { readonly answer: Schedule | GraphRefusal; readonly seconds: number } {
  const begun = process.cpuUsage()
  const answer = planGraphBy(planner, problem, { ...options, random: new Random(seed) })
  const { user, system } = process.cpuUsage(begun)
  const wrong = answer.ok ? breach(problem, answer.steps, answer.makespan) : undefined
  if (wrong !== undefined) throw new Error(`${name}, ${planner}: ${wrong}`)
  return { answer, seconds: (user + system) / SECOND_US }
}
