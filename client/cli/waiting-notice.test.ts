/** What is told of a task that waits when its process stands still now and then. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type TestTerminal, testTerminal } from './testing/terminal.ts'
import { NOTICE_AFTER_MS, WaitingNotice } from './waiting-notice.ts'

let nowMs: number
let terminal: TestTerminal
let notice: WaitingNotice

beforeEach(() => {
  nowMs = 0
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  terminal = testTerminal()
  notice = new WaitingNotice(terminal.context, 't')
})
afterEach(() => {
  notice.stop()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** The timer fires, so late. */
function fires(lateMs: number): void {
  nowMs += NOTICE_AFTER_MS + lateMs
  vi.advanceTimersByTime(NOTICE_AFTER_MS)
}

test('A timer that comes in time tells that nothing was heard', () => {
  fires(0)
  expect(terminal.err()).toBe('covey: task t waits for a coordinator; is an agent running? (covey agent)\n')
})

test('After a pause of the process what came meanwhile is read first, and then the next timer tells', () => {
  fires(3_000)
  expect(terminal.err()).toBe('')
  fires(0)
  expect(terminal.err()).toContain('waits for a coordinator')
})

test('A process that stands still again and again tells it all the same', () => {
  fires(3_000)
  fires(3_000)
  expect(terminal.err()).toContain('waits for a coordinator')
})
