import { describe, expect, it } from 'vitest'
import { breach } from './breach.ts'
import type { GraphProblem } from './problem.ts'
import type { Step } from './schedule.ts'

const problem: GraphProblem = {
  tasks: [
    { id: 'a', cost: 4 },
    { id: 'b', cost: 6, seconds: { fast: 1 } },
    { id: 'c', cost: 2, eligible: ['slow'] },
  ],
  dependencies: [{ from: 'a', to: 'b', size: 10 }],
  devices: [
    { id: 'slow', speed: 1 },
    { id: 'fast', speed: 2 },
  ],
  links: [{ from: 'fast', to: 'slow', bandwidth: 5, latencySeconds: 0.5 }],
}
const step = (task: string, device: string, start: number, end: number): Step => ({
  task,
  device,
  start,
  end,
})
const good = [step('a', 'slow', 0, 4), step('b', 'fast', 6.5, 7.5), step('c', 'slow', 4, 6)]
const changed = (...steps: Step[]): Step[] =>
  good.map((each) => steps.find(({ task }) => task === each.task) ?? each)

describe('the checker of schedules', () => {
  it('finds nothing in one that keeps the rules, also when a task waits for longer than it must', () => {
    expect(breach(problem, good, 7.5)).toBeUndefined()
    expect(breach(problem, changed(step('b', 'fast', 8, 9)), 9)).toBeUndefined()
  })

  it.each([
    [
      'a task too early for what it waits for',
      [step('b', 'fast', 6, 7)],
      7,
      /before what a hands on is there at 6.5/,
    ],
    ['two tasks at once', [step('c', 'slow', 3, 5)], 7.5, /c starts on slow at 3, before a ends at 4/],
    ['a task that is cut short', [step('c', 'slow', 4, 5)], 7.5, /c runs from 4 to 5 and takes 2/],
    ['the time of another device', [step('b', 'fast', 6.5, 9.5)], 9.5, /takes 1 on fast/],
    ['a device that may not take it', [step('c', 'fast', 0, 1)], 7.5, /c may not run on fast/],
    ['a device that is not there', [step('c', 'none', 0, 1)], 7.5, /none of the devices/],
    ['a start that is no time', [step('c', 'slow', Number.NaN, 6)], 7.5, /c starts at NaN/],
    ['another makespan', [], 7, /the last task ends at 7.5, not at 7/],
  ])('finds %s', (_, steps, makespan, said) => {
    expect(breach(problem, changed(...steps), makespan)).toMatch(said)
  })

  it('finds tasks that are missing, doubled or strange', () => {
    expect(breach(problem, good.slice(1), 7.5)).toBe('2 tasks are placed of 3')
    expect(breach(problem, [...good, good[0] as Step], 7.5)).toBe('a task is there twice')
    expect(breach(problem, [...good.slice(1), step('x', 'slow', 0, 1)], 7.5)).toBe('a is not placed')
  })
})
