/**
 * What every strategy is held to, on small problems of all forms, against a search that is as dumb as it is
 * exhaustive.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { lowerBound } from './bounds.ts'
import { Dense } from './dense.ts'
import type { Plan, StrategyName } from './plan.ts'
import { type Item, OBJECTIVES, type Problem } from './problem.ts'
import { planBy } from './strategies.ts'

const NAMES: StrategyName[] = ['greedy', 'dp', 'heuristic', 'genetic']

const amounts = (max: number) => fc.record({ cpu: fc.nat(max), memory: fc.nat(max) })
const problems = fc
  .record({
    objective: fc.constantFrom(...OBJECTIVES),
    rooms: fc.array(fc.tuple(amounts(12), fc.nat(4), fc.nat(1), fc.constantFrom(0, 0, 1, 2)), {
      minLength: 0,
      maxLength: 3,
    }),
    sideBySide: fc.boolean(),
    items: fc.array(
      fc.record({
        demand: amounts(6),
        durationMs: fc.nat(9),
        priority: fc.constantFrom(10, 50, 90),
        places: fc.option(fc.subarray([0, 1, 2]), { freq: 3 }),
      }),
      { maxLength: 5 },
    ),
  })
  .map(({ objective, rooms, items, sideBySide }): Problem => {
    // Some devices are alike, so that what stands for each other is tried too.
    const devices = rooms.map(([room, reserved, alike, held], n) => {
      const free = alike === 1 ? (rooms[0]?.[0] ?? room) : room
      return {
        id: `d${n}`,
        free,
        capacity: { cpu: free.cpu + reserved, memory: free.memory + reserved },
        held,
        busyMs: 2 * held,
      }
    })
    const eligible = (places: number[] | null) =>
      places === null ? {} : { eligible: places.flatMap((n) => devices[n]?.id ?? []) }
    return {
      objective,
      devices,
      sideBySide,
      items: items.map(({ places, ...item }, n) => ({ id: `i${n}`, ...item, ...eligible(places) })),
    }
  })

const run = (name: StrategyName, problem: Problem, seed = 'a'): Plan => {
  const answer = planBy(name, problem, { random: new Random(seed), evaluationsMax: 300 })
  if (!answer.ok) throw new Error(`${name}: ${answer.reason}`)
  return answer
}

interface Judged {
  readonly loss: number
  readonly value: number
}

/** Loss and value by the words of the problem alone; `undefined` when it breaks a rule. */
function judge(
  { items, devices, objective, sideBySide = false }: Problem,
  at: (item: Item) => string | undefined,
): Judged | undefined {
  let loss = 0
  const values: number[] = []
  for (const item of items) if (at(item) === undefined) loss += 1 + (item.priority ?? 50)
  for (const { id, free, capacity = free, held = 0, busyMs = 0 } of devices) {
    const here = items.filter((item) => at(item) === id)
    if (here.some(({ eligible }) => eligible?.includes(id) === false)) return undefined
    const shares: number[] = []
    for (const name of ['cpu', 'memory']) {
      const needs = here.map(({ demand }) => demand[name] ?? 0)
      const together = needs.reduce((sum, need) => sum + need, 0)
      const room = free[name] ?? 0
      const whole = capacity[name] ?? 0
      const inTurn = objective === 'makespan' && !sideBySide
      if ((inTurn ? Math.max(0, ...needs) : together) > room) return undefined
      // Only what some item asks for is a dimension of the problem.
      if (whole > 0 && items.some(({ demand }) => name in demand))
        shares.push((whole - room + together) / whole)
    }
    if (objective === 'peak') values.push(Math.max(0, ...shares))
    if (objective === 'packing') values.push(Math.min(1, here.length + held))
    if (objective === 'spread') values.push((here.length + held) ** 2)
    if (objective === 'makespan') {
      const part = ({ demand }: Item): number =>
        Math.max(
          0,
          ...Object.entries(demand).map(([name, need]) => (capacity[name] ? need / capacity[name] : 0)),
        )
      const work = (item: Item): number => (item.durationMs ?? 0) * (sideBySide ? part(item) : 1)
      values.push(here.reduce((sum, item) => sum + work(item), busyMs))
    }
  }
  const worst = objective === 'peak' || objective === 'makespan'
  const value = worst ? Math.max(0, ...values) : values.reduce((sum, each) => sum + each, 0)
  return { loss, value }
}

/** The best of all plans there are. */
function exhaustive(problem: Problem): Judged {
  const { items, devices } = problem
  const choices = [undefined, ...devices.map(({ id }) => id)]
  let best: Judged | undefined
  for (let code = 0; code < choices.length ** items.length; code++) {
    const at = new Map(
      items.map((item, n) => [item, choices[Math.floor(code / choices.length ** n) % choices.length]]),
    )
    const judged = judge(problem, (item) => at.get(item))
    if (judged === undefined) continue
    if (
      best === undefined ||
      judged.loss < best.loss ||
      (judged.loss === best.loss && judged.value < best.value - 1e-9)
    ) {
      best = judged
    }
  }
  return best as Judged
}

describe.each(NAMES)('%s', (name) => {
  it('never exceeds room, never uses a device that may not take the item, and judges its plan right', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const plan = run(name, problem)
        const judged = judge(problem, ({ id }) => plan.placed.get(id))
        expect(judged, 'keeps the rules').toBeDefined()
        expect(plan.loss).toBe(judged?.loss)
        expect(plan.value).toBeCloseTo(judged?.value as number, 9)
        const named = [...plan.placed.keys(), ...plan.unplaced.map(({ item }) => item)].sort()
        expect(named).toEqual(problem.items.map(({ id }) => id).sort())
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('claims a bound or an optimum only where a dumb search finds nothing better, and leaves out nothing that fits', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const plan = run(name, problem)
        const best = exhaustive(problem)
        expect(plan.loss).toBeGreaterThanOrEqual(best.loss)
        if (plan.loss === best.loss) expect(plan.bound).toBeLessThanOrEqual(best.value + 1e-9)
        if (plan.optimal) {
          expect(plan.loss).toBe(best.loss)
          expect(plan.value).toBeCloseTo(best.value, 9)
        }
        for (const { item } of plan.unplaced) {
          for (const { id } of problem.devices) {
            const more = judge(problem, (other) => (other.id === item ? id : plan.placed.get(other.id)))
            expect(more, `${item} would fit on ${id}`).toBeUndefined()
          }
        }
      }),
      { numRuns: 200, seed: 2 },
    )
  })

  it('answers the same to the same seed', () => {
    fc.assert(
      fc.property(problems, fc.string(), (problem, seed) => {
        expect(run(name, problem, seed)).toEqual(run(name, problem, seed))
      }),
      { numRuns: 50, seed: 3 },
    )
  })

  it('plans for no items and for no devices', () => {
    const none = run(name, { items: [], devices: [{ id: 'd', free: { cpu: 1 } }], objective: 'packing' })
    expect([none.loss, none.value, none.optimal]).toEqual([0, 0, true])
    const nowhere = run(name, { items: [{ id: 'i', demand: {} }], devices: [], objective: 'spread' })
    expect(nowhere.unplaced).toEqual([{ item: 'i', reason: 'too-large' }])
  })
})

describe('dp', () => {
  it('finds what a dumb search finds: the same loss and the same value', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const plan = run('dp', problem)
        const best = exhaustive(problem)
        expect(plan.optimal).toBe(true)
        expect(plan.loss).toBe(best.loss)
        expect(plan.value).toBeCloseTo(best.value, 9)
      }),
      { numRuns: 500, seed: 4 },
    )
  })
})

describe('the lower bound', () => {
  it('is above no plan that places everything', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const best = exhaustive(problem)
        if (best.loss === 0) expect(lowerBound(new Dense(problem))).toBeLessThanOrEqual(best.value + 1e-9)
      }),
      { numRuns: 500, seed: 5 },
    )
  })
})
