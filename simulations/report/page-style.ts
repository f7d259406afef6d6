/**
 * How the page looks. Colours carry no meaning alone: lines differ in their dashes, bands in their shape, verdicts in
 * their words. Text has a contrast of 4.5 and lines of 3 or more against their ground, in light and in dark.
 */

const LIGHT = `
  --ground: #ffffff; --raised: #f6f7f8; --ink: #1b1f24; --quiet: #59636e; --rule: #dfe3e8; --grid: #eceff2;
  --s1: #1f5fae; --s2: #b4541a; --s3: #0f7a68; --good: #1a6b3c; --bad: #b3261e; --unsure: #875200;
  --failover: #b3261e; --failover-fill: #b3261e1f; --fault: #6e7781;`

const DARK = `
  --ground: #14171a; --raised: #1c2024; --ink: #e6e9ec; --quiet: #9aa4ae; --rule: #30363c; --grid: #23282d;
  --s1: #78aef0; --s2: #e79a5f; --s3: #55c2ad; --good: #6cc790; --bad: #f2857c; --unsure: #dfac55;
  --failover: #f2857c; --failover-fill: #f2857c2b; --fault: #8b949e;`

const TEXT = `
* { box-sizing: border-box }
html { font-size: 93.75% }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-text-size-adjust: 100% }
main, body > header { max-width: 1180px; margin: 0 auto; padding: 0 24px }
body > header { padding-top: 40px }
main { padding-bottom: 64px }
h1, h2, h3, p, dl, dd, figure, pre, ul { margin: 0; padding: 0 }
h1 { font-size: 2rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; overflow-wrap: anywhere }
h2 { font-size: 1.133rem; line-height: 1.3; font-weight: 650; margin-bottom: 12px }
h3 { font-size: 0.933rem; font-weight: 600 }
h3 small { font-size: 0.8rem; font-weight: 400; color: var(--quiet); margin-left: 4px }
section { margin-top: 40px; min-width: 0 }
code, pre { font: 0.867rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
.kind { color: var(--quiet); font-size: 0.867rem; margin-bottom: 4px }
.about { margin-top: 8px; max-width: 68ch; overflow-wrap: anywhere }
.note { color: var(--quiet); font-size: 0.867rem; margin: 0 0 16px; max-width: 110ch }
.after { margin: 8px 0 0 }
.hearing { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }`

const HEAD = `
.verdict { margin-top: 16px; font-size: 1.133rem }
.verdict b { margin-right: 6px; font-weight: 650 }
.verdict.passed b { color: var(--good) } .verdict.failed b { color: var(--bad) }
.verdict.incomplete b { color: var(--unsure) }
.facts { display: flex; flex-wrap: wrap; gap: 12px 32px; margin-top: 20px }
.facts dt { color: var(--quiet); font-size: 0.867rem } .facts dd { overflow-wrap: anywhere }
.facts div { min-width: 0 }
.command { display: flex; align-items: stretch; margin-top: 20px; background: var(--raised);
  border: 1px solid var(--rule); border-radius: 4px }
.command pre { flex: 1; min-width: 0; padding: 9px 12px; white-space: pre-wrap; overflow-wrap: anywhere }
button { font: inherit; font-size: 0.867rem; padding: 0 14px; min-width: 76px; color: var(--ink); background: none;
  border: 0; border-left: 1px solid var(--rule); cursor: pointer }
button:hover { background: var(--rule) }
:focus-visible { outline: 2px solid var(--s1); outline-offset: 2px }`

const TABLES = `
.columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 0 40px }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
caption { text-align: left; font-weight: 600; font-size: 0.933rem; padding-bottom: 4px }
th, td { text-align: left; vertical-align: top; padding: 6px 16px 6px 0; border-top: 1px solid var(--rule) }
th:last-child, td:last-child { padding-right: 0 }
thead td, thead th { border-top: 0; color: var(--quiet); font-size: 0.867rem; font-weight: 400; padding-top: 0 }
tbody th { font-weight: 400 }
td.wide, th.wide { overflow-wrap: anywhere }
td.wide { min-width: 12ch }
.number { text-align: right; white-space: nowrap }
tbody small { color: var(--quiet); font-size: 0.867rem; margin-left: 8px }
.state, .when { white-space: nowrap; width: 1% } .state { font-weight: 600 } .state.good { color: var(--good) } .state.bad { color: var(--bad) }
td.bad { color: var(--bad); font-weight: 600 }
details { margin-top: 20px }
details summary { cursor: pointer; color: var(--quiet); font-size: 0.867rem }
details[open] summary { margin-bottom: 8px }`

const CHARTS = `
.charts { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 28px 40px }
.chart.timeline, #chart-latency { grid-column: 1 / -1 }
figcaption { display: flex; justify-content: space-between; gap: 12px; min-height: 21px }
.moment { color: var(--quiet); font-size: 0.867rem; white-space: nowrap }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 20px; margin: 2px 0 8px; font-size: 0.867rem;
  color: var(--quiet); min-height: 20px }
.legend b { color: var(--ink); font-weight: 400 }
.legend .now { color: var(--ink); flex: 1 1 12ch; min-width: 0; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis }
.key { width: 22px; height: 8px; margin-right: 6px; vertical-align: 1px }
.swatch { display: inline-block; width: 12px; height: 8px; margin-right: 6px }
.swatch.tall { height: 12px; vertical-align: -2px }
.swatch.failover { background: var(--failover) } .swatch.fault { background: var(--fault) }
.swatch.tall.failover { background: var(--failover-fill); border: solid var(--failover); border-width: 0 1px }
.swatch.thin { height: 4px; vertical-align: 3px }
.frame { display: grid; grid-template-columns: 56px minmax(0, 1fr); touch-action: pan-y; border-radius: 2px }
.frame svg { display: block; width: 100%; overflow: visible }
.chart .y { width: 48px } .chart:not(.timeline) .y, .chart:not(.timeline) .plot { height: 160px }
.chart .x { grid-column: 2; height: 20px }
.frame text { fill: var(--quiet); font-size: 0.8rem } .y text { text-anchor: end }
.plot { cursor: crosshair }
.plot path, .key path { fill: none; vector-effect: non-scaling-stroke }
.plot .grid { stroke: var(--grid); shape-rendering: crispEdges } .plot .base { stroke: var(--quiet);
  shape-rendering: crispEdges; opacity: 0.6 }
.line { stroke-width: 1.5; stroke-linecap: round; stroke-linejoin: round }
.line.s1, .dot.s1 { stroke: var(--s1) } .line.s2, .dot.s2 { stroke: var(--s2) } .line.s3, .dot.s3 { stroke: var(--s3) }
.line.lone { stroke-width: 4 }
.line.s2 { stroke-dasharray: 6 3.5 } .line.s3 { stroke-dasharray: 1.5 4 }
.plot path.area { fill: var(--s1); opacity: 0.1 }
.plot .cursor { stroke: var(--ink); opacity: 0.5; visibility: hidden; shape-rendering: crispEdges }
.plot .dot { stroke-width: 8; stroke-linecap: round; visibility: hidden }
.on .plot .cursor, .on .plot .dot { visibility: visible }
.band.failover { fill: var(--failover-fill) } .band.fault { fill: var(--fault); opacity: 0.45 }
.bar.failover { fill: var(--failover) } .bar.fault { fill: var(--fault) }`

const NARROW = `
@media screen and (max-width: 760px) {
  main, body > header { padding-left: 16px; padding-right: 16px }
  body > header { padding-top: 24px }
  h1 { font-size: 1.6rem }
  .columns, .charts { grid-template-columns: minmax(0, 1fr) }
  .facts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)) }
  .frame { grid-template-columns: 50px minmax(0, 1fr) } .chart .y { width: 44px } .frame text { font-size: 0.75rem }
  .x .second { display: none }
  th, td { padding-right: 10px }
  .durations table { font-size: 0.867rem } .durations th, .durations td { padding-right: 7px }
  .durations th:last-child, .durations td:last-child { padding-right: 0 }
  .durations small { display: none }
}`

const PRINT = `
@media print {
  @page { margin: 14mm }
  html { font-size: 11px } button, .moment { display: none }
  body > header { padding-top: 0 } main, body > header { max-width: none; padding-left: 0; padding-right: 0 }
  section { margin-top: 20px } .chart, tr, .command { break-inside: avoid } h2 { break-after: avoid }
  .charts { gap: 14px 24px }
  .band, .bar, .swatch, .area { print-color-adjust: exact; -webkit-print-color-adjust: exact }
}`

export const PAGE_STYLE = `:root { color-scheme: light dark; ${LIGHT} }
@media screen and (prefers-color-scheme: dark) { :root { ${DARK} } }
${TEXT}${HEAD}${TABLES}${CHARTS}${NARROW}${PRINT}
`
