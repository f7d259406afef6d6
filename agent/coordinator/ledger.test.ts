import { describe, expect, it } from 'vitest'
import { Ledger } from './ledger.ts'
import { newTask, type TaskRecord } from './task-record.ts'

function ended(ledger: Ledger, id: string, outputChars = 0): { task: TaskRecord; surplus: string[] } {
  const task = newTask(id, ledger.nextSeq(), '', '')
  task.state = 'succeeded'
  task.result = { stdout: 'x'.repeat(outputChars) }
  ledger.add(task)
  const surplus = ledger.finished(task)
  for (const one of surplus) ledger.remove(one)
  return { task, surplus: surplus.map((one) => one.id) }
}

describe('ledger', () => {
  it('lets the oldest ended tasks go when too many are kept', () => {
    const ledger = new Ledger({ finishedMax: 2, finishedBytesMax: 1e9 })
    expect(ended(ledger, 'a').surplus).toEqual([])
    expect(ended(ledger, 'b').surplus).toEqual([])
    expect(ended(ledger, 'c').surplus).toEqual(['a'])
    expect(ledger.size).toBe(2)
  })

  it('lets them go for their output too, as many as it takes', () => {
    const ledger = new Ledger({ finishedMax: 100, finishedBytesMax: 20_000 })
    for (const id of ['a', 'b', 'c']) expect(ended(ledger, id, 4_000).surplus).toEqual([])
    expect(ended(ledger, 'large', 12_000).surplus).toEqual(['a', 'b'])
  })

  it('counts a task once that is finished again', () => {
    const ledger = new Ledger({ finishedMax: 2, finishedBytesMax: 1e9 })
    const { task } = ended(ledger, 'a')
    ended(ledger, 'b')
    expect(ledger.finished(task)).toEqual([])
    ledger.remove(task)
    expect(ended(ledger, 'c').surplus).toEqual([])
  })
})
