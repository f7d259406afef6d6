/** The policies on the GPU trace as a chart: one bar a policy and workload, as an SVG that stands alone. */
import type { Published } from './gpu-published.ts'
import { isOwn, type TraceRow } from './gpu-trace.ts'

const WIDTH = 720
const LEFT = 190
const RIGHT = 70
const BAR = 16
const STEP = 24
const TOP = 56
const GAP = 40
/** Shares of all GPUs between which the bars differ; a chart from 0 would show none of it. */
const FROM = 75
const TO = 100

const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #24292f }
.name { text-anchor: end }
.title { font-weight: 600 }
.axis { font-size: 11px; text-anchor: middle; fill: #57606a }
line { stroke: #d0d7de }
.bar { fill: #8c959f }
.ours { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .axis { fill: #8d96a0 } line { stroke: #30363d } .bar { fill: #6e7681 } .ours { fill: #4493f8 }
}`

/** What was measured here where there is that, else what was published. */
const figureOf = ({ found, published }: TraceRow): Published | undefined => found ?? published

/** @returns the chart of what was allocated at 130 % of demand; the best policy of each workload first */
export function traceChart(rows: readonly TraceRow[]): string {
  const parts: string[] = []
  let y = TOP
  for (const workload of new Set(rows.map((row) => row.workload))) {
    const bars = rows
      .filter((row) => row.workload === workload && figureOf(row) !== undefined)
      .sort((a, b) => allocated(b) - allocated(a))
    parts.push(`<text class="title" x="${LEFT}" y="${y - 10}">workload ${workload}</text>`)
    for (const row of bars) {
      parts.push(bar(row, y))
      y += STEP
    }
    y += GAP
  }
  const height = y
  const axis: string[] = []
  for (let share = FROM; share <= TO; share += 5) {
    axis.push(`<line x1="${x(share)}" x2="${x(share)}" y1="${TOP - 4}" y2="${height - GAP}"/>`)
    axis.push(`<text class="axis" x="${x(share)}" y="${height - GAP + 16}">${share} %</text>`)
  }
  const about = 'GPUs allocated at 130 % of demand, in percent of all'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${about}">
<title>${about}</title><style>${STYLE}</style>
<text x="8" y="16">${about} (the axis begins at ${FROM} %)</text>
${axis.join('\n')}
${parts.join('\n')}
</svg>
`
}

const allocated = (row: TraceRow): number => figureOf(row)?.at130 ?? 0

const x = (share: number): number =>
  LEFT + ((Math.max(FROM, share) - FROM) / (TO - FROM)) * (WIDTH - LEFT - RIGHT)

function bar(row: TraceRow, y: number): string {
  const share = allocated(row)
  const where = row.found === undefined ? 'published' : 'measured'
  const kind = isOwn(row.policy) ? 'bar ours' : 'bar'
  return (
    `<text class="name" x="${LEFT - 8}" y="${y + 13}">${row.policy} (${where})</text>` +
    `<rect class="${kind}" x="${LEFT}" y="${y}" width="${(x(share) - LEFT).toFixed(1)}" height="${BAR}"/>` +
    `<text x="${(x(share) + 6).toFixed(1)}" y="${y + 13}">${share.toFixed(2)}</text>`
  )
}
