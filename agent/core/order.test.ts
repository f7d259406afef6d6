/** Which of the waiting tasks goes next, as one agent in office decides it: there is room for one at a time. */
import { describe, expect, it } from 'vitest'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { SPEC } from './testing/driver.ts'
import { Floor } from './testing/floor.ts'

const WHOLE: TaskSpec = { ...SPEC, resources: { cpu: '8' } }
const SOON = '2030-01-01T00:00:00Z'
const LATER = '2030-01-02T00:00:00Z'

/** The device is full with `first`; what is submitted afterwards waits. */
function full(): Floor {
  const floor = Floor.serving(['d'])
  floor.submit('first', WHOLE)
  floor.turn()
  return floor
}

/** Lets one task after another succeed. @returns in which order they ran */
function runAll(floor: Floor): string[] {
  for (let ran = 0; ran < floor.assigned.length; ran++) {
    floor.ends((floor.assigned[ran] as string).split(' ')[0] as string, 'succeeded')
    floor.turn()
  }
  return floor.assigned.map((words) => words.split(' ')[0] as string).slice(1)
}

describe('a task whose deadline has passed', () => {
  const spec = (floor: Floor): TaskSpec => ({
    ...WHOLE,
    deadline: new Date(floor.driver.now.wallMs - 1).toISOString(),
  })

  it('when it is submitted is rejected, and never counts among its tenant’s', () => {
    const floor = Floor.serving(['d'], { tenants: { default: { tasksMax: 1 } } })
    floor.submit('late', spec(floor))
    floor.submit('next', WHOLE)
    floor.turn()
    expect(floor.last.get('late')).toMatchObject({
      state: 'rejected',
      error: { code: 'E_DEADLINE', path: '/deadline' },
    })
    expect(floor.where('next')).toBe('d')
  })

  it('before a coordinator came to see it has timed out', () => {
    const floor = Floor.serving(['d'])
    floor.driver.hear('device', { route: 'spec', id: 'late', body: spec(floor) }, true)
    floor.seconds(1)
    expect(floor.last.get('late')).toMatchObject({ state: 'timed_out', error: { code: 'E_DEADLINE' } })
  })
})

describe('of the tasks that wait', () => {
  it('those of the highest priority go first, the earliest deadline among them, then the oldest', () => {
    const floor = full()
    floor.submit('old', WHOLE)
    floor.submit('new', WHOLE)
    floor.submit('later', { ...WHOLE, deadline: LATER })
    floor.submit('soon', { ...WHOLE, deadline: SOON })
    floor.submit('high', { ...WHOLE, priority: 55 })
    floor.submit('low', { ...WHOLE, priority: 45, deadline: SOON })
    floor.turn()
    expect(runAll(floor)).toEqual(['high', 'soon', 'later', 'old', 'new', 'low'])
  })

  it('also among tasks that ask for different things', () => {
    const floor = full()
    floor.submit('plain', { ...WHOLE, resources: { cpu: '7' } })
    floor.submit('due', { ...WHOLE, resources: { cpu: '6' }, deadline: SOON })
    floor.submit('root', WHOLE)
    floor.submit('leaf', { ...WHOLE, after: ['root'] })
    floor.turn()
    expect(runAll(floor)).toEqual(['due', 'root', 'plain', 'leaf'])
  })

  it.each([
    ['before', ['c2', 'c1', 'root']],
    ['after', ['root', 'c1', 'c2']],
  ])('the one with the longest chain behind it goes first, whether that came %s it', (_, ids) => {
    const floor = full()
    const after: Record<string, string> = { c1: 'root', c2: 'c1' }
    floor.submit('alone', WHOLE)
    floor.submit('short', WHOLE)
    floor.submit('leaf', { ...WHOLE, after: ['short'] })
    for (const id of ids) {
      const before = after[id]
      floor.submit(id, before === undefined ? WHOLE : { ...WHOLE, after: [before] })
    }
    floor.turn()
    const order = runAll(floor)
    expect(order[0]).toBe('root')
    expect(order.slice(1, 3).sort()).toEqual(['c1', 'short'])
    expect(order.slice(3)).toContain('alone')
  })

  it('an array counts as one: its elements go before what nobody waits for when a task is after it', () => {
    const floor = full()
    floor.submit('alone', WHOLE)
    floor.submit('many', { ...WHOLE, array: [1, 2] })
    floor.submit('sum', { ...WHOLE, after: ['many'] })
    floor.turn()
    expect(runAll(floor).slice(0, 3)).toEqual(['many[0]', 'many[1]', 'alone'])
  })
})
