/** Which charts a report has, and what is said of each line as a whole. */
import { type Chart, formatValue, type Line } from './chart.ts'
import { formatMs, NOTHING } from './figures.ts'
import type { Series, SimReport } from './model.ts'
import type { Unit } from './scale.ts'

/** Keys of series with one value a sample. */
type Key = Exclude<keyof Series, 'atMs'>

/** Events a second in each sample; the first sample counts from the start of the run. */
export function perSecond(atMs: readonly number[], events: readonly number[]): (number | null)[] {
  return events.map((count, n) => {
    const overMs = (atMs[n] as number) - (n === 0 ? 0 : (atMs[n - 1] as number))
    return overMs > 0 ? (count * 1000) / overMs : null
  })
}

/** All charts, in the order in which they are looked at. */
export function chartsOf(report: SimReport): Chart[] {
  const { series } = report
  const line = (unit: Unit, key: Key, label: string, values = series[key]): Line => ({
    key,
    label,
    values,
    summary: unit === 'duration' ? `max ${formatMs(most(values))}` : peak(unit, values),
  })
  const rate = (key: 'placements' | 'reroutes' | 'ends'): Line =>
    line('rate', key, key, perSecond(series.atMs, series[key]))
  return [
    {
      id: 'devices',
      title: 'Devices up',
      about: `How many of the ${report.devices} devices were up.`,
      unit: 'count',
      steps: true,
      lines: [{ ...line('count', 'devicesUp', 'devices'), summary: `min ${least(series.devicesUp)}` }],
    },
    {
      id: 'load',
      title: 'Load',
      about: 'Share of the cpu of the fleet that was reserved.',
      unit: 'share',
      steps: true,
      lines: [line('share', 'load', 'cpu reserved')],
    },
    {
      id: 'tasks',
      title: 'Tasks in hand',
      about: 'Tasks that ran, and tasks that waited for a device.',
      unit: 'count',
      lines: [line('count', 'running', 'running'), line('count', 'queue', 'waiting')],
    },
    {
      id: 'events',
      title: 'Events per second',
      about: 'Placements, ends and reroutes of tasks in each second.',
      unit: 'rate',
      lines: [rate('placements'), rate('ends'), rate('reroutes')],
    },
    {
      id: 'latency',
      title: 'Latency from receipt to end',
      about: 'Percentiles of the tasks that ended in each sample; where none ended, there is a gap.',
      unit: 'duration',
      lines: [
        line('duration', 'latencyP50Ms', 'p50'),
        line('duration', 'latencyP95Ms', 'p95'),
        line('duration', 'latencyP99Ms', 'p99'),
      ],
    },
  ]
}

function most(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>(
    (max, value) => (value === null ? max : Math.max(max ?? value, value)),
    null,
  )
}

const least = (values: readonly number[]): string =>
  values.length === 0 ? NOTHING : String(values.reduce((min, value) => Math.min(min, value)))

const peak = (unit: Unit, values: readonly (number | null)[]): string =>
  `max ${formatValue(unit, most(values))}`
