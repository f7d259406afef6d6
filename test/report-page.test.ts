/**
 * The page of a simulation's report in a real browser: it loads nothing, complains of nothing, draws what the report
 * says, and can be read in the dark, on a phone, with the keyboard and on paper.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { perSecond } from '../simulations/report/charts.ts'
import { formatCount, formatMoment, formatMs, formatRate } from '../simulations/report/figures.ts'
import { renderHtml } from '../simulations/report/html.ts'
import type { SimReport } from '../simulations/report/model.ts'
import { sampleReport } from '../simulations/report/testing/sample.ts'
import { requires } from './requires.ts'

const browserProgram = requires('chromium')
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const WIDE = { width: 1280, height: 900 }
const PHONE = { width: 360, height: 740 }
const HOSTILE = '</script><img src=x onerror="document.title=1">'

describe.skipIf(!browserProgram.available)('the page of a report in a browser', () => {
  let folder: string
  let browser: Browser
  const opened: { page: Page; requests: string[]; complaints: string[] }[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'covey-report-page-'))
    browser = await chromium.launch({ executablePath: browserProgram.path, args: ARGUMENTS })
  })
  afterAll(async () => {
    await browser.close()
    // Kept when asked for, so that a person can look at what the browser saw.
    if (process.env['COVEY_KEEP_SCREENSHOTS'] === undefined) rmSync(folder, { recursive: true })
    else process.stderr.write(`screenshots are in ${folder}\n`)
  })
  afterEach(async () => {
    for (const { page, requests, complaints } of opened.splice(0)) {
      expect(complaints).toEqual([])
      // The page itself, and nothing else.
      expect(requests).toEqual([page.url()])
      await page.context().close()
    }
  })

  const open = async (report: SimReport, options: BrowserContextOptions = {}): Promise<Page> => {
    const path = join(folder, 'report.html')
    writeFileSync(path, renderHtml(report))
    const context = await browser.newContext({ viewport: WIDE, ...options })
    const page = await context.newPage()
    const [requests, complaints]: [string[], string[]] = [[], []]
    page.on('request', (request) => requests.push(request.url()))
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    opened.push({ page, requests, complaints })
    await page.goto(pathToFileURL(path).href)
    return page
  }

  const screenshot = async (page: Page, name: string): Promise<void> => {
    const png = await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
    expect(png.subarray(1, 4).toString()).toBe('PNG')
  }

  /** The sample that is nearest to the middle of the time that the charts show. */
  const middleOf = ({ series, durationMs }: SimReport): number =>
    series.atMs.reduce(
      (best, ms, n) =>
        Math.abs(ms - durationMs / 2) < Math.abs((series.atMs[best] ?? 0) - durationMs / 2) ? n : best,
      0,
    )

  it('draws every chart, with every mark inside of it', async () => {
    const page = await open(sampleReport())
    const plots = await page.evaluate<{ id: string; box: number[]; paths: string[]; rects: number[][] }[]>(`
      [...document.querySelectorAll('figure.chart')].map((figure) => {
        const plot = figure.querySelector('svg.plot')
        const { width, height } = plot.viewBox.baseVal
        return {
          id: figure.id,
          box: [width, height],
          paths: [...plot.querySelectorAll('path[d]')].map((path) => path.getAttribute('d')),
          rects: [...plot.querySelectorAll('rect')].map((rect) =>
            ['x', 'y', 'width', 'height'].map((name) => Number(rect.getAttribute(name)))),
        }
      })`)
    expect(plots.map((plot) => plot.id)).toEqual(
      ['timeline', 'devices', 'load', 'tasks', 'events', 'latency'].map((id) => `chart-${id}`),
    )
    for (const { id, box, paths, rects } of plots) {
      const [width = 0, height = 0] = box
      expect(paths.length, id).toBeGreaterThanOrEqual(2)
      for (const d of paths) for (const [px, py] of placesOf(d)) expectInside(px, py, width, height, id)
      expect(rects.length, id).toBe(20)
      for (const [px = NaN, py = NaN, w = NaN, h = NaN] of rects) {
        expectInside(px, py, width, height, id)
        expectInside(px + w, py + h, width, height, id)
      }
    }
    const lines = await each<number>(page, '.plot .line:not(.lone)', 'element.getTotalLength()')
    expect(lines).toHaveLength(10)
    expect(Math.min(...lines)).toBeGreaterThan(100)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(WIDE.width)
    await screenshot(page, 'light')
  })

  it('lists in its tables what the report says', async () => {
    const report = sampleReport()
    const page = await open(report)
    const rows = (heading: string): Promise<string[]> =>
      page.locator(`section:has(h2:text-is("${heading}")) tbody tr`).allInnerTexts()
    expect(await rows('Expectations')).toEqual([
      expect.stringMatching(/✓ met\s+lost: 0\s+0/),
      expect.stringMatching(/✗ not met\s+latency\.ended\.p99: "<= 5s"\s+7\.71s/),
    ])
    expect(await rows('Violations of invariants')).toEqual([
      expect.stringMatching(/^I4\s+1m 24\.3s\s+device d17/),
    ])
    const durations = await rows('Durations')
    expect(durations).toHaveLength(4)
    expect(durations[1]).toContain(formatMs(report.latency.ended.p99))
    const totals = await rows('Totals')
    expect(totals).toHaveLength(15)
    expect(totals.join('\n')).toMatch(new RegExp(`messages.*\\s${formatCount(report.totals.messages)}`))
    await page.getByText('disturbances as a table').click()
    expect(await rows('Course of the run')).toHaveLength(report.bands.length)
    expect(await page.locator('.verdict').innerText()).toMatch(/^✗ Failed/)
    expect(await page.locator('#command').innerText()).toBe(report.command)
  })

  it('reads the values under the pointer in all charts, and puts them away when it leaves', async () => {
    const report = sampleReport()
    const { series } = report
    const page = await open(report)
    const n = middleOf(report)
    const value = (key: string) => page.locator(`[data-key="${key}"]`)
    const before = await value('running').innerText()
    expect(before).toBe(`max ${formatCount(Math.max(...series.running))}`)
    await page.locator('#chart-tasks .plot').hover()
    expect(await page.locator('#chart-load .moment').innerText()).toBe(
      `at ${formatMoment(series.atMs[n] ?? NaN)}`,
    )
    expect(await value('running').innerText()).toBe(formatCount(series.running[n] ?? NaN))
    expect(await value('placements').innerText()).toBe(
      formatRate(perSecond(series.atMs, series.placements)[n] ?? NaN),
    )
    expect(await value('latencyP95Ms').innerText()).toBe(formatMs(series.latencyP95Ms[n] ?? NaN))
    for (const d of await each<string>(page, '.plot .dot', 'element.getAttribute("d")')) {
      for (const [px, py] of placesOf(d)) expectInside(px, py, 1_000, 1_000, 'dot')
    }
    await screenshot(page, 'hover')
    await page.mouse.move(1, 1)
    expect(await value('running').innerText()).toBe(before)
    expect(await page.locator('#chart-load .moment').isVisible()).toBe(false)
  })

  it('reads values with the keyboard alone and says them aloud', async () => {
    const report = sampleReport()
    const page = await open(report)
    await page.locator('#chart-tasks .frame').focus()
    await page.keyboard.press('End')
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowRight')
    const { series } = report
    expect(await page.locator('#spoken').textContent()).toBe(
      `at ${formatMoment(series.atMs[1] ?? NaN)}: running ${series.running[1]}, waiting ${series.queue[1]}`,
    )
  })

  it('tells which disturbances there were at that time', async () => {
    const bands = [{ kind: 'fault', fromMs: 0, toMs: 600_000, label: `all the time ${HOSTILE}` }] as const
    const page = await open(sampleReport({}, { bands }))
    await page.locator('#chart-timeline .plot').hover()
    expect(await page.locator('[data-now]').innerText()).toBe(bands[0].label)
  })

  it('copies the command', async () => {
    const report = sampleReport()
    const page = await open(report, { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.locator('#copy').click()
    await page.locator('#copy:text-is("Copied")').waitFor({ timeout: 10_000 })
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(report.command)
  })

  it('runs nothing that a report smuggles in', async () => {
    const page = await open(
      sampleReport({}, { scenario: HOSTILE, about: HOSTILE, command: HOSTILE, seed: HOSTILE }),
    )
    expect(await page.locator('h1').innerText()).toBe(HOSTILE)
    expect(await page.locator('img').count()).toBe(0)
    expect(await page.title()).toContain('onerror')
    expect(await page.evaluate('JSON.parse(document.getElementById("report").textContent).scenario')).toBe(
      HOSTILE,
    )
  })

  it('forbids by its policy what could slip in all the same', async () => {
    const page = await open(sampleReport())
    const blocked = await page.evaluate<string[]>(`new Promise((resolve) => {
      const seen = []
      document.addEventListener('securitypolicyviolation', (event) => {
        seen.push(event.effectiveDirective)
        if (seen.length === 3) resolve(seen)
      })
      const add = (name, attributes) => document.body.append(Object.assign(document.createElement(name), attributes))
      add('script', { textContent: 'document.title = "smuggled"' })
      add('style', { textContent: 'body { display: none }' })
      add('img', { src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' })
    })`)
    expect(blocked.sort()).toEqual(['img-src', 'script-src-elem', 'style-src-elem'])
    expect(await page.title()).not.toBe('smuggled')
    expect(await page.locator('h1').isVisible()).toBe(true)
    for (const { complaints } of opened) {
      expect(complaints.splice(0)).toEqual(Array(3).fill(expect.stringContaining('Content Security Policy')))
    }
  })

  it.each(['light', 'dark'] as const)('has enough contrast in %s', async (colorScheme) => {
    const page = await open(sampleReport(), { colorScheme })
    const color = async (selector: string, property: string): Promise<string> =>
      (await each<string>(page, selector, `getComputedStyle(element)['${property}']`))[0] ?? 'none'
    const ground = luminance(await color('body', 'backgroundColor'))
    expect(ground > 0.5).toBe(colorScheme === 'light')
    for (const text of ['h1', '.facts dt', '.note', '.legend', '.state.good', '.state.bad', '.verdict b']) {
      expect(contrast(luminance(await color(text, 'color')), ground), text).toBeGreaterThanOrEqual(4.5)
    }
    expect(contrast(luminance(await color('.x text', 'fill')), ground)).toBeGreaterThanOrEqual(4.5)
    for (const line of ['.line.s1', '.line.s2', '.line.s3']) {
      expect(contrast(luminance(await color(line, 'stroke')), ground), line).toBeGreaterThanOrEqual(3)
    }
    for (const bar of ['.bar.failover', '.bar.fault']) {
      expect(contrast(luminance(await color(bar, 'fill')), ground), bar).toBeGreaterThanOrEqual(3)
    }
    await screenshot(page, colorScheme)
  })

  it('fits a phone, whatever the length of its words', async () => {
    const long = 'x'.repeat(300)
    const page = await open(
      sampleReport(
        {},
        {
          scenario: long,
          about: long,
          seed: long,
          command: long,
          hash: long,
          expectations: [{ text: long, met: false, value: long }],
          violations: [{ invariant: 'I2', atMs: 3_600_000, message: long }],
        },
      ),
      { viewport: PHONE, hasTouch: true, isMobile: true },
    )
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width)
    const text = await each<number>(page, '.frame text', 'parseFloat(getComputedStyle(element).fontSize)')
    expect(Math.min(...text)).toBeGreaterThanOrEqual(11)
    await page.locator('#chart-tasks .plot').tap()
    expect(await page.locator('[data-key="running"]').innerText()).toMatch(/^\d+$/)
    await screenshot(page, 'phone-long')
    const plain = await open(sampleReport(), { viewport: PHONE, hasTouch: true, isMobile: true })
    expect(await plain.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width)
    await screenshot(plain, 'phone')
  })

  it('can be read without its script, and printed', async () => {
    const page = await open(sampleReport(), { javaScriptEnabled: false })
    expect(await page.locator('#copy').isVisible()).toBe(false)
    expect(await page.locator('[data-key="running"]').innerText()).toMatch(/^max \d/)
    await page.pdf({ path: join(folder, 'report.pdf'), format: 'A4' })
    expect(readFileSync(join(folder, 'report.pdf')).subarray(0, 5).toString()).toBe('%PDF-')
  })
})

/** The value of an expression over each `element` that a selector finds; as text, for we know no DOM here. */
function each<T>(page: Page, selector: string, expression: string): Promise<T[]> {
  return page.evaluate(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].map((element) => ${expression})`,
  )
}

/** All places that a path of absolute commands goes through. */
function placesOf(d: string): [number, number][] {
  let [px, py] = [NaN, NaN]
  return [...d.matchAll(/([A-Za-z])([^A-Za-z]*)/g)].flatMap(([, command = '', rest = '']) => {
    const numbers = rest
      .split(' ')
      .filter((text) => text !== '')
      .map(Number)
    if (command === 'Z') return []
    if (command === 'H') px = numbers[0] ?? NaN
    else if (command === 'V') py = numbers[0] ?? NaN
    else if (command === 'M' || command === 'L') [px, py] = [numbers[0] ?? NaN, numbers[1] ?? NaN]
    else throw new Error(`the path has a command that the charts do not draw: ${command}`)
    return [[px, py] as [number, number]]
  })
}

function expectInside(px: number, py: number, width: number, height: number, what: string): void {
  const inside = px >= 0 && px <= width + 0.05 && py >= 0 && py <= height + 0.05
  expect(inside, `${what}: ${px}, ${py} in ${width} by ${height}`).toBe(true)
}

/** Relative luminance of `rgb(r, g, b)`, and contrast, as WCAG 2.2 defines them. */
function luminance(color: string): number {
  const [r = NaN, g = NaN, b = NaN] = (color.match(/[\d.]+/g) ?? []).map((part) => {
    const share = Number(part) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: number, b: number): number {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}
