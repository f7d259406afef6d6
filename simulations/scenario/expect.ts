/** Expectations: what a scenario demands of its report, as comparisons of named figures. */
import { formatDuration, parseDuration } from '../../shared/model/duration.ts'
import { TERMINAL_STATES } from '../../shared/protocol/schemas/index.ts'
import type { ExpectationResult, Percentiles, SimReport } from '../report/model.ts'

interface Figure {
  readonly unit: 'count' | 'time' | 'share'
  readonly about: string
  /** `null` where nothing was measured. */
  readonly of: (report: SimReport) => number | null
}

const PARTS = ['p50', 'p95', 'p99', 'max'] as const

function percentiles(
  name: string,
  about: string,
  of: (report: SimReport) => Percentiles,
): [string, Figure][] {
  return [
    ...PARTS.map((part): [string, Figure] => [
      `${name}.${part}`,
      {
        unit: 'time',
        about: `${about}, ${part === 'max' ? 'the longest' : part}`,
        of: (report) => of(report)[part],
      },
    ]),
    [
      `${name}.count`,
      { unit: 'count', about: `${about}: how many there were`, of: (report) => of(report).count },
    ],
  ]
}

const total = (about: string, of: (totals: SimReport['totals']) => number): Figure => ({
  unit: 'count',
  about,
  of: (report) => of(report.totals),
})

const endedCount = (report: SimReport): number =>
  Object.values(report.totals.ended).reduce((sum, count) => sum + count, 0)

/** Every figure that an expectation may name. */
export const FIGURES: Readonly<Record<string, Figure>> = Object.fromEntries<Figure>([
  ['violations', { unit: 'count', about: 'Broken invariants', of: (report) => report.violations.length }],
  ['lost', total('Receipted tasks that nobody will ever end', (totals) => totals.lost)],
  ['endedTwice', total('Tasks with two different ends', (totals) => totals.endedTwice)],
  [
    'unfinished',
    total('Receipted tasks that have not ended when the run has', (totals) => totals.unfinished),
  ],
  ['submitted', total('Tasks submitted', (totals) => totals.submitted)],
  ['receipted', total('Tasks whose receipt their submitter has', (totals) => totals.receipted)],
  ['attempts', total('Attempts that were sent to devices', (totals) => totals.attempts)],
  ['reroutes', total('Tasks moved because their device was lost', (totals) => totals.reroutes)],
  ['moves', total('Times that a task was moved off a device under load', (totals) => totals.moves)],
  [
    'duplicates',
    total('Runs that succeeded of tasks that had succeeded before', (totals) => totals.duplicates),
  ],
  ['terms', total('Terms: how often a coordinator took office', (totals) => totals.terms)],
  ['faults', total('Faults that began', (totals) => totals.faults)],
  ['messages', total('Messages that the broker accepted', (totals) => totals.messages)],
  ...TERMINAL_STATES.map((state): [string, Figure] => [
    `ended.${state}`,
    total(`Tasks that ended ${state}`, (totals) => totals.ended[state] ?? 0),
  ]),
  [
    'share.succeeded',
    {
      unit: 'share',
      about: 'Of the tasks that ended, the share that succeeded',
      of: (report) =>
        endedCount(report) === 0 ? null : (report.totals.ended['succeeded'] ?? 0) / endedCount(report),
    },
  ],
  [
    'queue.max',
    {
      unit: 'count',
      about: 'Most tasks that waited for a device, of all samples',
      of: ({ series }) => series.queue.reduce((most, count) => Math.max(most, count), 0),
    },
  ],
  [
    'devicesUp.min',
    {
      unit: 'count',
      about: 'Fewest devices up at once, of all samples',
      of: ({ series }) =>
        series.devicesUp.reduce((least, count) => Math.min(least, count), Number.POSITIVE_INFINITY),
    },
  ],
  ...percentiles(
    'latency.placed',
    'From acceptance to the first placement',
    (report) => report.latency.placed,
  ),
  ...percentiles('latency.ended', 'From acceptance to the terminal status', (report) => report.latency.ended),
  ...percentiles(
    'failoverMs',
    'From the last sign of a coordinator to the next one’s first beacon',
    (report) => report.failoverMs,
  ),
  ...percentiles(
    'rerouteMs',
    'From the last sign of a lost device to the next placement',
    (report) => report.rerouteMs,
  ),
])

type Operator = '==' | '!=' | '<' | '<=' | '>' | '>='
const FORM = /^\s*(==|!=|<=|>=|<|>)?\s*(\S+)\s*$/

export interface Expectation {
  readonly figure: string
  readonly operator: Operator
  readonly bound: number
  readonly text: string
}

/** Reads one expectation; a text says why it is none. */
export function readExpectation(figure: string, written: string | number): Expectation | string {
  const rule = Object.hasOwn(FIGURES, figure) ? FIGURES[figure] : undefined
  if (rule === undefined) return `there is no figure ${JSON.stringify(figure)}`
  const match = FORM.exec(String(written))
  const [, operator = '==', value = ''] = match ?? []
  const bound = readBound(rule.unit, value)
  if (match === null || bound === undefined) {
    return `${JSON.stringify(written)} is no comparison of a ${rule.unit}`
  }
  return { figure, operator: operator as Operator, bound, text: `${figure}: ${written}` }
}

function readBound(unit: Figure['unit'], text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
  if (unit === 'time') return parseDuration(text)
  if (unit === 'share' && /^\d+(\.\d+)?%$/.test(text)) return Number(text.slice(0, -1)) / 100
  return undefined
}

/** Whether the report does as expected. A figure that was never measured meets nothing. */
export function meet(expectation: Expectation, report: SimReport): ExpectationResult {
  const rule = FIGURES[expectation.figure] as Figure
  const value = rule.of(report)
  if (value === null) return { text: expectation.text, met: false, value: 'nothing was measured' }
  return { text: expectation.text, met: compare(value, expectation), value: show(value, rule.unit) }
}

/** A figure's value for people. */
export function showFigure(figure: string, value: number): string {
  return show(value, FIGURES[figure]?.unit ?? 'count')
}

function compare(value: number, { operator, bound }: Expectation): boolean {
  switch (operator) {
    case '==':
      return value === bound
    case '!=':
      return value !== bound
    case '<':
      return value < bound
    case '<=':
      return value <= bound
    case '>':
      return value > bound
    case '>=':
      return value >= bound
  }
}

function show(value: number, unit: Figure['unit']): string {
  if (unit === 'time') return formatDuration(value)
  return unit === 'share' ? `${(100 * value).toFixed(2)}%` : String(value)
}
