import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { demandOf } from '../../../shared/model/task.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { newTask, type TaskRecord } from '../task-record.ts'
import { comesFirst, orderOf, WaitingQueue } from './queue.ts'

const DAY = '2030-01-0'

function task(seq: number, more: Partial<TaskSpec> = {}): TaskRecord {
  const spec: TaskSpec = { run: { exec: ['true'] }, ...more }
  return newTask(`t${seq}`, seq, '', '', spec, demandOf(spec))
}

/** Takes everything out, the first first. */
function drained(queue: WaitingQueue): string[] {
  const ids: string[] = []
  for (let first = queue.first(); first !== undefined; first = queue.first()) {
    ids.push(first.task.id)
    queue.remove(first.task)
  }
  return ids
}

describe('tasks that wait', () => {
  it('go by priority, then by deadline, then by the chain that waits for them, then by age', () => {
    const queue = new WaitingQueue()
    queue.add(task(1), 0)
    queue.add(task(2), 0)
    queue.add(task(3), 5)
    queue.add(task(4, { deadline: `${DAY}2T00:00:00Z` }), 0)
    queue.add(task(5, { deadline: `${DAY}1T00:00:00Z` }), 0)
    queue.add(task(6, { priority: 51 }), 0)
    queue.add(task(7, { priority: 49, deadline: `${DAY}1T00:00:00Z` }), 9)
    expect(drained(queue)).toEqual(['t6', 't5', 't4', 't3', 't1', 't2', 't7'])
  })

  it('go forward when a longer chain comes to wait for them, and never back', () => {
    const queue = new WaitingQueue()
    const last = task(9)
    for (let seq = 1; seq < 9; seq++) queue.add(task(seq), 2)
    queue.add(last, 0)
    queue.add(last, 3)
    queue.add(last, 1)
    expect(queue.size).toBe(9)
    expect(drained(queue)).toEqual(['t9', 't1', 't2', 't3', 't4', 't5', 't6', 't7', 't8'])
  })

  it('are told in order, as many as are asked for, and stay where they are', () => {
    const tasks = Array.from({ length: 40 }, (_, n) => task(n, { priority: (n * 7) % 11 }))
    const queue = new WaitingQueue()
    for (const one of tasks) queue.add(one, 0)
    for (const one of tasks.slice(0, 30)) if (one.seq % 3 === 0) queue.remove(one)
    const foremost = [1, 5, 100].map((max) => queue.foremost(max).map((entry) => entry.task.id))
    const all = drained(queue)
    expect(all).toHaveLength(30)
    expect(foremost).toEqual([all.slice(0, 1), all.slice(0, 5), all])
  })

  it('come out as a sort would have them, whatever came, left and went forward before', () => {
    const doing = fc.oneof(
      fc.record({ add: fc.nat(11), rank: fc.nat(4) }),
      fc.record({ remove: fc.nat(11) }),
      fc.constant('take' as const),
    )
    const tasks = Array.from({ length: 12 }, (_, n) =>
      task(n, {
        priority: 50 + (n % 2),
        ...(n % 3 === 0 ? { deadline: `${DAY}${1 + (n % 4)}T00:00:00Z` } : {}),
      }),
    )
    fc.assert(
      fc.property(fc.array(doing, { maxLength: 300 }), (list) => {
        const queue = new WaitingQueue()
        const waiting = new Map<TaskRecord, number>()
        const first = () => {
          const entries = [...waiting].map(([task, rank]) => ({ ...orderOf(task, rank), task }))
          return entries.sort((a, b) => (comesFirst(a, b) ? -1 : 1))[0]
        }
        for (const one of list) {
          if (one === 'take') {
            const taken = first()
            if (taken === undefined) continue
            expect(queue.remove(taken.task)).toBe(waiting.delete(taken.task))
          } else if ('add' in one) {
            const added = tasks[one.add] as TaskRecord
            queue.add(added, one.rank)
            waiting.set(added, Math.max(one.rank, waiting.get(added) ?? 0))
          } else {
            const removed = tasks[one.remove] as TaskRecord
            expect(queue.remove(removed)).toBe(waiting.delete(removed))
          }
          expect(queue.first()?.task.id).toBe(first()?.task.id)
          expect(queue.first()?.rank).toBe(first()?.rank)
          expect(new Set(queue.tasks())).toEqual(new Set(waiting.keys()))
          expect(queue.size).toBe(waiting.size)
        }
      }),
    )
  })
})
