import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import { Graph } from './graph.ts'
import { heftTimeline } from './heft.ts'
import { leastHeads, leastTails } from './least.ts'
import type { GraphProblem } from './problem.ts'
import { Sequences } from './sequences.ts'

const problems = fc
  .record({
    costs: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 2, maxLength: 8 }),
    edges: fc.array(fc.tuple(fc.nat(7), fc.nat(7), fc.nat(9)), { maxLength: 8 }),
    speeds: fc.array(fc.constantFrom(1, 2, 4), { minLength: 1, maxLength: 3 }),
  })
  .map(({ costs, edges, speeds }): GraphProblem => {
    const devices = speeds.map((speed, j) => ({ id: `d${j}`, speed }))
    const forward = edges.filter(([from, to]) => from < to && to < costs.length)
    const single = new Map(forward.map(([from, to, size]) => [`${from} ${to}`, { from, to, size }]))
    return {
      devices,
      tasks: costs.map((cost, i) => ({ id: `t${i}`, cost })),
      dependencies: [...single.values()].map(({ from, to, size }) => ({
        from: `t${from}`,
        to: `t${to}`,
        size,
      })),
      links: devices.flatMap(({ id }, j) =>
        devices.slice(j + 1).map((other) => ({ from: id, to: other.id, bandwidth: 2, latencySeconds: 1 })),
      ),
    }
  })

/** How long it takes when devices run these tasks in this order; `undefined` when tasks would wait for each other. */
function lengthOf(graph: Graph, sequences: readonly (readonly number[])[]): number | undefined {
  const { n, m, before, from, sizeIn, run } = graph
  const device = sequences.flatMap((tasks, j) => tasks.map((i) => [i, j] as const))
  const at = new Map(device)
  const ends = new Map<number, number>()
  for (let changed = true; changed; ) {
    changed = false
    for (const [j, tasks] of sequences.entries()) {
      for (const [place, i] of tasks.entries()) {
        if (ends.has(i)) continue
        const last = tasks[place - 1]
        const waits = [...from.subarray(before[i], before[i + 1])]
        if ([...waits, ...(last === undefined ? [] : [last])].some((each) => !ends.has(each))) continue
        const arrivals = waits.map((p, e) => {
          const size = sizeIn[(before[i] as number) + e] as number
          const there = at.get(p) as number
          return (ends.get(p) as number) + (there === j ? 0 : graph.transfer(size, there, j))
        })
        const free = last === undefined ? 0 : (ends.get(last) as number)
        ends.set(i, Math.max(free, ...arrivals) + (run[i * m + j] as number))
        changed = true
      }
    }
  }
  return ends.size < n ? undefined : Math.max(...ends.values())
}

/** The tasks of each device by their starts. */
function sequencesOf(graph: Graph, now: Sequences): number[][] {
  const all = [...now.device.keys()].sort((a, b) => (now.head[a] as number) - (now.head[b] as number))
  return Array.from({ length: graph.m }, (_, j) => all.filter((i) => now.device[i] === j))
}

describe('sequences', () => {
  it('put a task back where no place makes the schedule shorter, and know how long it is', () => {
    fc.assert(
      fc.property(problems, fc.nat(7), (problem, which) => {
        const graph = new Graph(problem)
        const now = new Sequences(graph, heftTimeline(graph), leastHeads(graph), leastTails(graph))
        expect(now.makespan).toBeCloseTo(lengthOf(graph, sequencesOf(graph, now)) as number, 9)
        const i = which % graph.n
        const rest = sequencesOf(graph, now).map((tasks) => tasks.filter((each) => each !== i))
        const lengths = rest.flatMap((tasks, j) =>
          Array.from({ length: tasks.length + 1 }, (_, place) =>
            lengthOf(graph, rest.with(j, [...tasks.slice(0, place), i, ...tasks.slice(place)])),
          ),
        )
        now.take([i])
        now.put(
          i,
          () => 0,
          () => false,
        )
        expect(now.makespan).toBeCloseTo(lengthOf(graph, sequencesOf(graph, now)) as number, 9)
        expect(now.makespan).toBeCloseTo(Math.min(...lengths.filter((each) => each !== undefined)), 9)
      }),
      { numRuns: 500, seed: 1 },
    )
  })

  it('know the same times as if they had computed all of them, whatever was taken out and put back', () => {
    const rounds = fc.array(fc.array(fc.nat(7), { minLength: 1, maxLength: 4 }), { maxLength: 6 })
    fc.assert(
      fc.property(problems, rounds, fc.string(), (problem, taken, seed) => {
        const graph = new Graph(problem)
        const [heads, tails] = [leastHeads(graph), leastTails(graph)]
        const random = new Random(seed)
        const now = new Sequences(graph, heftTimeline(graph), heads, tails)
        for (const round of taken) {
          const tasks = [...new Set(round.map((each) => each % graph.n))]
          now.take(tasks)
          for (const i of random.shuffle(tasks))
            now.put(
              i,
              (j) => j,
              () => random.chance(0.5),
            )
          expect(now.makespan).toBeCloseTo(lengthOf(graph, sequencesOf(graph, now)) as number, 9)
          const anew = new Sequences(graph, now.timed, heads, tails)
          expect([...now.head]).toEqual([...anew.head])
          for (const [i, tail] of anew.tail.entries()) expect(now.tail[i]).toBeCloseTo(tail, 9)
        }
      }),
      { numRuns: 500, seed: 2 },
    )
  })
})
