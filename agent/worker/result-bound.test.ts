import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VALUE_JSON_BYTES_MAX } from '../../shared/functions/bounds.ts'
import { boundResult, OUTPUT_JSON_BYTES_MAX } from './result-bound.ts'

const jsonSize = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2

describe('result bound', () => {
  it('leaves small results alone', () => {
    const result = { exitCode: 0, stdout: 'fine', stderr: '' }
    expect(boundResult(result)).toEqual(result)
  })

  it('keeps a value whole or leaves it out', () => {
    expect(boundResult({ value: { a: [1] } })).toEqual({ value: { a: [1] } })
    expect(boundResult({ value: null })).toEqual({ value: null })
    const fits = '€'.repeat((VALUE_JSON_BYTES_MAX - 2) / 3)
    expect(boundResult({ value: fits })).toEqual({ value: fits })
    expect(boundResult({ value: `${fits}€`, stdout: 'x' })).toEqual({ stdout: 'x', truncated: true })
  })

  it('keeps any output within what a message carries, whatever bytes it is made of', () => {
    const unit = fc.constantFrom('\u0000', '"', '\\', 'a', 'é', '€', '😀', '\ud83d', '\udc00', '\n')
    fc.assert(
      fc.property(fc.array(unit, { minLength: 1, maxLength: 6 }), (units) => {
        const stdout = units.join('').repeat(40_000)
        const bound = boundResult({ stdout })
        expect(jsonSize(bound.stdout ?? '')).toBeLessThanOrEqual(OUTPUT_JSON_BYTES_MAX)
        expect(stdout.startsWith(bound.stdout ?? '?')).toBe(true)
        expect(bound.truncated === true).toBe(bound.stdout !== stdout)
      }),
      { numRuns: 50 },
    )
  })
})
