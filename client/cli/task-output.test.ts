import { expect, test } from 'vitest'
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { statusOf } from '../testing/mesh.ts'
import { TaskOutput } from './task-output.ts'
import { testTerminal } from './testing/terminal.ts'

const first = { term: 1, agent: 'pi-1', n: 1 }
const second = { term: 1, agent: 'pi-1', n: 2 }
const ended = (result: object, attempt = first) =>
  statusOf('t', 'succeeded', { attempt, result }) as unknown as TaskStatus
const chunk = (seq: number, text: string, attempt = first, stream: 'stdout' | 'stderr' = 'stdout') => ({
  attempt,
  stream,
  seq,
  text,
})

test('What came live is completed by the result, without anything twice', () => {
  const terminal = testTerminal()
  const output = new TaskOutput(terminal.context, true)
  output.take(chunk(0, 'one\n'))
  output.take(chunk(1, 'warning\n', first, 'stderr'))
  expect(terminal.out()).toBe('one\n')
  output.finish(ended({ stdout: 'one\ntwo\n', stderr: 'warning\n' }))
  expect(terminal.out()).toBe('one\ntwo\n')
  expect(terminal.err()).toBe('warning\n')
})

test('From a hole on nothing is printed live, and the result fills it', () => {
  const terminal = testTerminal()
  const output = new TaskOutput(terminal.context, true)
  output.take(chunk(0, 'a'))
  output.take(chunk(2, 'c'))
  output.take(chunk(1, 'b'))
  output.take(chunk(3, 'd'))
  output.finish(ended({ stdout: 'abcd' }))
  expect(terminal.out()).toBe('abcd')
  expect(terminal.err()).toBe('')
})

test('A second delivery of the same piece is printed once', () => {
  const terminal = testTerminal()
  const output = new TaskOutput(terminal.context, true)
  output.take(chunk(0, 'a'))
  output.take(chunk(0, 'a'))
  output.finish(ended({ stdout: 'a' }))
  expect(terminal.out()).toBe('a')
})

test('Without following, exactly the result is printed', () => {
  const terminal = testTerminal()
  const output = new TaskOutput(terminal.context, false)
  output.take(chunk(0, 'of an attempt that was lost'))
  output.finish(ended({ stdout: 'result' }, second))
  expect(terminal.out()).toBe('result')
})

test('Output of a later attempt is announced, that of an earlier one ignored', () => {
  const terminal = testTerminal()
  const output = new TaskOutput(terminal.context, true)
  output.take(chunk(0, 'x'))
  output.take(chunk(0, 'y', second))
  output.take(chunk(1, 'z'))
  output.finish(ended({ stdout: 'yy' }, second))
  expect(terminal.out()).toBe('xyy')
  expect(terminal.err()).toContain('attempt 2')
})

test('A result that was cut short of what came live repeats nothing and says so', () => {
  const terminal = testTerminal()
  const output = new TaskOutput(terminal.context, true)
  output.take(chunk(0, 'long output'))
  output.finish(ended({ stdout: 'long', truncated: true }))
  expect(terminal.out()).toBe('long output')
  expect(terminal.err()).toContain('cut at the limit')
})
