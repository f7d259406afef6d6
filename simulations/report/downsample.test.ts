import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { downsample } from './downsample.ts'
import { sampleReport } from './testing/sample.ts'
import { thin } from './thin.ts'

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0)
const measured = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null)

describe('drawing fewer samples', () => {
  const values = fc.array(fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { freq: 4 }), {
    minLength: 1,
    maxLength: 400,
  })

  it('keeps the first, last, least and greatest value, every kept one as it was, and their order', () => {
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: 10, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (list, most, step) => {
          const atMs = list.map((_, n) => n * n * step)
          const kept = downsample(atMs, list, most)
          expect(kept.length).toBeLessThanOrEqual(Math.max(most, 10))
          for (const { atMs: at, value } of kept) expect(list[atMs.indexOf(at)]).toBe(value)
          expect(kept.map((point) => point.atMs)).toEqual(
            [...new Set(kept.map((point) => point.atMs))].sort((a, b) => a - b),
          )
          const [all, some] = [measured(list), measured(kept.map((point) => point.value))]
          expect([some[0], some.at(-1)]).toEqual([all[0], all.at(-1)])
          if (all.length > 0)
            expect([Math.min(...some), Math.max(...some)]).toEqual([Math.min(...all), Math.max(...all)])
          expect(kept.some((point) => point.value === null)).toBe(list.includes(null))
        },
      ),
    )
  })

  it('leaves a few samples as they are', () => {
    expect(downsample([1, 2, 3], [5, null, 7], 10)).toEqual([
      { atMs: 1, value: 5 },
      { atMs: 2, value: null },
      { atMs: 3, value: 7 },
    ])
  })

  it('keeps one peak among a hundred thousand samples', () => {
    const atMs = Array.from({ length: 100_000 }, (_, n) => n * 10)
    const list = atMs.map((_, n) => (n === 54_321 ? 9 : 1))
    const kept = downsample(atMs, list, 1_500)
    expect(kept.length).toBeLessThanOrEqual(1_500)
    expect(kept.filter((point) => point.value === 9)).toEqual([{ atMs: 543_210, value: 9 }])
  })
})

describe('a report that travels in a page', () => {
  it('stays as it is while it is small', () => {
    const report = sampleReport({ samples: 50 })
    expect(thin(report, 50)).toEqual({ report, merged: 1 })
  })

  it('has fewer samples, with all events and the worst of everything else', () => {
    const whole = sampleReport({ samples: 301 })
    const { report, merged } = thin(whole, 100)
    expect(merged).toBe(4)
    for (const list of Object.values(report.series)) expect(list).toHaveLength(76)
    expect(report.series.atMs.at(-1)).toBe(whole.series.atMs.at(-1))
    for (const key of ['placements', 'reroutes', 'ends'] as const) {
      expect(sum(report.series[key])).toBe(sum(whole.series[key]))
    }
    expect(Math.min(...report.series.devicesUp)).toBe(Math.min(...whole.series.devicesUp))
    for (const key of ['load', 'queue', 'running', 'latencyP99Ms'] as const) {
      expect(Math.max(...measured(report.series[key]))).toBe(Math.max(...measured(whole.series[key])))
    }
    expect(report.series.latencyP50Ms).toContain(null)
  })
})
