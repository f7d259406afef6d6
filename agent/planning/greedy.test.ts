import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { greedy } from './greedy.ts'
import type { GreedyScore } from './plan.ts'
import type { Problem } from './problem.ts'

const units = (amount: number) => ({ units: amount * 1000 })
const devices = (rooms: Record<string, number>) =>
  Object.entries(rooms).map(([id, room]) => ({ id, free: units(room) }))
const plan = (problem: Problem, score: GreedyScore = 'most-free') => {
  const answer = greedy(problem, { random: new Random('greedy'), score })
  if (!answer.ok) throw new Error(answer.reason)
  return answer
}

describe('greedy', () => {
  const tasks = [
    { id: 'T1', demand: units(2), durationMs: 3_000 },
    { id: 'T2', demand: units(3), durationMs: 4_000 },
    { id: 'T3', demand: units(4), durationMs: 2_000 },
  ]

  it('places the smallest first where most is free after what was placed before', () => {
    // T1: R1 and R4 have 6, neither a task, so the higher id. T2: R1 with 6. T3: R2 and R4 have 4, and R2 no task.
    const rooms = devices({ R1: 6, R2: 4, R3: 2, R4: 6 })
    const { placed, unplaced } = plan({ items: tasks, devices: rooms, objective: 'peak' })
    expect(Object.fromEntries(placed)).toEqual({ T1: 'R4', T2: 'R1', T3: 'R2' })
    expect(unplaced).toEqual([])
  })

  it('places all three on nodes with room for each', () => {
    const rooms = devices({ n1: 10, n2: 8, n3: 6 })
    const { placed, value } = plan({ items: tasks, devices: rooms, objective: 'peak' })
    expect([...placed]).toEqual([
      ['T1', 'n1'],
      ['T2', 'n2'],
      ['T3', 'n1'],
    ])
    expect(value).toBeCloseTo(0.6)
  })

  it('takes the longest first where items take turns, and the demand needs room by itself only', () => {
    const items = [7, 7, 6, 6, 5, 5, 4, 4, 4].map((ms, i) => ({
      id: `J${i}`,
      demand: units(1),
      durationMs: ms,
    }))
    const { value, bound } = plan({
      items,
      devices: devices({ a: 1, b: 1, c: 1, d: 1 }),
      objective: 'makespan',
    })
    // Graham's example of the worst that it does: 4/3 - 1/(3 x 4) of the optimum of 12.
    expect([value, bound]).toEqual([15, 12])
  })

  it('fills the tightest by best fit, and what points the same way by dot product', () => {
    const items = [{ id: 'a', demand: { cpu: 1000, memory: 4000 } }]
    const two = [
      { id: 'lean', free: { cpu: 4000, memory: 4000 } },
      { id: 'stout', free: { cpu: 2000, memory: 8000 } },
    ]
    const problem: Problem = { items, devices: two, objective: 'peak' }
    expect(plan(problem, 'best-fit').placed.get('a')).toBe('stout')
    expect(plan(problem, 'dot-product').placed.get('a')).toBe('stout')
    const tight: Problem = { ...problem, devices: [...two, { id: 'tight', free: items[0]?.demand ?? {} }] }
    expect(plan(tight, 'best-fit').placed.get('a')).toBe('tight')
    expect(plan(tight, 'dot-product').placed.get('a')).toBe('stout')
  })

  it('serves a higher priority first and says why something has no device', () => {
    const items = [
      { id: 'low', demand: units(2), priority: 10 },
      { id: 'high', demand: units(3), priority: 90 },
      { id: 'huge', demand: units(9), priority: 99 },
    ]
    const { placed, unplaced, loss } = plan({ items, devices: devices({ a: 4 }), objective: 'peak' })
    expect([...placed]).toEqual([['high', 'a']])
    expect(unplaced).toEqual([
      { item: 'low', reason: 'no-room' },
      { item: 'huge', reason: 'too-large' },
    ])
    expect(loss).toBe(11 + 100)
  })

  it.each<[string, Problem, string]>([
    [
      'an unknown device',
      { items: [{ id: 'x', demand: {}, eligible: ['b'] }], devices: devices({ a: 1 }), objective: 'peak' },
      'items: x: it may go to b, which is none of the devices; name those only',
    ],
    [
      'a demand that is no amount',
      { items: [{ id: 'x', demand: { cpu: -1 } }], devices: [], objective: 'peak' },
      'items: x: its cpu is -1; give a whole number of thousandths, 0 or more',
    ],
    [
      'a missing duration',
      { items: [{ id: 'x', demand: {} }], devices: [], objective: 'makespan' },
      'items: x: its duration is undefined; give a whole number of ms, 0 or more',
    ],
    [
      'an id that is there twice',
      { items: [], devices: [...devices({ a: 1 }), ...devices({ a: 2 })], objective: 'peak' },
      'devices: a is there twice; give each an id of its own',
    ],
    [
      'more than can be looked at',
      {
        items: Array.from({ length: 1_001 }, (_, n) => ({ id: `i${n}`, demand: {} })),
        devices: Array.from({ length: 10_000 }, (_, n) => ({ id: `d${n}`, free: {} })),
        objective: 'peak',
      },
      'items: 1001 for 10000 devices, at most 10000000 pairs; plan in batches',
    ],
  ])('refuses %s', (_, problem, reason) => {
    const refusal = { ok: false, strategy: 'greedy', refused: 'problem', reason }
    expect(greedy(problem, { random: new Random('x') })).toEqual(refusal)
  })
})
