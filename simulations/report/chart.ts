/**
 * Charts as inline SVG, drawn here so that a page needs nothing from elsewhere. The plot is stretched to the width
 * that the page gives it, and its strokes are not; the marks of the axes are text of its own size beside it, so that
 * a chart stays readable on a phone. Positions are rounded to a tenth, which nobody sees and which keeps pages small.
 */
import { downsample, type Point } from './downsample.ts'
import { escapeHtml } from './escape.ts'
import { formatCount, formatMoment, formatMs, formatRate, formatShare } from './figures.ts'
import type { Band } from './model.ts'
import { position, type Scale, scaleOf, timeScale, type Unit } from './scale.ts'

/** So many points of a line are drawn. */
export const POINTS_MAX = 1_500
/** So many bands are drawn behind a chart; more than that cannot be told apart. */
export const BANDS_DRAWN_MAX = 500
export const PLOT_WIDTH = 1_000
/** Of the lines; above them is room for the strip of faults, which would hide a line at the top. */
const LINES_HEIGHT = 150
const HEADROOM = 10
export const PLOT_HEIGHT = HEADROOM + LINES_HEIGHT
const STRIP_HEIGHT = 5
/** Narrower bands would not be seen. */
const BAND_WIDTH_MIN = 1.5
const TIME_TICKS = 6

export interface Line {
  /** The series of the report that the page's script reads values from. */
  readonly key: string
  readonly label: string
  readonly values: readonly (number | null)[]
  /** What is said of the line as a whole, like `max 12`. */
  readonly summary: string
}

export interface Chart {
  readonly id: string
  readonly title: string
  /** One sentence of what is drawn, for who does not see it. */
  readonly about: string
  readonly unit: Unit
  readonly lines: readonly Line[]
  /** Steps from sample to sample instead of slopes, and filled below. */
  readonly steps?: boolean
}

export interface TimeAxis {
  readonly atMs: readonly number[]
  readonly endMs: number
  readonly bands: readonly Band[]
}

const FORMATS: Readonly<Record<Unit, (value: number) => string>> = {
  count: formatCount,
  share: formatShare,
  rate: formatRate,
  duration: formatMs,
}

/** A value as its axis and read-out write it. */
export function formatValue(unit: Unit, value: number | null): string {
  return value === null ? formatMs(null) : FORMATS[unit](value)
}

/** A `<figure>` with its title, legend, plot and axes. */
export function chartFigure(chart: Chart, axis: TimeAxis): string {
  const { id, unit, lines } = chart
  const scale = scaleOf(
    unit,
    lines.flatMap((line) => line.values),
  )
  const time = timeScale(axis.endMs, TIME_TICKS)
  const { kind, min, max } = scale
  const read = { unit, keys: lines.map((line) => line.key), scale: { kind, min, max }, headroom: HEADROOM }
  const label = (value: number): string =>
    unit === 'duration' ? formatMoment(value) : formatValue(unit, value).replace(/\/s$/, '')
  const drawn = lines.map((line, n) => lineMarks(line, n, chart.steps === true, axis, scale, time)).join('')
  return [
    `<figure class="chart" id="chart-${id}" data-read="${escapeHtml(JSON.stringify(read))}">`,
    `<figcaption><h3 id="title-${id}">${escapeHtml(chart.title)}${scale.kind === 'log' ? ' <small>logarithmic</small>' : ''}</h3>`,
    '<p class="moment" hidden></p></figcaption>',
    `<ul class="legend">${lines.map(legendItem).join('')}</ul>`,
    `<div class="frame" tabindex="0" role="group" aria-labelledby="title-${id}" aria-describedby="keys">`,
    yAxis(scale, label),
    `<svg class="plot" viewBox="0 0 ${PLOT_WIDTH} ${PLOT_HEIGHT}" preserveAspectRatio="none" role="img" aria-labelledby="title-${id} about-${id}">`,
    `<desc id="about-${id}">${escapeHtml(`${chart.about} ${spoken(lines)}`)}</desc>`,
    bandMarks(axis.bands, time),
    grid(scale, time),
    drawn,
    `<path class="cursor"/>${lines.map((_, n) => `<path class="dot s${n + 1}"/>`).join('')}</svg>`,
    xAxis(time),
    '</div></figure>',
  ].join('')
}

const spoken = (lines: readonly Line[]): string =>
  lines.map((line) => `${line.label}: ${line.summary}.`).join(' ')

const legendItem = (line: Line, n: number): string =>
  `<li><svg class="key" viewBox="0 0 22 8" aria-hidden="true"><path class="line s${n + 1}" d="M1 4H21"/></svg>` +
  `<span>${escapeHtml(line.label)}</span> ` +
  `<b data-key="${line.key}">${escapeHtml(line.summary)}</b></li>`

const x = (time: Scale, ms: number): number => round(position(time, ms) * PLOT_WIDTH)
const y = (scale: Scale, value: number): number => round(upright(scale, value))
const upright = (scale: Scale, value: number): number =>
  HEADROOM + (1 - position(scale, value)) * LINES_HEIGHT
const round = (value: number): number => Math.round(value * 10) / 10
/** As a percentage, for text that keeps its size when the chart is stretched. */
const percent = (share: number): string => `${Math.round(share * 1000) / 10}%`

function lineMarks(line: Line, n: number, steps: boolean, axis: TimeAxis, scale: Scale, time: Scale): string {
  const place = ({ atMs, value }: Measured): readonly [number, number] => [x(time, atMs), y(scale, value)]
  const runs = runsOf(downsample(axis.atMs, line.values, POINTS_MAX)).map((run) => run.map(place))
  const path = (name: string, d: string): string =>
    d === '' ? '' : `<path class="${name} s${n + 1}" d="${d}"/>`
  const long = runs.filter((run) => run.length > 1)
  return [
    steps ? path('area', long.map(areaOf).join('')) : '',
    path('line', long.map((run) => strokeOf(run, steps)).join('')),
    path(
      'line lone',
      runs
        .filter((run) => run.length === 1)
        .map(dotOf)
        .join(''),
    ),
  ].join('')
}

interface Measured {
  readonly atMs: number
  readonly value: number
}

/** The stretches between gaps. */
function runsOf(points: readonly Point[]): Measured[][] {
  const runs: Measured[][] = []
  let open = false
  for (const { atMs, value } of points) {
    if (value !== null) {
      if (open) runs.at(-1)?.push({ atMs, value })
      else runs.push([{ atMs, value }])
    }
    open = value !== null
  }
  return runs
}

type Places = readonly (readonly [number, number])[]

function strokeOf([first, ...rest]: Places, steps: boolean): string {
  const to = ([px, py]: readonly [number, number]): string => (steps ? `H${px}V${py}` : `L${px} ${py}`)
  return first === undefined ? '' : `M${first[0]} ${first[1]}${rest.map(to).join('')}`
}

/** A sample between gaps: a line of no length, which round ends make a dot. */
const dotOf = (run: Places): string => run.map(([px, py]) => `M${px} ${py}H${px}`).join('')

const areaOf = (run: Places): string => `${strokeOf(run, true)}V${PLOT_HEIGHT}H${run[0]?.[0] ?? 0}Z`

/** Failovers over the full height; faults, which may be many and overlap, as a strip above the lines. */
function bandMarks(bands: readonly Band[], time: Scale): string {
  return bands
    .slice(0, BANDS_DRAWN_MAX)
    .map((band) => {
      const [left, width] = bandPlace(band, time)
      const height = band.kind === 'failover' ? PLOT_HEIGHT : STRIP_HEIGHT
      return `<rect class="band ${band.kind}" x="${left}" y="0" width="${width}" height="${height}"/>`
    })
    .join('')
}

/** Left edge and width of a band in a plot, inside of it. */
export function bandPlace(band: Band, time: Scale): readonly [number, number] {
  const from = x(time, Math.min(band.fromMs, band.toMs))
  const width = Math.max(BAND_WIDTH_MIN, round(x(time, Math.max(band.fromMs, band.toMs)) - from))
  return [round(Math.min(from, PLOT_WIDTH - width)), width]
}

function grid(scale: Scale, time: Scale): string {
  const across = scale.ticks.map((tick) => `M0 ${y(scale, tick)}H${PLOT_WIDTH}`).join('')
  const base = `<path class="base" d="M0 ${PLOT_HEIGHT}H${PLOT_WIDTH}"/>`
  return `<path class="grid" d="${across}"/>${timeMarks(time, PLOT_HEIGHT)}${base}`
}

/** Faint uprights at the marks of time. */
export function timeMarks(time: Scale, height: number): string {
  return `<path class="grid upright" d="${time.ticks.map((tick) => `M${x(time, tick)} 0V${height}`).join('')}"/>`
}

function yAxis(scale: Scale, label: (value: number) => string): string {
  const texts = scale.ticks.map(
    (tick) =>
      `<text x="100%" y="${percent(upright(scale, tick) / PLOT_HEIGHT)}" dy="0.32em">${label(tick)}</text>`,
  )
  return `<svg class="y" aria-hidden="true">${texts.join('')}</svg>`
}

/** The marks of time; every second one steps back where there is little room. */
export function xAxis(time: Scale): string {
  const texts = time.ticks.map((tick, n) => {
    const at = position(time, tick)
    const anchor = at < 0.03 ? 'start' : at > 0.97 ? 'end' : 'middle'
    const every = n % 2 === 1 ? ' class="second"' : ''
    return `<text x="${percent(at)}" y="14" text-anchor="${anchor}"${every}>${formatMoment(tick)}</text>`
  })
  return `<svg class="x" aria-hidden="true">${texts.join('')}</svg>`
}
