/**
 * Placement: how fast the scheduler decides, or how good strategies are on data: on bin packing sets of which the least
 * number of bins is known, on a trace of GPU nodes, and on workflows.
 */
import type { PlanOptions, StrategyName } from '../agent/planning/plan.ts'
import { planBy } from '../agent/planning/strategies.ts'
import { Random } from '../shared/random/random.ts'
import { type AuctionRow, runAuctions } from './auctions.ts'
import { asProblem, readBinPackings, SETS, type SetName } from './bin-packing.ts'
import { type DecisionsRow, runDecisions } from './decisions.ts'
import { metTraceTarget, runTrace, type TraceRow } from './gpu-trace.ts'
import { type GraphResult, metGraphTargets, runGraphs } from './graphs.ts'
import { runStrategies, type StrategyRow } from './strategies.ts'

export interface PackingRow {
  readonly set: SetName
  readonly strategy: StrategyName
  readonly instances: number
  /** Plans of as few devices as can be. */
  optimal: number
  /** Of those, how many the strategy itself proved so. */
  proven: number
  /** Plans of one device more. */
  oneOver: number
  worse: number
  refused: number
  /** Of CPU, of all instances together: other work on the machine does not count. */
  seconds: number
  /** Of the one that took longest. */
  secondsMax: number
  evaluations: number
}

export interface PlacementResult {
  /** Empty when there are data. */
  readonly decisions: readonly DecisionsRow[]
  /** Empty when there are data. */
  readonly auctions: readonly AuctionRow[]
  readonly strategies: readonly StrategyRow[]
  /** Empty without the sets. */
  readonly packing: readonly PackingRow[]
  /** Empty without the trace. */
  readonly trace: readonly TraceRow[]
  readonly graphs: GraphResult | undefined
}

/** Where the data are; none are part of the project. */
export interface PlacementData {
  /** Of the bin packing sets. */
  readonly sets: string | undefined
  /** Of the GPU trace. */
  readonly trace: string | undefined
  /** Of workflows, any number of folders. */
  readonly graphs: readonly string[] | undefined
}

/** Sets that are small enough for an optimum in seconds. */
const SMALL_SETS: readonly SetName[] = ['u120', 't60']

/**
 * True when `dp` and `genetic` found an optimum on all of the small sets, and what they found elsewhere is at most
 * one over, the placement of shares of GPUs is not behind what was published, and workflows met what is asked of them.
 */
export function metTarget({ packing, trace, graphs }: PlacementResult): boolean {
  if (graphs !== undefined && !metGraphTargets(graphs)) return false
  const packed = packing
    .filter(({ strategy }) => strategy === 'dp' || strategy === 'genetic')
    .every((row) => row.worse === 0 && (!SMALL_SETS.includes(row.set) || row.optimal === row.instances))
  return packed && metTraceTarget(trace)
}

const RUNS: readonly { readonly strategy: StrategyName; readonly options: Omit<PlanOptions, 'random'> }[] = [
  { strategy: 'greedy', options: { score: 'best-fit' } },
  { strategy: 'heuristic', options: {} },
  { strategy: 'dp', options: {} },
  { strategy: 'genetic', options: {} },
]

/** Of each set, when it should be quick. */
const QUICK_INSTANCES = 2
const SECOND_US = 1_000_000

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / SECOND_US
}

/** Runs every strategy on every instance; `tell` hears of each row. @throws when a plan is below what is possible */
function runPacking(
  folder: string,
  seed: string,
  quick: boolean,
  tell: (line: string) => void,
): PackingRow[] {
  const all = readBinPackings(folder)
  const packing: PackingRow[] = []
  for (const set of SETS) {
    const ofSet = all.filter((instance) => instance.set === set).slice(0, quick ? QUICK_INSTANCES : undefined)
    for (const { strategy, options } of RUNS) {
      const row: PackingRow = {
        ...{ set, strategy, instances: ofSet.length },
        ...{ optimal: 0, proven: 0, oneOver: 0, worse: 0, refused: 0 },
        ...{ seconds: 0, secondsMax: 0, evaluations: 0 },
      }
      for (const instance of ofSet) {
        const problem = asProblem(instance)
        const random = new Random(`${seed}/${instance.name}`)
        const begun = cpuSeconds()
        const answer = planBy(strategy, problem, { ...options, random })
        const seconds = cpuSeconds() - begun
        row.seconds += seconds
        row.secondsMax = Math.max(row.secondsMax, seconds)
        if (!answer.ok) {
          row.refused++
          continue
        }
        const over = answer.value - instance.optimum
        if (over < 0 || answer.unplaced.length > 0) {
          throw new Error(
            `${instance.name}, ${strategy}: ${answer.value} devices and ${answer.unplaced.length} unplaced; ` +
              `${instance.optimum} devices are proven the least`,
          )
        }
        row.evaluations += answer.evaluations
        if (over === 0) row.optimal++
        else if (over === 1) row.oneOver++
        else row.worse++
        if (over === 0 && answer.optimal) row.proven++
      }
      packing.push(row)
      tell(`${set} ${strategy}: ${row.optimal} of ${row.instances} optimal, ${row.seconds.toFixed(1)} s`)
    }
  }
  return packing
}

/** Runs what there are data for, or else measures decisions; `tell` hears of each row. @throws when data are missing in a folder that is named */
export function runPlacement(
  data: PlacementData,
  seed: string,
  quick: boolean,
  tell: (line: string) => void,
): PlacementResult {
  const bare = (data.sets ?? data.trace ?? data.graphs) === undefined
  return {
    decisions: bare ? runDecisions(seed, quick, tell) : [],
    auctions: bare ? runAuctions(seed, quick, tell) : [],
    strategies: bare ? runStrategies(seed, quick, tell) : [],
    packing: data.sets === undefined ? [] : runPacking(data.sets, seed, quick, tell),
    trace: data.trace === undefined ? [] : runTrace(data.trace, seed, quick, tell),
    graphs: data.graphs === undefined ? undefined : runGraphs(data.graphs, seed, quick, tell),
  }
}
