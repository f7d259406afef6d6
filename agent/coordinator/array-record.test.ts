import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ELEMENT_STATES, type ElementState } from '../../shared/protocol/schemas/index.ts'
import { ArrayRecord } from './array-record.ts'
import { newTask, type TaskRecord } from './task-record.ts'

function parent(size: number): { task: TaskRecord; array: ArrayRecord } {
  const task = newTask('a', 1, 'digest', '')
  const array = new ArrayRecord(size)
  task.array = array
  return { task, array }
}

const attempt = (n: number) => ({ term: 1, agent: 'pi', n })

/** Lets an element end and its page be acknowledged. */
function finish(array: ArrayRecord, element: TaskRecord, state: ElementState): void {
  element.state = state
  element.over = attempt((element.element?.index ?? 0) + 1)
  array.end(element, state)
  array.settle(element.element?.index ?? 0)
}

describe('the elements of an array', () => {
  it('are drawn once each, in order, and are complete when all pages are acknowledged', () => {
    const { task, array } = parent(3)
    const drawn = [array.draw(task), array.draw(task), array.draw(task)]
    expect(drawn.map(({ id }) => id)).toEqual(['a[0]', 'a[1]', 'a[2]'])
    expect(array.waiting).toBe(0)
    for (const element of drawn) {
      expect(array.complete).toBe(false)
      finish(array, element, 'succeeded')
    }
    expect(array.complete).toBe(true)
    expect(array.progress()).toEqual({ elements: 3, states: { succeeded: 3 }, reported: 3, errors: [] })
  })

  it('are found again by index: one that waits, one that is under way, one that has ended with its attempt', () => {
    const { task, array } = parent(3)
    const first = array.draw(task)
    expect(array.find(task, 0)).toBe(first)
    finish(array, first, 'failed')
    expect(array.find(task, 0)).toMatchObject({ state: 'failed', over: attempt(1) })
    expect(array.find(task, 1)).toMatchObject({ id: 'a[1]', state: 'pending' })
    expect(array.waiting).toBe(2)
    expect(array.find(task, 3)).toBeUndefined()
  })

  it('that stand in a page of another coordinator are not drawn, and stand there only once', () => {
    const { task, array } = parent(3)
    expect(array.adopt(0, 'succeeded', attempt(7))).toBe(true)
    expect(array.adopt(0, 'failed', attempt(8))).toBe(false)
    expect(array.adopt(9, 'failed', attempt(8))).toBe(false)
    expect(array.draw(task).id).toBe('a[1]')
    expect(array.progress()).toMatchObject({ reported: 1, states: { succeeded: 1, pending: 2 } })
  })

  it('keep the first errors and the tries of those under way, and no more of either than is bounded', () => {
    const { task, array } = parent(1_000)
    for (let n = 0; n < 1_000; n++) {
      const element = array.draw(task)
      element.failed = 1
      if (n >= 20) continue
      element.error = { code: 'E_EXIT', message: 'exit code 1' }
      finish(array, element, 'failed')
    }
    const { errors, retried } = array.progress()
    expect(errors.map(({ element }) => element)).toEqual([0, 1, 2, 3, 4])
    expect(retried?.length).toBe(250)
    const next = parent(1_000)
    next.array.continueFrom(next.task, array.progress())
    expect(next.array.live.get(20)).toMatchObject({ failed: 1, state: 'pending' })
    expect(next.array.waiting).toBe(750)
  })

  it('add up in every order of events', () => {
    const step = fc.record({
      what: fc.constantFrom('draw', 'end', 'settle', 'adopt', 'stop'),
      at: fc.nat(30),
    })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.array(step, { maxLength: 120 }), (size, steps) => {
        const { task, array } = parent(size)
        const ended = new Map<number, ElementState>()
        for (const { what, at } of steps) {
          const index = at % size
          const state = ELEMENT_STATES[at % 4] as ElementState
          const live = array.live.get(index)
          if (what === 'draw' && array.waiting > 0) array.draw(task)
          else if (what === 'end' && live !== undefined && !ended.has(index)) {
            live.state = state
            array.end(live, state)
            ended.set(index, state)
          } else if (what === 'settle' && ended.has(index)) array.settle(index)
          else if (what === 'adopt' && array.adopt(index, state, attempt(at + 1))) ended.set(index, state)
          else if (what === 'stop' && at === 0) {
            for (let n = 0; n < size; n++) if (!array.live.has(n) && !ended.has(n)) ended.set(n, 'cancelled')
            array.endWaiting('cancelled')
          }
          const { states } = array.progress()
          expect(Object.values(states).reduce((sum, count) => sum + count, 0)).toBe(size)
          for (const one of ELEMENT_STATES) {
            expect(array.count(one)).toBe([...ended.values()].filter((found) => found === one).length)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
