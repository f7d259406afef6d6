import { describe, expect, it } from 'vitest'
import { POINTS_MAX } from './chart.ts'
import { perSecond } from './charts.ts'
import { embedJson, escapeHtml } from './escape.ts'
import { EMBEDDED_SAMPLES_MAX, renderHtml } from './html.ts'
import type { Band } from './model.ts'
import { ROWS_MAX } from './tables.ts'
import { sampleReport } from './testing/sample.ts'
import { lanesOf } from './timeline.ts'

const HOSTILE = `</script><img src=x onerror="alert(1)"> '&<!--\u2028`

const dataOf = (page: string): unknown =>
  JSON.parse(
    /<script type="application\/json" id="report"[^>]*>([\s\S]*?)<\/script>/.exec(page)?.[1] ?? 'null',
  )

describe('the page of a report', () => {
  it('is the same for the same report, and carries it', () => {
    const report = sampleReport()
    const page = renderHtml(report)
    expect(renderHtml(structuredClone(report))).toBe(page)
    expect(dataOf(page)).toEqual(report)
  })

  it('takes every text for a text, wherever it comes from', () => {
    const report = sampleReport(
      {},
      {
        scenario: HOSTILE,
        about: HOSTILE,
        seed: HOSTILE,
        command: HOSTILE,
        broker: HOSTILE,
        hash: HOSTILE,
        totals: { ...sampleReport().totals, ended: { [HOSTILE]: 1 } },
        bands: [{ kind: 'fault', fromMs: 0, toMs: 9, label: HOSTILE }],
        expectations: [{ text: HOSTILE, met: true, value: HOSTILE }],
        violations: [{ invariant: HOSTILE, atMs: 1, message: HOSTILE }],
      },
    )
    const page = renderHtml(report)
    expect(page).not.toContain('<img')
    expect(page.match(/<script\b/g)).toHaveLength(2)
    expect(page.match(/<\/script/g)).toHaveLength(2)
    expect(page).not.toContain('<!--')
    expect(dataOf(page)).toEqual(report)
  })

  it('escapes what could end a text, an attribute or a script', () => {
    expect(escapeHtml(`<a href='x' "&">`)).toBe('&lt;a href=&#39;x&#39; &quot;&amp;&quot;&gt;')
    expect(escapeHtml('a\u0000b\u001bc\nd\ud800')).toBe('a\ufffdb\ufffdc\nd\ufffd')
    expect(embedJson({ a: '</script>\u2029' })).toBe('{"a":"\\u003c/script\\u003e\\u2029"}')
  })

  it('stays small however long the run was', () => {
    const report = sampleReport({ samples: 12_000 })
    const page = renderHtml(report)
    const lines = [...page.matchAll(/class="line s\d" d="([^"]*)"/g)].map((match) => match[1] ?? '')
    expect(lines.length).toBeGreaterThan(8)
    // A step has two commands a sample.
    for (const line of lines) expect(line.match(/[MLHV]/g)?.length).toBeLessThanOrEqual(2 * POINTS_MAX)
    const data = dataOf(page) as typeof report
    expect(data.series.atMs.length).toBeLessThanOrEqual(EMBEDDED_SAMPLES_MAX)
    expect(page).toContain('data-samples-merged="3"')
  })

  it('lists so many violations and says how many more there are', () => {
    const violation = { invariant: 'I4', atMs: 1, message: 'one of many' }
    const page = renderHtml(
      sampleReport({}, { violations: Array.from({ length: ROWS_MAX + 7 }, () => violation) }),
    )
    expect(page.match(/<td class="wide">one of many/g)).toHaveLength(ROWS_MAX)
    expect(page).toContain('7 more are in the data')
  })

  it.each([
    ['Passed', { expectations: [], violations: [] }],
    ['Failed', { violations: [] }],
    ['Failed', { expectations: [] }],
    ['Incomplete', { expectations: [], violations: [], partial: true }],
  ])('says %s of a run with %o', (word, instead) => {
    expect(renderHtml(sampleReport({}, instead))).toMatch(new RegExp(`</span> ${word}</b>`))
  })

  it('can be made of a run that ended before its first sample', () => {
    const none = sampleReport({ samples: 0 }, { bands: [], durationMs: 0, partial: true })
    const page = renderHtml(none)
    const marks = page.replace(/<(style|script)[\s\S]*?<\/\1>/g, '')
    expect(marks).toContain('id="chart-latency"')
    expect(marks).not.toMatch(/NaN|Infinity|undefined/)
    expect(marks).not.toContain('chart-timeline')
  })
})

describe('what the charts draw', () => {
  it('events a second of the time since the sample before', () => {
    expect(perSecond([500, 2_500, 2_500], [1, 4, 2])).toEqual([2, 2, null])
  })

  it('disturbances that overlap on lanes of their own, up to a limit', () => {
    const band = (fromMs: number, toMs: number): Band => ({ kind: 'fault', fromMs, toMs, label: '' })
    expect(lanesOf([band(0, 10), band(5, 8), band(8, 9), band(10, 12)], 8)).toEqual([0, 1, 1, 0])
    expect(lanesOf([band(5, 8), band(0, 10), band(6, 7)], 2)).toEqual([1, 0, 1])
  })
})
