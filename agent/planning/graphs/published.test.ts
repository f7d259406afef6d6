/** The examples that are printed in the papers, with what is printed to come out. */
import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import { breach } from './breach.ts'
import { Graph } from './graph.ts'
import { upwardRanks } from './heft.ts'
import { planGraphBy } from './planners.ts'
import type { GraphProblem } from './problem.ts'
import type { PlannerName, Schedule } from './schedule.ts'

/** Seconds by task and device; from, to and size; a link hands on one unit in a second. */
function example(seconds: readonly number[][], edges: readonly [number, number, number][]): GraphProblem {
  const devices = ['p1', 'p2', 'p3'].map((id) => ({ id, speed: 1 }))
  return {
    devices,
    links: [
      ...[
        { from: 'p1', to: 'p2', bandwidth: 1 },
        { from: 'p1', to: 'p3', bandwidth: 1 },
      ],
      { from: 'p2', to: 'p3', bandwidth: 1 },
    ],
    tasks: seconds.map((row, i) => ({
      ...{ id: `n${i + 1}`, cost: 0 },
      seconds: Object.fromEntries(row.map((each, j) => [`p${j + 1}`, each])),
    })),
    dependencies: edges.map(([from, to, size]) => ({ from: `n${from}`, to: `n${to}`, size })),
  }
}

/** Topcuoglu, Hariri and Wu 2002, figure 1. */
const HEFT_EXAMPLE = example(
  [
    ...[
      [14, 16, 9],
      [13, 19, 18],
      [11, 13, 19],
      [13, 8, 17],
      [12, 13, 10],
    ],
    ...[
      [13, 16, 9],
      [7, 15, 11],
      [5, 11, 14],
      [18, 12, 20],
      [21, 7, 16],
    ],
  ],
  [
    ...([
      [1, 2, 18],
      [1, 3, 12],
      [1, 4, 9],
      [1, 5, 11],
      [1, 6, 14],
    ] as const),
    ...([
      [2, 8, 19],
      [2, 9, 16],
      [3, 7, 23],
      [4, 8, 27],
      [4, 9, 23],
    ] as const),
    ...([
      [5, 9, 13],
      [6, 8, 15],
      [7, 10, 17],
      [8, 10, 11],
      [9, 10, 13],
    ] as const),
  ].map(([from, to, size]) => [from, to, size]),
)

/** Arabnejad and Barbosa 2014, figure 1 and table 2. */
const PEFT_EXAMPLE = example(
  [
    ...[
      [22, 21, 36],
      [22, 18, 18],
      [32, 27, 43],
      [7, 10, 4],
      [29, 27, 35],
    ],
    ...[
      [26, 17, 24],
      [14, 25, 30],
      [29, 23, 36],
      [15, 21, 8],
      [13, 16, 33],
    ],
  ],
  [
    ...([
      [1, 2, 17],
      [1, 3, 31],
      [1, 4, 29],
      [1, 5, 13],
      [1, 6, 7],
    ] as const),
    ...([
      [2, 8, 3],
      [2, 9, 30],
      [3, 7, 16],
      [4, 8, 11],
      [4, 9, 7],
    ] as const),
    ...([
      [5, 9, 57],
      [6, 8, 5],
      [7, 10, 9],
      [8, 10, 42],
      [9, 10, 7],
    ] as const),
  ].map(([from, to, size]) => [from, to, size]),
)

const run = (name: PlannerName, problem: GraphProblem): Schedule => {
  const answer = planGraphBy(name, problem, { random: new Random('a') })
  if (!answer.ok) throw new Error(answer.reason)
  expect(breach(problem, answer.steps, answer.makespan)).toBeUndefined()
  return answer
}

describe('the example of HEFT', () => {
  it('has the upward ranks that are printed', () => {
    const graph = new Graph(HEFT_EXAMPLE)
    const ranks = upwardRanks(graph)
    const byTask = [...graph.source.keys()].sort((a, b) => graph.source[a]! - graph.source[b]!)
    expect(byTask.map((i) => Number(ranks[i]?.toFixed(3)))).toEqual([
      ...[108, 77, 80, 80, 69, 63.333, 42.667, 35.667, 44.333, 14.667],
    ])
  })

  it('takes 80, task by task as printed', () => {
    const { steps, makespan } = run('heft', HEFT_EXAMPLE)
    expect(makespan).toBe(80)
    expect(steps.map(({ device, start, end }) => `${device} ${start}-${end}`)).toEqual([
      ...['p3 0-9', 'p1 27-40', 'p3 9-28', 'p2 18-26', 'p3 28-38'],
      ...['p2 26-42', 'p3 38-49', 'p1 57-62', 'p2 56-68', 'p2 73-80'],
    ])
  })

  it('can be done in 73 and not in less', () => {
    expect(run('exact', HEFT_EXAMPLE)).toMatchObject({ makespan: 73, bound: 73, optimal: true })
    expect(run('iterated', HEFT_EXAMPLE).makespan).toBe(73)
  })
})

describe('the example of PEFT', () => {
  it('takes 122 by PEFT and 133 by HEFT', () => {
    expect(run('peft', PEFT_EXAMPLE).makespan).toBe(122)
    expect(run('heft', PEFT_EXAMPLE).makespan).toBe(133)
  })
})
