/** The tables of a report's page. Each says what its figures count, and how many rows it leaves out. */
import { escapeHtml } from './escape.ts'
import { formatCount, formatMoment, formatMs } from './figures.ts'
import type { Percentiles, SimReport, Totals } from './model.ts'

/** Longer tables end with how many rows are not shown; the report inside the page has them all. */
export const ROWS_MAX = 500

/** What a figure counts, and whether anything but 0 is wrong. */
export interface Counted {
  readonly name: string
  readonly value: number
  readonly note: string
  readonly mustBe0?: boolean
}

/** The totals in the order in which a task lives. */
export function countsOf(totals: Totals): Counted[] {
  const states = Object.entries(totals.ended).sort(([a], [b]) => order(a, b))
  return [
    { name: 'submitted', value: totals.submitted, note: 'tasks' },
    { name: 'receipted', value: totals.receipted, note: 'specs the broker acknowledged' },
    ...states.map(([state, value]) => ({ name: state.replaceAll('_', ' '), value, note: 'ended' })),
    { name: 'unfinished', value: totals.unfinished, note: 'receipted, without an end' },
    { name: 'lost', value: totals.lost, note: 'forgotten by the mesh', mustBe0: true },
    { name: 'ended twice', value: totals.endedTwice, note: 'with two terminal states', mustBe0: true },
    { name: 'attempts', value: totals.attempts, note: 'dispatches of tasks to devices' },
    { name: 'reroutes', value: totals.reroutes, note: 'attempts given to another device' },
    { name: 'moves', value: totals.moves, note: 'off devices under load' },
    { name: 'duplicates', value: totals.duplicates, note: 'results of attempts given up before' },
    { name: 'terms', value: totals.terms, note: 'coordinators that took office' },
    { name: 'faults', value: totals.faults, note: 'injected' },
    { name: 'messages', value: totals.messages, note: 'published' },
  ]
}

/** What everybody hopes for first, the rest by name. */
const order = (a: string, b: string): number =>
  a === b ? 0 : a === 'succeeded' || (b !== 'succeeded' && a < b) ? -1 : 1

/** The measured durations, with what each of them is from and to. */
export function durationsOf(report: SimReport): (readonly [string, string, Percentiles])[] {
  return [
    ['placed', 'receipt to first placement', report.latency.placed],
    ['ended', 'receipt to terminal status', report.latency.ended],
    ['failover', 'without a coordinator', report.failoverMs],
    ['reroute', 'loss to next placement', report.rerouteMs],
  ]
}

export function totalsTable(totals: Totals): string {
  const row = ({ name, value, note, mustBe0 }: Counted): string =>
    `<tr><th scope="row" class="wide">${escapeHtml(name)} <small>${note}</small></th>` +
    `<td class="number${mustBe0 === true && value > 0 ? ' bad' : ''}">${formatCount(value)}</td></tr>`
  const all = countsOf(totals)
  const half = Math.ceil(all.length / 2)
  const table = (rows: readonly Counted[], name: string): string =>
    `<table><caption class="hearing">${name}</caption><tbody>${rows.map(row).join('')}</tbody></table>`
  return `<div class="columns">${table(all.slice(0, half), 'Totals')}${table(all.slice(half), 'Totals, continued')}</div>`
}

export function percentilesTable(report: SimReport): string {
  const rows = durationsOf(report).map(([name, note, { count, p50, p95, p99, max }]) => {
    const cells = [formatCount(count), ...[p50, p95, p99, max].map(formatMs)]
    return (
      `<tr><th scope="row">${name} <small>${note}</small></th>` +
      `${cells.map((cell) => `<td class="number">${cell}</td>`).join('')}</tr>`
    )
  })
  const heads = ['', 'count', 'p50', 'p95', 'p99', 'max'].map((head, n) =>
    n === 0 ? '<td></td>' : `<th scope="col" class="number">${head}</th>`,
  )
  return `<div class="scroll"><table><thead><tr>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

export function departuresTable(report: SimReport): string {
  return listTable(
    ['times', 'why'],
    report.departures.map(({ reason, count }) => [
      `<td class="number">${formatCount(count)}</td>`,
      `<td class="wide">${escapeHtml(reason)}</td>`,
    ]),
  )
}

export function expectationsTable(report: SimReport): string {
  if (report.expectations.length === 0)
    return '<p class="note">The scenario states no expectations; only the invariants were checked.</p>'
  return listTable(
    ['', 'expected', 'found'],
    report.expectations.map(({ text, met, value }) => [
      `<td class="state ${met ? 'good' : 'bad'}">${met ? '✓ met' : '✗ not met'}</td>`,
      `<td class="wide"><code>${escapeHtml(text)}</code></td>`,
      `<td class="wide">${escapeHtml(value)}</td>`,
    ]),
  )
}

export function violationsTable(report: SimReport): string {
  if (report.violations.length === 0) return ''
  return listTable(
    ['invariant', 'at', 'what was found'],
    report.violations.map(({ invariant, atMs, message }) => [
      `<td class="state bad">${escapeHtml(invariant)}</td>`,
      `<td class="when">${formatMoment(atMs)}</td>`,
      `<td class="wide">${escapeHtml(message)}</td>`,
    ]),
  )
}

export function bandsTable(report: SimReport): string {
  return listTable(
    ['kind', 'from', 'for', 'what happened'],
    report.bands
      .toSorted((a, b) => a.fromMs - b.fromMs)
      .map(({ kind, fromMs, toMs, label }) => [
        `<td class="when">${kind}</td>`,
        `<td class="when">${formatMoment(fromMs)}</td>`,
        `<td class="when">${formatMs(toMs - fromMs)}</td>`,
        `<td class="wide">${escapeHtml(label)}</td>`,
      ]),
  )
}

function listTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads
    .map((text) =>
      text === ''
        ? '<th scope="col"><span class="hearing">verdict</span></th>'
        : `<th scope="col">${text}</th>`,
    )
    .join('')
  const body = rows.slice(0, ROWS_MAX).map((cells) => `<tr>${cells.join('')}</tr>`)
  const more = rows.length - ROWS_MAX
  const note =
    more > 0
      ? `<p class="note after">${formatCount(more)} more are in the data that this page carries.</p>`
      : ''
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>${note}`
}
