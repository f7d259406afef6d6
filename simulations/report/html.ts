/**
 * A report as one page that needs nothing else: no network, no font, no script but its own, which its content
 * security policy names by their hashes. Equal reports give equal pages. The report itself stands in the page as
 * JSON, in `<script type="application/json" id="report">`, for programs.
 */
import { createHash } from 'node:crypto'
import { chartFigure } from './chart.ts'
import { chartsOf } from './charts.ts'
import { embedJson, escapeHtml } from './escape.ts'
import { formatCount, formatMoment } from './figures.ts'
import type { SimReport } from './model.ts'
import { PAGE_SCRIPT } from './page-script.ts'
import { PAGE_STYLE } from './page-style.ts'
import {
  bandsTable,
  departuresTable,
  expectationsTable,
  percentilesTable,
  totalsTable,
  violationsTable,
} from './tables.ts'
import { thin } from './thin.ts'
import { timelineFigure } from './timeline.ts'
import { verdictOf } from './verdict.ts'

/** So many samples of each series are carried as data; what they stand for is told in `thin.ts`. */
export const EMBEDDED_SAMPLES_MAX = 5_000

/** The page, as UTF-8 text. */
export function renderHtml(report: SimReport): string {
  const { report: embedded, merged } = thin(report, EMBEDDED_SAMPLES_MAX)
  const title = `${report.scenario}: ${verdictOf(report).word.toLowerCase()}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)} – Covey simulation</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
${header(report)}
<main>
${judgement(report)}
${course(report)}
${figures(report)}
</main>
<p class="hearing" id="spoken" role="status"></p>
<script type="application/json" id="report" data-samples-merged="${merged}">${embedJson(embedded)}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

/** Nothing may be loaded from anywhere, and only this style and this script may take effect. */
function policy(): string {
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  return [
    "default-src 'none'",
    `style-src ${hash(PAGE_STYLE)}`,
    `script-src ${hash(PAGE_SCRIPT)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
}

function header(report: SimReport): string {
  const { state, word, sentence } = verdictOf(report)
  const sign = { passed: '✓', failed: '✗', incomplete: '…' }[state]
  const facts: [string, string][] = [
    ['seed', report.seed],
    ['broker', report.mode === 'live' ? `${report.broker}, live` : `${report.broker}, virtual`],
    ['devices', formatCount(report.devices)],
    [report.mode === 'live' ? 'lasted' : 'virtual time', formatMoment(report.durationMs)],
    ['took', formatMoment(report.tookSeconds * 1000)],
    ...(report.hash === undefined ? [] : [['hash of the run', report.hash] as [string, string]]),
  ]
  return `<header>
<p class="kind">Covey simulation</p>
<h1>${escapeHtml(report.scenario)}</h1>
${report.about === '' ? '' : `<p class="about">${escapeHtml(report.about)}</p>`}
<p class="verdict ${state}"><b><span aria-hidden="true">${sign}</span> ${word}</b> ${sentence}</p>
<dl class="facts">${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>
<div class="command"><pre id="command" tabindex="0" aria-label="Command that runs this again">${escapeHtml(report.command)}</pre><button type="button" id="copy" hidden>Copy</button></div>
</header>`
}

/** What was wrong comes before what happened. */
function judgement(report: SimReport): string {
  const violations =
    report.violations.length === 0
      ? ''
      : `<section><h2>Violations of invariants</h2>${violationsTable(report)}</section>`
  return `${violations}<section><h2>Expectations</h2>${expectationsTable(report)}</section>`
}

function course(report: SimReport): string {
  const endMs = Math.max(report.durationMs, report.series.atMs.at(-1) ?? 0)
  const axis = { atMs: report.series.atMs, endMs, bands: report.bands }
  const key =
    report.bands.length === 0
      ? ''
      : ' Behind the charts, <i class="swatch tall failover"></i>is a time without a coordinator and <i class="swatch thin fault"></i>above the lines a fault.'
  const table =
    report.bands.length === 0
      ? ''
      : `<details><summary>All ${formatCount(report.bands.length)} disturbances as a table</summary>${bandsTable(report)}</details>`
  return `<section><h2>Course of the run</h2>
<p class="note"><span id="keys">Point at a chart, or choose one and use the arrow keys, to read values.</span>${key}</p>
<div class="charts">
${[timelineFigure(report.bands, endMs), ...chartsOf(report).map((chart) => chartFigure(chart, axis))].join('\n')}
</div>${table}</section>`
}

function figures(report: SimReport): string {
  const departures =
    report.departures.length === 0
      ? ''
      : `<section><h2>Coordinators that left office</h2>${departuresTable(report)}</section>\n`
  return `<section class="durations"><h2>Durations</h2>${percentilesTable(report)}</section>
${departures}<section class="totals"><h2>Totals</h2>${totalsTable(report.totals)}</section>`
}
