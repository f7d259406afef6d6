import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FIGURES_SCRIPT, formatCount, formatMoment, formatMs, formatRate, formatShare } from './figures.ts'

describe('figures for people', () => {
  it.each([
    [formatCount(0), '0'],
    [formatCount(1_234_567), '1,234,567'],
    [formatCount(1234.567), '1,234.57'],
    [formatCount(-12_000), '-12,000'],
    [formatShare(0.005), '0.5%'],
    [formatShare(0.42), '42%'],
    [formatShare(1), '100%'],
    [formatRate(3.25), '3.25/s'],
    [formatMs(null), '–'],
    [formatMs(0), '0ms'],
    [formatMs(0.1234), '0.123ms'],
    [formatMs(999.4), '999ms'],
    [formatMs(999.6), '1s'],
    [formatMs(1_234), '1.23s'],
    [formatMs(59_970), '1m 00s'],
    [formatMs(125_000), '2m 05s'],
    [formatMs(3_840_000), '1h 04m'],
    [formatMs(266_400_000), '3d 02h'],
    [formatMoment(0), '0'],
    [formatMoment(250), '250ms'],
    [formatMoment(31_449), '31.4s'],
    [formatMoment(120_000), '2m'],
    [formatMoment(3_870_000), '1h 4m 30s'],
  ])('are written as %s', (found, expected) => {
    expect(found).toBe(expected)
  })

  it('are written by the page as they are here', () => {
    const names = ['formatCount', 'formatShare', 'formatRate', 'formatMs', 'formatMoment'] as const
    const make = new Function(`${FIGURES_SCRIPT}\nreturn { ${names.join(', ')} }`)
    const page = make() as Record<string, (value: number) => string>
    const here = { formatCount, formatShare, formatRate, formatMs, formatMoment }
    const value = fc.oneof(
      fc.double({ min: 0, max: 1e9, noNaN: true }),
      fc.integer({ min: 0, max: 1_000_000 }),
    )
    fc.assert(
      fc.property(value, fc.constantFrom(...names), (of, name) => {
        expect(page[name]?.(of)).toBe(here[name](of))
      }),
      { numRuns: 2_000 },
    )
    expect(page['formatMs']?.(null as unknown as number)).toBe(formatMs(null))
  })
})
