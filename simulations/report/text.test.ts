import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sampleReport } from './testing/sample.ts'
import { reportText } from './text.ts'

const LONG = 'a-word-that-never-ends-'.repeat(9)

describe('the text of a report', () => {
  it('says what counts and ends with the command', () => {
    const report = sampleReport()
    const text = reportText(report)
    const lines = text.split('\n')
    expect(lines.slice(-2)).toEqual([report.command, ''])
    expect(text).toContain('Failed: 1 of 2 expectations met, 1 violation of invariants')
    expect(text).toMatch(/NOT MET {2}latency\.ended\.p99: "<= 5s", found 7\.71s/)
    expect(text).toMatch(/met {6}lost: 0, found 0/)
    expect(text).toContain('- I4 at 1m 24.3s: device d17')
    expect(text).toMatch(/^ {2}timed out +4 /m)
    expect(text).toMatch(/^ {2}reroute +0( +–){4}$/m)
  })

  it('says of a figure that must be 0 that it is not', () => {
    const { totals } = sampleReport()
    expect(reportText(sampleReport({}, { totals: { ...totals, lost: 2 } }))).toMatch(
      /lost +2 .*\(must be 0\)/,
    )
    expect(reportText(sampleReport())).not.toContain('must be 0')
  })

  it('is at most 80 columns wide and never moves the cursor, whatever it is given', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 300 }),
      fc.constant(LONG),
      fc.constant('\u001b[31m\r\u202e'),
    )
    fc.assert(
      fc.property(text, text, text, (a, b, c) => {
        const report = sampleReport(
          { samples: 5 },
          {
            scenario: a,
            about: b,
            seed: c,
            broker: a,
            command: '',
            totals: { ...sampleReport({ samples: 5 }).totals, ended: { [a]: 123_456_789 } },
            expectations: [{ text: b, met: false, value: c }],
            violations: [{ invariant: a, atMs: 0, message: b }],
          },
        )
        for (const line of reportText(report).split('\n')) {
          // Marks that stand on the character before them take no column of their own.
          expect([...line.replace(/[\p{Mn}\p{Me}]/gu, '')].length, line).toBeLessThanOrEqual(80)
          expect(line).not.toMatch(/\p{Cc}|\p{Cf}/u)
        }
      }),
    )
  })

  it('gives wide characters two columns', () => {
    const { about } = sampleReport({}, { about: '雪'.repeat(60) })
    const lines = reportText(sampleReport({}, { about }))
      .split('\n')
      .filter((line) => line.includes('雪'))
    expect(lines.map((line) => line.trim().length)).toEqual([39, 21])
  })

  it('lists so many violations and counts the rest', () => {
    const violations = Array.from({ length: 60 }, () => ({ invariant: 'I2', atMs: 0, message: 'x' }))
    const text = reportText(sampleReport({}, { violations }))
    expect(text.match(/- I2/g)).toHaveLength(50)
    expect(text).toContain('and 10 more')
  })
})
