import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { genetic } from './genetic.ts'
import { heuristic } from './heuristic.ts'
import type { Objective, Problem } from './problem.ts'

const plan = (problem: Problem, evaluationsMax: number, seed = 'genetic') => {
  const answer = genetic(problem, { random: new Random(seed), evaluationsMax })
  if (!answer.ok) throw new Error(answer.reason)
  return answer
}
const passes = (problem: Problem) => {
  const answer = heuristic(problem, { random: new Random('none') })
  if (!answer.ok) throw new Error(answer.reason)
  return answer
}

/** Falkenauer's triplets: three items fill a device exactly. */
function triplets(devices: number, seed: string): Problem {
  const random = new Random(seed)
  const sizes = Array.from({ length: devices }, () => {
    const first = 380 + random.below(110)
    const second = 250 + random.below((1_000 - first) / 2 - 250)
    return [first, second, 1_000 - first - second]
  })
  return {
    objective: 'packing',
    items: random.shuffle(sizes.flat()).map((units, n) => ({ id: `i${n}`, demand: { units } })),
    devices: Array.from({ length: 2 * devices }, (_, n) => ({ id: `d${n}`, free: { units: 1_000 } })),
  }
}

/** Vectors on devices of two forms, more than one pass places well. */
function fleet(objective: Objective, seed: string): Problem {
  const random = new Random(seed)
  return {
    objective,
    items: Array.from({ length: 40 }, (_, n) => ({
      id: `i${n}`,
      demand: { cpu: 100 + random.below(900), memory: 100 + random.below(900) },
      durationMs: 1_000 + random.below(9_000),
    })),
    devices: Array.from({ length: 20 }, (_, n) => ({
      id: `d${n}`,
      free: n % 2 === 0 ? { cpu: 4_000, memory: 2_000 } : { cpu: 2_000, memory: 4_000 },
    })),
  }
}

describe('genetic', () => {
  it('fills devices exactly where one pass wastes some', () => {
    const problem = triplets(20, 'triplets')
    expect(passes(problem)).toMatchObject({ value: 21, bound: 20 })
    expect(plan(problem, 20_000)).toMatchObject({ value: 20, optimal: true })
  })

  it.each<Objective>(['peak', 'makespan', 'packing'])(
    'improves on one pass by %s, and leaves nothing out',
    (objective) => {
      const improved = ['a', 'b', 'c'].map((seed) => {
        const problem = fleet(objective, seed)
        const before = passes(problem)
        const after = plan(problem, 1_000)
        expect([before.loss, after.loss]).toEqual([0, 0])
        expect(after.value).toBeLessThanOrEqual(before.value)
        return after.value < before.value
      })
      expect(improved).toContain(true)
    },
  )

  it('spends no more than its budget, and ends early when nothing can be better', () => {
    const problem = fleet('peak', 'a')
    for (const budget of [1, 50, 150, 500])
      expect(plan(problem, budget).evaluations).toBeLessThanOrEqual(Math.max(12, budget))
    const easy: Problem = { ...problem, objective: 'spread', items: problem.items.slice(0, 20) }
    const answer = plan(easy, 10_000)
    expect(answer).toMatchObject({ value: 20, optimal: true })
    expect(answer.evaluations).toBeLessThan(100)
  })

  it('is no worse for a larger budget of the same seed, and different for another seed', () => {
    const problem = fleet('peak', 'b')
    const values = [50, 200, 1_000].map((budget) => plan(problem, budget).value)
    expect(values).toEqual([...values].sort((a, b) => b - a))
    expect(plan(problem, 300, 'one').placed).not.toEqual(plan(problem, 300, 'two').placed)
  })
})
