/** What the benchmark of workflows found, as text for people. */
import type { FleetDevice } from './edge-fleet.ts'
import { GRAPH_SETS, type GraphSet } from './graph-sets.ts'
import { type GraphResult, type GraphRow, gainOf, meanRatio } from './graphs.ts'
import { table } from './table.ts'

const NAME_MAX = 23
const DIGITS = 5
/** What rounding to the baseline's digits may make of a makespan, as a share. */
const SAME = 1e-5

/** Tables of at most 80 columns, and what they come to. */
export function describeGraphs({ fleets, rows }: GraphResult): string {
  const parts = GRAPH_SETS.flatMap((set) => {
    const ofSet = rows.filter((row) => row.set === set)
    if (ofSet.length === 0) return []
    return [rowsOf(set, ofSet), meansOf(ofSet), ...(set === 'dagbench' ? baselineOf(ofSet) : [])]
  })
  const isRecorded = rows.some(({ set }) => set !== 'dagbench')
  return [...(isRecorded ? [tableOf(fleets)] : []), ...parts].join('\n')
}

function rowsOf(set: GraphSet, rows: readonly GraphRow[]): string {
  const exact = set === 'dagbench'
  const head = [set, 'tasks', 'HEFT', 'ours', 'ratio', 'optimum', 'cpu s', ...(exact ? ['exact s'] : [])]
  return table(
    head,
    rows.map((row) => [
      // On which machine a workflow was recorded does not matter here.
      row.name.replace(/-(?:chameleon|dirt02)/, '').slice(0, NAME_MAX),
      String(row.tasks),
      row.heft.toPrecision(DIGITS),
      row.ours.toPrecision(DIGITS),
      (row.ours / row.heft).toFixed(3),
      `${row.proven ? '' : '>='}${row.bound.toPrecision(DIGITS)}`,
      row.seconds.toFixed(1),
      ...(exact ? [row.exactSeconds.toFixed(1)] : []),
    ]),
  )
}

/** Where HEFT is longer or shorter here than in the file beside the graphs. */
function baselineOf(rows: readonly GraphRow[]): string[] {
  const known = rows.filter(({ baseline }) => baseline !== undefined)
  if (known.length === 0) return []
  const others = known.filter(({ heft, baseline = 0 }) => Math.abs(heft - baseline) > SAME * baseline)
  return [
    `HEFT is as in heft_baseline.csv on ${known.length - others.length} of ${known.length}`,
    ...others.map(({ name, heft, baseline = 0 }) => {
      return `  ${name}: ${heft.toPrecision(DIGITS)}, there ${baseline.toPrecision(DIGITS)}`
    }),
  ]
}

function tableOf(fleets: readonly (readonly FleetDevice[])[]): string {
  const rows = (fleets[0] ?? []).map(({ id, speed, memoryMib }, at) => [
    ...[id, String(speed), String(memoryMib)],
    ...fleets.map((fleet) => `${fleet[at]?.mbitPerSecond}, ${fleet[at]?.latencyMs}`),
  ])
  return table(['device', 'speed', 'MiB', ...fleets.map(() => 'Mbit/s, ms')], rows)
}

function meansOf(rows: readonly GraphRow[]): string {
  const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
  return (
    `mean makespan ${percent(gainOf(rows, 'ours'))} below HEFT's ` +
    `(${percent(gainOf(rows, 'bound'))} at the most), mean ratio ${meanRatio(rows).toFixed(3)}`
  )
}
