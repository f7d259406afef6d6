/** What every planner is held to on small graphs of all forms, against a search that is as dumb as it is exhaustive. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import { breach } from './breach.ts'
import { planGraphBy } from './planners.ts'
import type { GraphProblem } from './problem.ts'
import { PLANNERS, type PlannerName, type Schedule } from './schedule.ts'

/** Tasks that wait for others before them, on devices of which some are alike. */
const graphs = (tasksMax: number, devicesMax: number) =>
  fc
    .record({
      tasks: fc.array(
        fc.record({
          cost: fc.oneof(fc.nat(20), fc.constant(0)),
          seconds: fc.option(fc.tuple(fc.nat(devicesMax - 1), fc.nat(9)), { freq: 4 }),
          barred: fc.option(fc.nat(devicesMax - 1), { freq: 4 }),
          after: fc.array(fc.tuple(fc.nat(tasksMax), fc.nat(12)), { maxLength: 3 }),
        }),
        { maxLength: tasksMax },
      ),
      speeds: fc.array(fc.constantFrom(1, 1, 2, 5), { minLength: 1, maxLength: devicesMax }),
      links: fc.array(fc.tuple(fc.constantFrom(1, 4), fc.constantFrom(0, 0.5), fc.boolean()), {
        minLength: 1,
        maxLength: 6,
      }),
    })
    .map(({ tasks, speeds, links }): GraphProblem => {
      const devices = speeds.map((speed, j) => ({ id: `d${j}`, speed }))
      let link = 0
      return {
        devices,
        links: devices.flatMap(({ id }, j) =>
          devices.slice(j + 1).flatMap(({ id: other }) => {
            const [bandwidth, latencySeconds, both] = links[link++ % links.length] as (typeof links)[number]
            const there = { from: id, to: other, bandwidth, latencySeconds }
            return both ? [there, { from: other, to: id, bandwidth: 3 }] : [there]
          }),
        ),
        tasks: tasks.map(({ cost, seconds, barred }, i) => {
          const own = seconds === null ? undefined : devices[seconds[0]]
          const eligible = devices.map(({ id }) => id).filter((_, j) => j !== barred)
          return {
            ...{ id: `t${i}`, cost },
            ...(own === undefined ? {} : { seconds: { [own.id]: seconds?.[1] as number } }),
            ...(barred === null || eligible.length === 0 ? {} : { eligible }),
          }
        }),
        dependencies: tasks.flatMap(({ after }, i) =>
          [...new Map(after.filter(([at]) => at < i))].map(([at, size]) => ({
            from: `t${at}`,
            to: `t${i}`,
            size,
          })),
        ),
      }
    })

const run = (name: PlannerName, problem: GraphProblem, seed = 'a'): Schedule => {
  const answer = planGraphBy(name, problem, { random: new Random(seed), evaluationsMax: 200 })
  if (!answer.ok) throw new Error(`${name}: ${answer.reason}`)
  return answer
}

/** The shortest of all schedules there are: every order, every device, each task as soon as it can. */
function exhaustive({ tasks, dependencies, devices, links }: GraphProblem): number {
  const link = (a: string, b: string) =>
    links.find(({ from, to }) => from === a && to === b) ??
    links.find(({ from, to }) => from === b && to === a)
  let best = Number.POSITIVE_INFINITY
  const placed = new Map<string, { device: string; end: number }>()
  const search = (free: Readonly<Record<string, number>>): void => {
    if (placed.size === tasks.length) {
      best = Math.min(best, Math.max(0, ...[...placed.values()].map(({ end }) => end)))
      return
    }
    for (const { id, cost, seconds = {}, eligible } of tasks) {
      const into = dependencies.filter(({ to }) => to === id)
      if (placed.has(id) || !into.every(({ from }) => placed.has(from))) continue
      for (const { id: device, speed } of devices) {
        if (eligible?.includes(device) === false) continue
        let start = free[device] ?? 0
        for (const { from, size } of into) {
          const { device: there, end } = placed.get(from) as { device: string; end: number }
          const way = there === device ? undefined : link(there, device)
          const takes = way === undefined ? 0 : (way.latencySeconds ?? 0) + size / way.bandwidth
          start = Math.max(start, end + takes)
        }
        const end = start + (seconds[device] ?? cost / speed)
        placed.set(id, { device, end })
        search({ ...free, [device]: end })
        placed.delete(id)
      }
    }
  }
  search({})
  return best
}

describe.each(PLANNERS)('%s', (name) => {
  it('makes schedules that keep the rules', () => {
    fc.assert(
      fc.property(graphs(12, 4), (problem) => {
        const { steps, makespan, bound, optimal } = run(name, problem)
        expect(breach(problem, steps, makespan)).toBeUndefined()
        expect(steps.map(({ task }) => task)).toEqual(problem.tasks.map(({ id }) => id))
        expect(bound).toBeLessThanOrEqual(makespan)
        if (optimal) expect(bound).toBeCloseTo(makespan, 6)
      }),
      { numRuns: 200, seed: 1 },
    )
  })

  it('claims a bound or an optimum only where a dumb search finds nothing shorter', () => {
    fc.assert(
      fc.property(graphs(5, 3), (problem) => {
        const { makespan, bound, optimal } = run(name, problem)
        const best = exhaustive(problem)
        expect(makespan).toBeGreaterThanOrEqual(best - 1e-6)
        expect(bound).toBeLessThanOrEqual(best + 1e-6)
        if (optimal || name === 'exact') expect(makespan).toBeCloseTo(best, 6)
      }),
      { numRuns: 100, seed: 2 },
    )
  })

  it('answers the same to the same seed', () => {
    fc.assert(
      fc.property(graphs(8, 3), fc.string(), (problem, seed) => {
        expect(run(name, problem, seed)).toEqual(run(name, problem, seed))
      }),
      { numRuns: 30, seed: 3 },
    )
  })

  it('plans for no tasks, and refuses what it cannot read', () => {
    const none = run(name, { tasks: [], dependencies: [], devices: [], links: [] })
    expect([none.steps, none.makespan, none.optimal]).toEqual([[], 0, true])
    const problem = { tasks: [{ id: 't', cost: 1 }], dependencies: [], devices: [], links: [] }
    expect(planGraphBy(name, problem, { random: new Random('a') })).toEqual({
      ...{ ok: false, planner: name, refused: 'problem' },
      reason: 'devices: there are none; name one at least',
    })
  })
})

describe('iterated', () => {
  it('is never longer than HEFT or PEFT, whatever it may spend', () => {
    fc.assert(
      fc.property(graphs(12, 4), fc.nat(300), (problem, evaluationsMax) => {
        const answer = planGraphBy('iterated', problem, { random: new Random('b'), evaluationsMax })
        const { makespan } = answer as Schedule
        for (const name of ['heft', 'peft'] as const) {
          expect(makespan).toBeLessThanOrEqual(run(name, problem).makespan * (1 + 1e-9))
        }
      }),
      { numRuns: 200, seed: 4 },
    )
  })
})

describe('exact', () => {
  it('refuses when it would have to look at more partial schedules than it may', () => {
    const tasks = Array.from({ length: 12 }, (_, i) => ({ id: `t${i}`, cost: 7 + (i % 5) }))
    const devices = [1, 1.1, 1.3].map((speed, j) => ({ id: `d${j}`, speed }))
    const links = [
      ...[
        { from: 'd0', to: 'd1', bandwidth: 1 },
        { from: 'd0', to: 'd2', bandwidth: 1 },
      ],
      { from: 'd1', to: 'd2', bandwidth: 1 },
    ]
    const problem = { tasks, dependencies: [], devices, links }
    expect(planGraphBy('exact', problem, { random: new Random('a'), statesMax: 20 })).toEqual({
      ...{ ok: false, planner: 'exact', refused: 'states' },
      reason: 'more than 20 partial schedules; allow more, or plan with iterated',
    })
  })
})
