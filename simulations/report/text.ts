/** A report as text of at most 80 columns; only the command at the end, which is to be copied, may be longer. */
import { formatCount, formatMoment, formatMs } from './figures.ts'
import type { SimReport } from './model.ts'
import { countsOf, durationsOf } from './tables.ts'
import { verdictOf } from './verdict.ts'

const COLUMNS = 80
const NAME_COLUMNS = 14
/** So many expectations and so many violations are listed; the rest is counted. */
const LISTED_MAX = 50

/** The report for people, without colours. Ends with the command that runs the same again. */
export function reportText(report: SimReport): string {
  const { word, sentence } = verdictOf(report)
  const mode = report.mode === 'live' ? 'live' : 'virtual'
  const facts =
    `seed ${report.seed}, ${report.broker} (${mode}), ${formatCount(report.devices)} devices, ` +
    `${formatMoment(report.durationMs)} in ${formatMoment(report.tookSeconds * 1000)}`
  return [
    ...block('', report.scenario),
    ...block('  ', report.about),
    ...block('  ', facts),
    ...(report.hash === undefined ? [] : block('  ', `hash ${report.hash}`)),
    '',
    ...totals(report),
    '',
    ...durations(report),
    ...departures(report),
    ...expectations(report),
    ...violations(report),
    '',
    ...block('', `${word}: ${sentence}`),
    '',
    printable(report.command),
    '',
  ].join('\n')
}

function totals(report: SimReport): string[] {
  return countsOf(report.totals).flatMap(({ name, value, note, mustBe0 }) => {
    const wrong = mustBe0 === true && value > 0 ? ' (must be 0)' : ''
    const lead = `  ${cell(name, NAME_COLUMNS)}${formatCount(value).padStart(11)}  `
    return block(lead, `${note}${wrong}`)
  })
}

function durations(report: SimReport): string[] {
  const row = (cells: readonly string[]): string =>
    `  ${(cells[0] ?? '').padEnd(11)}${cells
      .slice(1, 6)
      .map((cell) => cell.padStart(9))
      .join('')}  ${cells[6] ?? ''}`
  return [
    row(['', 'COUNT', 'P50', 'P95', 'P99', 'MAX', '']).trimEnd(),
    ...durationsOf(report).map(([name, , { count, p50, p95, p99, max }]) =>
      row([name, formatCount(count), ...[p50, p95, p99, max].map(formatMs), '']).trimEnd(),
    ),
  ]
}

function departures(report: SimReport): string[] {
  if (report.departures.length === 0) return []
  return [
    '',
    'Coordinators that left office, and why',
    ...report.departures.flatMap(({ reason, count }) =>
      block(`  ${formatCount(count).padStart(NAME_COLUMNS)}  `, reason),
    ),
  ]
}

function expectations(report: SimReport): string[] {
  if (report.expectations.length === 0) return []
  return [
    '',
    'Expectations',
    ...listed(report.expectations, ({ text, met, value }) =>
      block(met ? '  met      ' : '  NOT MET  ', `${text}, found ${value}`),
    ),
  ]
}

function violations(report: SimReport): string[] {
  if (report.violations.length === 0) return []
  return [
    '',
    'Violations of invariants',
    ...listed(report.violations, ({ invariant, atMs, message }) =>
      block('  - ', `${invariant} at ${formatMoment(atMs)}: ${message}`),
    ),
  ]
}

function listed<T>(items: readonly T[], lines: (item: T) => readonly string[]): string[] {
  const more = items.length - LISTED_MAX
  return [
    ...items.slice(0, LISTED_MAX).flatMap(lines),
    ...(more > 0 ? [`  and ${formatCount(more)} more`] : []),
  ]
}

/** Text in so many columns, cut or filled. */
function cell(text: string, columns: number): string {
  const [first = '', ...rest] = wrap(printable(text).trim(), columns - 2)
  const shown = rest.length === 0 ? first : `${first}…`
  return shown + ' '.repeat(columns - columnsOf(shown))
}

/** Words behind a lead that stands on the first line only; empty text gives no line. */
function block(lead: string, text: string): string[] {
  const width = COLUMNS - columnsOf(lead)
  const lines = wrap(printable(text).trim(), width)
  return lines.map((line, n) => `${n === 0 ? lead : ' '.repeat(lead.length)}${line}`)
}

/** Lines of at most so many columns, broken at spaces and, in longer words, anywhere. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let [line, used] = ['', 0]
  const end = (): void => {
    if (line !== '') lines.push(line)
    ;[line, used] = ['', 0]
  }
  for (const word of text.split(/\s+/)) {
    const wide = columnsOf(word)
    if (used > 0 && used + 1 + wide > width) end()
    if (used > 0) [line, used] = [`${line} `, used + 1]
    for (const character of word) {
      if (used + columnsOf(character) > width) end()
      ;[line, used] = [line + character, used + columnsOf(character)]
    }
  }
  end()
  return lines
}

/** Control and formatting characters could move the cursor, recolour or reverse what follows. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu, ' ')
}

const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60]/u

/** Columns that a terminal gives a text: none for marks that combine, two for what is wide. */
function columnsOf(text: string): number {
  let columns = 0
  for (const character of text)
    columns += /[\p{Mn}\p{Me}]/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return columns
}
