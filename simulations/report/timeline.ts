/**
 * What disturbed the run, on one axis of time: failovers on a lane of their own, faults on as many lanes as they
 * overlap, up to a limit; what finds no free lane then is drawn over others, and stands in the table all the same.
 */
import { BANDS_DRAWN_MAX, bandPlace, PLOT_WIDTH, timeMarks, xAxis } from './chart.ts'
import { formatCount } from './figures.ts'
import type { Band } from './model.ts'
import { timeScale } from './scale.ts'

const LANE_HEIGHT = 12
const BAR_HEIGHT = 8
/** Between the failovers and the faults. */
const LANE_GAP = 8
const FAULT_LANES_MAX = 8
const TIME_TICKS = 10

/** A lane for each band: the first that is free at its start, else the one that is free soonest. */
export function lanesOf(bands: readonly Band[], lanesMax: number): number[] {
  const freeAtMs: number[] = []
  const order = bands.map((_, n) => n).sort((a, b) => (bands[a]?.fromMs ?? 0) - (bands[b]?.fromMs ?? 0))
  const lanes = bands.map(() => 0)
  for (const n of order) {
    const { fromMs, toMs } = bands[n] as Band
    const free = freeAtMs.findIndex((ms) => ms <= fromMs)
    const lane =
      free !== -1
        ? free
        : freeAtMs.length < lanesMax
          ? freeAtMs.length
          : freeAtMs.indexOf(Math.min(...freeAtMs))
    lanes[n] = lane
    freeAtMs[lane] = Math.max(freeAtMs[lane] ?? 0, toMs)
  }
  return lanes
}

/** A `<figure>` of all bands; empty when there are none. */
export function timelineFigure(all: readonly Band[], endMs: number): string {
  if (all.length === 0) return ''
  const time = timeScale(endMs, TIME_TICKS)
  const drawn = all.slice(0, BANDS_DRAWN_MAX)
  const failovers = drawn.filter((band) => band.kind === 'failover')
  const faults = drawn.filter((band) => band.kind === 'fault')
  const lanes = lanesOf(faults, FAULT_LANES_MAX)
  const faultLanes = Math.max(1, ...lanes.map((lane) => lane + 1))
  const faultsTop = LANE_HEIGHT + LANE_GAP
  const height = faultsTop + faultLanes * LANE_HEIGHT
  const bar = (band: Band, top: number): string => {
    const [left, width] = bandPlace(band, time)
    return `<rect class="bar ${band.kind}" x="${left}" y="${top + (LANE_HEIGHT - BAR_HEIGHT) / 2}" width="${width}" height="${BAR_HEIGHT}"/>`
  }
  const bars = [
    ...failovers.map((band) => bar(band, 0)),
    ...faults.map((band, n) => bar(band, faultsTop + (lanes[n] as number) * LANE_HEIGHT)),
  ]
  const count = (kind: Band['kind']): string => formatCount(all.filter((band) => band.kind === kind).length)
  const about = `${count('failover')} failovers and ${count('fault')} faults over time; the table of disturbances lists them.`
  const middle = faultsTop + (faultLanes * LANE_HEIGHT) / 2
  return [
    '<figure class="chart timeline" id="chart-timeline"><figcaption>',
    '<h3 id="title-timeline">Disturbances</h3><p class="moment" hidden></p></figcaption>',
    `<ul class="legend"><li><i class="swatch failover"></i><span>failovers</span> <b>${count('failover')}</b></li>`,
    `<li><i class="swatch fault"></i><span>faults</span> <b>${count('fault')}</b></li>`,
    '<li class="now" data-now hidden></li></ul>',
    '<div class="frame" tabindex="0" role="group" aria-labelledby="title-timeline" aria-describedby="keys">',
    `<svg class="y" height="${height}" aria-hidden="true"><text x="100%" y="${LANE_HEIGHT / 2}" dy="0.32em">failover</text>`,
    `<text x="100%" y="${middle}" dy="0.32em">fault</text></svg>`,
    `<svg class="plot" viewBox="0 0 ${PLOT_WIDTH} ${height}" height="${height}" preserveAspectRatio="none" role="img" aria-labelledby="title-timeline about-timeline">`,
    `<desc id="about-timeline">${about}</desc>${timeMarks(time, height)}${bars.join('')}`,
    `<path class="base" d="M0 ${height}H${PLOT_WIDTH}"/><path class="cursor"/></svg>`,
    `${xAxis(time)}</div></figure>`,
  ].join('')
}
