/** Bar charts as an SVG that stands alone: panels one below the other, each with an axis of its own. */
const WIDTH = 720
const LEFT = 190
const RIGHT = 70
const BAR = 16
const STEP = 24
const TOP = 56
const GAP = 48
/** Lines of an axis. */
const LINES = 5

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

export interface Bar {
  readonly name: string
  readonly value: number
  /** As it is written behind the bar. */
  readonly label: string
  /** Drawn in the colour that stands out. */
  readonly ours: boolean
}

export interface Panel {
  readonly title: string
  /** Where the axis begins and ends. */
  readonly from: number
  readonly to: number
  readonly unit: string
  readonly bars: readonly Bar[]
}

/** @param about what the chart shows, for its title and for those who cannot see it */
export function barChart(about: string, panels: readonly Panel[]): string {
  const parts: string[] = []
  let y = TOP
  for (const panel of panels) {
    const height = panel.bars.length * STEP
    parts.push(`<text class="title" x="${LEFT}" y="${y - 10}">${escaped(panel.title)}</text>`)
    parts.push(...axisOf(panel, y, height))
    parts.push(...panel.bars.map((bar, at) => drawn(bar, panel, y + at * STEP)))
    y += height + GAP
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y - GAP + STEP}" role="img" aria-label="${escaped(about)}">
<title>${escaped(about)}</title><style>${STYLE}</style>
<text x="8" y="16">${escaped(about)}</text>
${parts.join('\n')}
</svg>
`
}

function axisOf({ from, to, unit }: Panel, y: number, height: number): string[] {
  return Array.from({ length: LINES + 1 }, (_, at) => {
    const value = from + (at * (to - from)) / LINES
    const x = LEFT + (at / LINES) * (WIDTH - LEFT - RIGHT)
    return (
      `<line x1="${x}" x2="${x}" y1="${y - 4}" y2="${y + height}"/>` +
      `<text class="axis" x="${x}" y="${y + height + 14}">${Number(value.toPrecision(3))}${unit}</text>`
    )
  })
}

function drawn({ name, value, label, ours }: Bar, { from, to }: Panel, y: number): string {
  const share = Math.min(1, Math.max(0, (value - from) / (to - from)))
  const width = share * (WIDTH - LEFT - RIGHT)
  return (
    `<text class="name" x="${LEFT - 8}" y="${y + 13}">${escaped(name)}</text>` +
    `<rect class="${ours ? 'bar ours' : 'bar'}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}"/>` +
    `<text x="${(LEFT + width + 6).toFixed(1)}" y="${y + 13}">${escaped(label)}</text>`
  )
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
