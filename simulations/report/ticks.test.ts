import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOG_RATIO_MIN, position, scaleOf, timeScale, type Unit } from './scale.ts'
import { clockStep, logTicks, multiples, niceStep } from './ticks.ts'

describe('the marks of an axis', () => {
  it.each([
    [10, 4, 2],
    [7, 4, 2],
    [100, 4, 20],
    [1, 4, 0.2],
    [0.3, 3, 0.1],
    [40, 3, 10],
    [126, 3, 50],
    [12_345, 5, 2_000],
  ])('stand over %d, about %d of them, %d apart', (span, target, step) => {
    expect(niceStep(span, target)).toBeCloseTo(step, 12)
  })

  it('are 1, 2 or 5 times a power of ten apart, neither crowded nor alone', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e12, noNaN: true }),
        fc.integer({ min: 2, max: 10 }),
        (span, target) => {
          const step = niceStep(span, target)
          const lead = Number(step.toExponential(6).split('e')[0])
          expect([1, 2, 5, 10]).toContain(lead)
          const count = span / step
          expect(count).toBeGreaterThanOrEqual(target / 1.6)
          expect(count).toBeLessThanOrEqual(target * 1.6)
        },
      ),
    )
  })

  it('are round numbers without the noise of binary fractions', () => {
    expect(multiples(0, 1, 0.1)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1])
    expect(multiples(3, 21, 5)).toEqual([5, 10, 15, 20])
  })

  it.each([
    [600_000, 6, 120_000],
    [60_000, 6, 10_000],
    [90_000, 6, 15_000],
    [86_400_000, 6, 21_600_000],
    [7 * 86_400_000, 7, 86_400_000],
    [400, 4, 100],
    [100 * 86_400_000, 6, 20 * 86_400_000],
  ])('of %d ms, at most %d, are as far apart as on a clock: %d', (spanMs, target, stepMs) => {
    expect(clockStep(spanMs, target)).toBe(stepMs)
  })

  it('on a logarithmic axis are round durations around all values, and few', () => {
    expect(logTicks(3, 900, 5)).toEqual([2, 10, 100, 1000])
    expect(logTicks(80, 60_000, 4)).toEqual([50, 1000, 10_000, 60_000])
    const values = fc.tuple(
      fc.double({ min: 0.001, max: 1e9, noNaN: true }),
      fc.double({ min: 50, max: 1e9, noNaN: true }),
    )
    fc.assert(
      fc.property(values, ([min, ratio]) => {
        const max = Math.min(1e12, min * ratio)
        const ticks = logTicks(min, max, 4)
        expect(ticks.length).toBeLessThanOrEqual(6)
        expect(ticks.length).toBeGreaterThanOrEqual(2)
        expect(ticks).toEqual([...new Set(ticks)].sort((a, b) => a - b))
        expect(ticks[0]).toBeLessThanOrEqual(min)
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(max)
      }),
    )
  })
})

describe('an axis', () => {
  const units = fc.constantFrom<Unit>('count', 'share', 'rate', 'duration')
  const values = fc.array(fc.option(fc.double({ min: 0, max: 1e11, noNaN: true })), { maxLength: 30 })

  it('holds every value and every mark, whatever the values', () => {
    fc.assert(
      fc.property(units, values, (unit, list) => {
        const scale = scaleOf(unit, list)
        expect(Number.isFinite(scale.min) && Number.isFinite(scale.max) && scale.min < scale.max).toBe(true)
        for (const value of [...list, ...scale.ticks]) {
          if (value === null) continue
          expect(value).toBeLessThanOrEqual(scale.max * (1 + 1e-9))
          expect(position(scale, value)).toBeGreaterThanOrEqual(0)
          expect(position(scale, value)).toBeLessThanOrEqual(1)
        }
        expect(scale.ticks.length).toBeGreaterThanOrEqual(2)
        expect(scale.ticks.length).toBeLessThanOrEqual(8)
      }),
    )
  })

  it('is logarithmic for durations that lie far apart, and for nothing else', () => {
    expect(scaleOf('duration', [1, LOG_RATIO_MIN - 1]).kind).toBe('linear')
    expect(scaleOf('duration', [null, 0, 1, LOG_RATIO_MIN]).kind).toBe('log')
    expect(scaleOf('count', [1, 100_000]).kind).toBe('linear')
  })

  it('counts in whole steps and shows shares from nothing to all', () => {
    expect(scaleOf('count', [1]).ticks).toEqual([0, 1, 2])
    expect(scaleOf('share', [0.1]).ticks).toEqual([0, 0.5, 1])
    expect(scaleOf('count', []).ticks).toEqual([0, 1, 2])
  })

  it('of time begins at the start and ends at the end', () => {
    const scale = timeScale(600_000, 6)
    expect([position(scale, 0), position(scale, 300_000), position(scale, 600_000)]).toEqual([0, 0.5, 1])
    expect(timeScale(0, 6).max).toBe(1)
  })
})
