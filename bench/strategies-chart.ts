/** Strategies side by side as a chart. */
import { barChart, type Panel } from './bar-chart.ts'
import type { StrategyRow } from './strategies.ts'

export function strategiesChart(rows: readonly StrategyRow[]): string {
  const panel = (title: string, from: number, unit: string, of: (row: StrategyRow) => number): Panel => {
    const most = Math.max(...rows.map(of))
    return {
      ...{ title, from, to: Math.ceil(most / 10) * 10, unit },
      bars: rows.map((row) => ({
        ...{ name: nameOf(row), value: of(row), label: of(row).toFixed(1) },
        ours: row.strategy === 'greedy' && row.objective === 'peak',
      })),
    }
  }
  return barChart(
    'Strategies on the same tasks and fleets; what the mesh does unless told otherwise stands out',
    [
      panel(
        'reserved at 130 % of demand: mean of cpu and memory',
        0,
        ' %',
        (row) => 50 * (row.cpu + row.memory),
      ),
      panel('fullest device at 30 % of demand', 0, ' %', (row) => 100 * row.peak),
      panel('devices in use at 30 % of demand, of 40', 0, '', (row) => row.used),
    ],
  )
}

const nameOf = ({ strategy, objective }: StrategyRow): string => `${strategy}, ${objective}`
