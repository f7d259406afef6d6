/**
 * A report small enough to travel inside a page: neighbouring samples are put together until there are few enough.
 * Events are added up, so that their totals stay right; of everything else the worst is kept, so that no bad moment
 * disappears.
 */
import type { Series, SimReport } from './model.ts'

export interface Thinned {
  readonly report: SimReport
  /** So many samples of the run are one sample here; 1 when nothing was put together. */
  readonly merged: number
}

/** The report with at most `samplesMax` samples. */
export function thin(report: SimReport, samplesMax: number): Thinned {
  const { series } = report
  const merged = Math.max(1, Math.ceil(series.atMs.length / samplesMax))
  return merged === 1
    ? { report, merged }
    : { report: { ...report, series: thinSeries(series, merged) }, merged }
}

function thinSeries(series: Series, merged: number): Series {
  const groups = <T, U>(values: readonly T[], of: (group: readonly T[]) => U): U[] =>
    Array.from({ length: Math.ceil(values.length / merged) }, (_, n) =>
      of(values.slice(n * merged, (n + 1) * merged)),
    )
  const sum = (values: readonly number[]): number[] =>
    groups(values, (group) => group.reduce((all, value) => all + value, 0))
  const most = (values: readonly number[]): number[] => groups(values, (group) => Math.max(...group))
  const slowest = (values: readonly (number | null)[]): (number | null)[] =>
    groups(values, (group) => {
      const measured = group.filter((value) => value !== null)
      return measured.length === 0 ? null : Math.max(...measured)
    })
  return {
    atMs: groups(series.atMs, (group) => group.at(-1) as number),
    devicesUp: groups(series.devicesUp, (group) => Math.min(...group)),
    load: most(series.load),
    queue: most(series.queue),
    running: most(series.running),
    placements: sum(series.placements),
    reroutes: sum(series.reroutes),
    ends: sum(series.ends),
    latencyP50Ms: slowest(series.latencyP50Ms),
    latencyP95Ms: slowest(series.latencyP95Ms),
    latencyP99Ms: slowest(series.latencyP99Ms),
  }
}
