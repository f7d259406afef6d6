import { describe, expect, it } from 'vitest'
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { HISTORY_CHARS_MAX, HISTORY_MAX } from '../../shared/protocol/schemas/index.ts'
import { ArrayRecord } from './array-record.ts'
import { note } from './history.ts'
import { continueFrom, newTask, statusOf, type TaskRecord } from './task-record.ts'

let second = 0
const instant = () => `2030-01-01T00:00:${String(++second % 60).padStart(2, '0')}Z`

function say(task: TaskRecord, text: string, tasks = 1): void {
  task.explanation = text
  note(task, tasks, instant)
}

const texts = ({ history }: TaskRecord) => history?.map(({ text }) => text)

describe('history', () => {
  it('holds what was decided, once each, and nothing of a task that was only received', () => {
    const task = newTask('t', 1, '', '')
    note(task, 1, instant)
    expect(task.history).toBeUndefined()
    for (const text of ['placed on a', 'placed on a', 'rerouted: a is lost', 'placed on b']) say(task, text)
    expect(texts(task)).toEqual(['placed on a', 'rerouted: a is lost', 'placed on b'])
  })

  it('takes a wait whose reasons change for one: since when, and why at last', () => {
    const task = newTask('t', 1, '', '')
    say(task, 'waits: 1 of 1 devices are offline')
    const since = task.history?.[0]?.at
    say(task, 'waits: 2 of 2 devices are offline')
    expect(task.history).toEqual([{ at: since, text: 'waits: 2 of 2 devices are offline' }])
    say(task, 'placed on a')
    expect(task.history).toHaveLength(2)
  })

  it('is bounded in entries and characters, the more tightly the more tasks there are', () => {
    const task = newTask('t', 1, '', '')
    for (let n = 0; n < 100; n++) say(task, `${n} ${'x'.repeat(10_000)}`)
    expect(task.history).toHaveLength(HISTORY_MAX)
    expect(task.history?.at(-1)?.text).toHaveLength(HISTORY_CHARS_MAX)
    const before = task.history?.at(-1)
    note(task, 1, instant)
    expect(task.history?.at(-1)).toBe(before)
    say(task, 'placed on a', 150_000)
    expect(task.history).toHaveLength(2)
  })

  it('of an array tells waits and the end, not where each element went', () => {
    const task = newTask('t', 1, '', '')
    task.array = new ArrayRecord(3)
    task.reasons = { 'are offline': 1 }
    say(task, 'waits: 1 of 1 devices are offline')
    task.reasons = undefined
    for (const device of ['a', 'b', 'c']) say(task, `placed on ${device}`)
    task.state = 'succeeded'
    say(task, 'all 3 elements succeeded')
    expect(texts(task)).toEqual(['waits: 1 of 1 devices are offline', 'all 3 elements succeeded'])
  })

  it('goes on under another coordinator', () => {
    const task = newTask('t', 1, 'd', '')
    say(task, 'placed on a')
    say(task, 'rerouted: a is lost')
    const status: TaskStatus = statusOf(task, { term: 1, agent: 'a' })
    const next = newTask('t', 1, 'd', '')
    continueFrom(next, status)
    note(next, 1, instant)
    say(next, 'placed on b')
    expect(texts(next)).toEqual(['placed on a', 'rerouted: a is lost', 'placed on b'])
    expect(status.history).toHaveLength(2)
  })
})
