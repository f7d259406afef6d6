/**
 * The page's own script: a cursor that moves over all charts at once and reads their values from the report that the
 * page carries, with a pointer, a finger or the arrow keys; and the button that copies the command. Everything on
 * the page can be read without it.
 */
import { FIGURES_SCRIPT } from './figures.ts'

export const PAGE_SCRIPT = `(() => {
'use strict'
${FIGURES_SCRIPT}
const FORMATS = { count: formatCount, share: formatShare, rate: formatRate, duration: formatMs }
const report = JSON.parse(document.getElementById('report').textContent)
const { series, bands } = report
const at = series.atMs
const endMs = Math.max(1, report.durationMs, at.length > 0 ? at[at.length - 1] : 0)
const spoken = document.getElementById('spoken')
const NOW_MAX = 4

const charts = [...document.querySelectorAll('figure.chart')].map((figure) => {
  const plot = figure.querySelector('svg.plot')
  const { width, height } = plot.viewBox.baseVal
  const read = figure.dataset.read === undefined ? undefined : JSON.parse(figure.dataset.read)
  const values = [...figure.querySelectorAll('[data-key]')]
  return {
    figure, plot, width, height, read, values,
    summaries: values.map((value) => value.textContent),
    moment: figure.querySelector('.moment'),
    now: figure.querySelector('[data-now]'),
    cursor: figure.querySelector('.cursor'),
    dots: [...figure.querySelectorAll('.dot')],
  }
})

const nearest = (ms) => {
  let [low, high] = [0, at.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (at[middle] <= ms) low = middle
    else high = middle
  }
  return high < 0 ? -1 : ms - at[low] <= at[high] - ms ? low : high
}

const valueOf = (unit, key, n) => {
  const value = series[key][n]
  if (unit !== 'rate' || value === null) return value
  const overMs = at[n] - (n === 0 ? 0 : at[n - 1])
  return overMs > 0 ? (value * 1000) / overMs : null
}

const share = (scale, value) =>
  Math.min(1, Math.max(0, scale.kind === 'log'
    ? Math.log(Math.max(value, scale.min) / scale.min) / Math.log(scale.max / scale.min)
    : (value - scale.min) / (scale.max - scale.min)))

let shown = -1
const show = (n) => {
  if (n < 0) return
  shown = n
  for (const chart of charts) {
    const x = (at[n] / endMs) * chart.width
    chart.cursor.setAttribute('d', 'M' + x + ' 0V' + chart.height)
    chart.moment.textContent = 'at ' + formatMoment(at[n])
    chart.moment.hidden = false
    chart.figure.classList.add('on')
    if (chart.now !== null) {
      const active = bands.filter((band) => band.fromMs <= at[n] && at[n] <= band.toMs).map((band) => band.label)
      const more = active.length > NOW_MAX ? ', and ' + (active.length - NOW_MAX) + ' more' : ''
      chart.now.textContent = active.slice(0, NOW_MAX).join(', ') + more
      chart.now.hidden = active.length === 0
    }
    chart.values.forEach((element, line) => {
      const value = valueOf(chart.read.unit, chart.read.keys[line], n)
      element.textContent = value === null ? formatMs(null) : FORMATS[chart.read.unit](value)
      const y = value === null ? 0 : chart.read.headroom + (1 - share(chart.read.scale, value)) * (chart.height - chart.read.headroom)
      chart.dots[line].setAttribute('d', value === null ? '' : 'M' + x + ' ' + y + 'H' + x)
    })
  }
}

const hide = () => {
  shown = -1
  for (const chart of charts) {
    chart.figure.classList.remove('on')
    chart.moment.hidden = true
    if (chart.now !== null) chart.now.hidden = true
    chart.values.forEach((element, line) => { element.textContent = chart.summaries[line] })
  }
}

const say = (chart) => {
  const lines = [...chart.figure.querySelectorAll('.legend li:not([hidden])')]
  spoken.textContent = chart.moment.textContent + ': ' + lines.map((line) => line.textContent.trim()).join(', ')
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }
for (const chart of charts) {
  const frame = chart.figure.querySelector('.frame')
  const point = (event) => {
    const box = chart.plot.getBoundingClientRect()
    show(nearest(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * endMs))
  }
  frame.addEventListener('pointermove', point)
  frame.addEventListener('pointerdown', point)
  frame.addEventListener('pointerleave', (event) => { if (event.pointerType === 'mouse') hide() })
  frame.addEventListener('blur', hide)
  frame.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') return hide()
    const step = STEPS[event.key]
    if (step === undefined || at.length === 0) return
    event.preventDefault()
    const from = shown === -1 ? (step > 0 ? -1 : at.length) : shown
    show(Math.min(at.length - 1, Math.max(0, from + step)))
    say(chart)
  })
}

const button = document.getElementById('copy')
const command = document.getElementById('command')
button.hidden = false
button.addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(command.textContent)
    button.textContent = 'Copied'
  } catch {
    // A page opened from a file may not write to the clipboard; what is selected can still be copied by hand.
    getSelection().selectAllChildren(command)
    button.textContent = 'Selected'
  }
  spoken.textContent = button.textContent
})
})()
`
