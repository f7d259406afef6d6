import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { BUCKETED_MS_MIN, EXACT_VALUES_MAX, RELATIVE_ERROR_MAX, Sketch } from './percentiles.ts'

const sketchOf = (values: readonly number[]): Sketch => {
  const sketch = new Sketch()
  for (const value of values) sketch.add(value)
  return sketch
}

/** Written to be obviously right: the least value that so many percent of all do not exceed. */
function exact(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return (
    sorted.find(
      (value) => sorted.filter((other) => other <= value).length * 100 >= percent * sorted.length,
    ) ?? NaN
  )
}

/** The same for many values, by counting down the sorted ones. */
function ranked(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted.find((_, n) => (n + 1) * 100 >= percent * sorted.length) ?? NaN
}

/** A little more than the bound, for the rounding of the logarithm itself. */
const BOUND = RELATIVE_ERROR_MAX * (1 + 1e-9)

function expectWithinBound(values: readonly number[], sketch = sketchOf(values)): void {
  const found = sketch.percentiles()
  expect(found.count).toBe(values.length)
  expect(found.max).toBe(values.reduce((max, value) => Math.max(max, value)))
  for (const [percent, value] of [
    [50, found.p50],
    [95, found.p95],
    [99, found.p99],
  ] as const) {
    const truth = ranked(values, percent)
    const allowed = Math.max(truth * BOUND, BUCKETED_MS_MIN)
    expect(Math.abs((value ?? NaN) - truth), `p${percent} ${value}, in truth ${truth}`).toBeLessThanOrEqual(
      allowed,
    )
  }
}

const spreads: Record<string, (random: Random) => number> = {
  'a few milliseconds': (random) => random.between(1, 20),
  'ten orders of magnitude': (random) => 10 ** random.between(-3, 7),
  'a long tail': (random) => random.exponential(1) ** 4 * 50,
  'two heaps far apart': (random) => (random.chance(0.96) ? 2 : 90_000) + random.float(),
  'zeros and little else': (random) => (random.chance(0.9) ? 0 : random.float()),
  'one value alone': () => 1234.5,
}

describe('percentiles of durations', () => {
  it('are exact while there are few', () => {
    const few = fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 120 })
    fc.assert(
      fc.property(few, (values) => {
        const { p50, p95, p99, max, count } = sketchOf(values).percentiles()
        expect({ count, p50, p95, p99, max }).toEqual({
          count: values.length,
          p50: exact(values, 50),
          p95: exact(values, 95),
          p99: exact(values, 99),
          max: Math.max(...values),
        })
      }),
    )
  })

  it.each(Object.keys(spreads))('stay within 1 % of the truth when there are many: %s', (name) => {
    const draw = spreads[name] as (random: Random) => number
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: EXACT_VALUES_MAX + 1, max: 12_000 }), (seed, count) => {
        const random = new Random(seed)
        expectWithinBound(Array.from({ length: count }, () => draw(random)))
      }),
      { numRuns: 12 },
    )
  })

  it('are the same whether durations came one by one or from other sketches, few or many', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: EXACT_VALUES_MAX + 300 }), {
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(fc.string(), sizes, (seed, counts) => {
        const random = new Random(seed)
        const parts = counts.map((count) => Array.from({ length: count }, () => random.exponential(700)))
        const merged = new Sketch()
        for (const part of parts) merged.merge(sketchOf(part))
        expect(merged.percentiles()).toEqual(sketchOf(parts.flat()).percentiles())
      }),
      { numRuns: 30 },
    )
  })

  it('leave what is merged as it was, also when it is merged with itself', () => {
    for (const count of [3, EXACT_VALUES_MAX + 1]) {
      const sketch = sketchOf(Array.from({ length: count }, (_, n) => n))
      const before = sketch.percentiles()
      new Sketch().merge(sketch)
      expect(sketch.percentiles()).toEqual(before)
      sketch.merge(sketch)
      expect(sketch.count).toBe(2 * count)
      expect(sketch.percentiles().max).toBe(before.max)
    }
  })

  it('are null where nothing was measured', () => {
    expect(new Sketch().percentiles()).toEqual({ count: 0, p50: null, p95: null, p99: null, max: null })
  })

  it('count what is longer than the buckets reach, and keep the longest', () => {
    const values = Array.from({ length: EXACT_VALUES_MAX + 1 }, () => 1e15)
    expect(sketchOf([...values, 3e15]).percentiles()).toMatchObject({ count: values.length + 1, max: 3e15 })
  })

  it.each([-1, NaN, Infinity])('refuse %s', (ms) => {
    expect(() => new Sketch().add(ms)).toThrow(`finite: ${ms}`)
  })
})
