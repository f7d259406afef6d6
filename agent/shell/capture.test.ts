import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Capture, cutToJsonBytes } from './capture.ts'
import { ByteBudget, LiveOutput } from './live-output.ts'

const jsonBytes = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2
/** Bytes in pieces: text and rubbish. */
const pieces = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  ),
)

describe('captured output', () => {
  it('is the longest start that fits, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(100), (text, bytesMax) => {
        const cut = cutToJsonBytes(text, bytesMax)
        expect(text.startsWith(cut)).toBe(true)
        expect(jsonBytes(cut)).toBeLessThanOrEqual(bytesMax)
        const next = String.fromCodePoint(
          ...[...text.slice(cut.length)].slice(0, 1).map((c) => c.codePointAt(0) as number),
        )
        expect(next === '' || jsonBytes(cut + next) > bytesMax).toBe(true)
      }),
    )
  })

  it('is all there is when it fits, and else a start of it that says so', () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 1, max: 200 }), (parts, bytesMax) => {
        const capture = new Capture(bytesMax)
        for (const part of parts) capture.add(part)
        const { text, truncated } = capture.text()
        const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(parts))
        expect(jsonBytes(text)).toBeLessThanOrEqual(bytesMax)
        expect(whole.startsWith(text)).toBe(true)
        expect(truncated).toBe(text !== whole)
      }),
    )
  })
})

describe('live output', () => {
  it('is what was written, whatever the pieces, while it stays within the rate', () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 4, max: 50 }), (parts, logChunkBytesMax) => {
        const passed: string[] = []
        const limits = { logBytesPerSecondMax: 1e9, logChunkBytesMax, logFlushMs: 1e6 }
        const live = new LiveOutput(new ByteBudget(1e9), limits, (text) => passed.push(text))
        for (const part of parts) live.add(part)
        live.end()
        expect(passed.join('')).toBe(
          new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(parts)),
        )
        expect(passed).not.toContain('')
      }),
    )
  })

  it('says how much it left out as soon as it goes on', () => {
    let nowMs = 0
    const passed: string[] = []
    const limits = { logBytesPerSecondMax: 100, logChunkBytesMax: 103, logFlushMs: 1e6 }
    const budget = new ByteBudget(100, () => nowMs)
    const live = new LiveOutput(budget, limits, (text) => passed.push(text))
    live.add(Buffer.alloc(350, 'a'))
    nowMs = 2_000
    live.add(Buffer.alloc(50, 'b'))
    live.end()
    expect(passed).toEqual([
      'a'.repeat(100),
      '\n[covey: left out 200 bytes, output exceeds 100 bytes a second]\n',
      'a'.repeat(50) + 'b'.repeat(50),
    ])
  })
})
