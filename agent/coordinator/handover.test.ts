import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonBytes } from '../../shared/protocol/json-text.ts'
import { AFTER_MAX, HANDOVER_BYTES_MAX, type TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { handOver } from './handover.ts'
import { newTask, type TaskRecord } from './task-record.ts'

const RUN = { exec: ['true'] }

function known(results: Record<string, TaskRecord['result']>): (id: string) => TaskRecord | undefined {
  return (id) => {
    const task = newTask(id, 1, '', '')
    task.result = results[id]
    return id in results ? task : undefined
  }
}

describe('the input of a task', () => {
  it('is its own when it is after nothing', () => {
    const spec: TaskSpec = { run: RUN, input: [1] }
    expect(handOver(spec, known({}))).toBe(spec)
  })

  it('holds what its predecessors put out, beside its own', () => {
    const find = known({
      a: { exitCode: 0, stdout: 'one\n', stderr: 'loud' },
      b: { stdout: 'cu', truncated: true },
    })
    const after = { a: { exitCode: 0, stdout: 'one\n' }, b: { stdout: 'cu', truncated: true } }
    expect(handOver({ run: RUN, after: ['a', 'b'] }, find).input).toEqual({ after })
    expect(handOver({ run: RUN, after: ['a', 'b'], input: null }, find).input).toEqual({ input: null, after })
  })

  it('holds what functions returned, each whole or not at all', () => {
    const large = 'x'.repeat(HANDOVER_BYTES_MAX / 2)
    const find = known({ a: { value: { n: [1] }, stdout: '' }, b: { value: large, stdout: 'kept' } })
    expect(handOver({ run: RUN, after: ['a'] }, find).input).toEqual({
      after: { a: { value: { n: [1] }, stdout: '' } },
    })
    expect(handOver({ run: RUN, after: ['b', 'a'] }, find).input).toEqual({
      after: { b: { stdout: 'kept', truncated: true }, a: { value: { n: [1] }, stdout: '' } },
    })
  })

  it('names a predecessor of which nothing is known any more, or that put nothing out', () => {
    const input = handOver({ run: RUN, after: ['gone', 'mute'] }, known({ mute: { exitCode: 0 } })).input
    expect(input).toEqual({ after: { gone: { stdout: '' }, mute: { exitCode: 0, stdout: '' } } })
  })

  it('never holds more of it than fits into an inbox, and cuts nothing that fits', () => {
    const text = fc.tuple(fc.constantFrom('a', '"', '\u0001', '€', '😀'), fc.integer({ min: 0, max: 50_000 }))
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: AFTER_MAX }), (texts) => {
        const outputs = texts.map(([unit, count]) => unit.repeat(count))
        const results = Object.fromEntries(outputs.map((stdout, n) => [`t${n}`, { stdout }]))
        const { input } = handOver({ run: RUN, after: Object.keys(results) }, known(results))
        const { after } = input as { after: Record<string, { stdout: string; truncated?: true }> }
        const bytes = (all: string[]) =>
          all.reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)) - 2, 0)
        expect(bytes(Object.values(after).map(({ stdout }) => stdout))).toBeLessThanOrEqual(
          HANDOVER_BYTES_MAX,
        )
        for (const [n, stdout] of outputs.entries()) {
          const given = after[`t${n}`]
          expect(stdout.startsWith(given?.stdout ?? '?')).toBe(true)
          expect(given?.truncated === true).toBe(given?.stdout !== stdout)
          if (jsonBytes(stdout) <= HANDOVER_BYTES_MAX / texts.length) expect(given?.stdout).toBe(stdout)
        }
      }),
      { numRuns: 50 },
    )
  })
})
