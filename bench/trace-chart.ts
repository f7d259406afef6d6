/** The policies on the GPU trace as a chart: one bar a policy and workload. */
import { barChart } from './bar-chart.ts'
import type { Published } from './gpu-published.ts'
import { OURS, type TraceRow } from './gpu-trace.ts'

/** Shares of all GPUs between which the bars differ; a chart from 0 would show none of it. */
const FROM = 75
const TO = 100

/** What was measured here where there is that, else what was published. */
const figureOf = ({ found, published }: TraceRow): Published | undefined => found ?? published
const allocated = (row: TraceRow): number => figureOf(row)?.at130 ?? 0

/** @returns the chart of what was allocated at 130 % of demand; the best policy of each workload first */
export function traceChart(rows: readonly TraceRow[]): string {
  const about = `GPUs allocated at 130 % of demand, in percent of all (the axis begins at ${FROM} %)`
  const workloads = [...new Set(rows.map((row) => row.workload))]
  const panels = workloads.map((workload) => ({
    title: `workload ${workload}`,
    ...{ from: FROM, to: TO, unit: ' %' },
    bars: rows
      .filter((row) => row.workload === workload && figureOf(row) !== undefined)
      .sort((a, b) => allocated(b) - allocated(a))
      .map((row) => ({
        name: `${row.policy} (${row.found === undefined ? 'published' : 'measured'})`,
        value: allocated(row),
        label: allocated(row).toFixed(2),
        ours: row.policy === OURS,
      })),
  }))
  return barChart(about, panels)
}
