import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { completion } from './completion.ts'
import { Dense } from './dense.ts'
import { dp } from './dp.ts'
import { heuristic } from './heuristic.ts'
import { Placement } from './placement.ts'
import type { Problem } from './problem.ts'

const random = new Random('dp')
const pack = (sizes: readonly number[], room: number): Problem => ({
  objective: 'packing',
  items: sizes.map((units, n) => ({ id: `i${n}`, demand: { units } })),
  devices: sizes.map((_, n) => ({ id: `d${n}`, free: { units: room } })),
})

/** The least number of devices: every item into every device in use, or into a new one. */
function fewest(items: readonly (readonly number[])[], room: number, used: number[][] = []): number {
  const [item, ...rest] = items
  if (item === undefined) return used.length
  let least = Number.POSITIVE_INFINITY
  for (let at = 0; at <= used.length; at++) {
    const load = (used[at] ?? [0, 0]).map((sum, k) => sum + (item[k] as number))
    if (load.some((sum) => sum > room)) continue
    const next = [...used]
    next[at] = load
    least = Math.min(least, fewest(rest, room, next))
  }
  return least
}

describe('completion', () => {
  it('finds as few devices as a search of all ways, though it begins with one for each item', () => {
    const item = fc.tuple(fc.nat(10), fc.nat(10))
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 7 }), (items) => {
        const dense = new Dense({
          objective: 'packing',
          items: items.map(([cpu, memory], n) => ({ id: `i${n}`, demand: { cpu, memory } })),
          devices: items.map((_, n) => ({ id: `d${n}`, free: { cpu: 10, memory: 10 } })),
        })
        const apart = new Placement(dense)
        for (let i = 0; i < dense.n; i++) apart.put(i, i)
        const { placement } = completion(dense, apart, 1, 10_000)
        expect(placement?.score()).toEqual({ loss: 0, value: fewest(items, 10) })
        expect(placement?.left.every((left) => left >= 0)).toBe(true)
      }),
      { numRuns: 400, seed: 1 },
    )
  })
})

describe('dp', () => {
  it('packs what one pass after another cannot', () => {
    // Falkenauer's triplets: three fill a device exactly, whatever is wasted is too much.
    const draw = new Random('triplets')
    const sizes = Array.from({ length: 20 }, () => {
      const first = 380 + draw.below(110)
      const second = 250 + draw.below((1_000 - first) / 2 - 250)
      return [first, second, 1_000 - first - second]
    })
    const problem = pack(draw.shuffle(sizes.flat()), 1_000)
    const plan = dp(problem, { random })
    expect(plan).toMatchObject({ ok: true, value: 20, optimal: true })
    expect(heuristic(problem, { random })).toMatchObject({ value: 21, bound: 20, optimal: false })
  })

  it('levels devices that differ better than one pass does, and proves it', () => {
    const problem: Problem = {
      objective: 'makespan',
      items: [5, 5, 4, 4, 3, 3, 3].map((durationMs, n) => ({ id: `i${n}`, demand: {}, durationMs })),
      devices: ['a', 'b', 'c'].map((id) => ({ id, free: {} })),
    }
    expect(heuristic(problem, { random })).toMatchObject({ value: 11 })
    expect(dp(problem, { random })).toMatchObject({ value: 9, optimal: true })
  })

  it('leaves out what is worth least where not all fits', () => {
    const problem: Problem = {
      objective: 'peak',
      items: [
        { id: 'large', demand: { units: 6 }, priority: 40 },
        { id: 'least', demand: { units: 5 }, priority: 10 },
        { id: 'small', demand: { units: 5 }, priority: 30 },
        { id: 'other', demand: { units: 5 }, priority: 30 },
      ],
      devices: [{ id: 'a', free: { units: 10 } }],
    }
    expect(heuristic(problem, { random })).toMatchObject({ loss: 73 })
    const plan = dp(problem, { random })
    expect(plan).toMatchObject({ loss: 52, optimal: true })
    expect(plan).toHaveProperty('unplaced', [
      { item: 'large', reason: 'no-room' },
      { item: 'least', reason: 'no-room' },
    ])
  })

  it('tells devices apart that differ only in who may use them', () => {
    const problem: Problem = {
      objective: 'makespan',
      items: [
        { id: 'any', demand: {}, durationMs: 5 },
        { id: 'choosy', demand: {}, durationMs: 5, eligible: ['z'] },
      ],
      devices: ['z', 'a'].map((id) => ({ id, free: {} })),
    }
    expect(heuristic(problem, { random })).toMatchObject({ value: 10 })
    expect(dp(problem, { random })).toMatchObject({ value: 5, optimal: true })
  })

  it('refuses what takes more states than it may, and says what to do', () => {
    const sizes = Array.from({ length: 40 }, (_, n) => 1_000 + n * 37)
    const whole = pack(sizes, 30_000)
    const problem: Problem = { ...whole, devices: whole.devices.slice(0, 4), objective: 'peak' }
    const reason =
      'more than 500 states, at item 7 of 40; plan fewer items at a time, or use heuristic or genetic'
    const answer = dp(problem, { random, statesMax: 500 })
    expect(answer).toMatchObject({ ok: false, strategy: 'dp', refused: 'states' })
    expect(answer).toHaveProperty('reason', reason)
  })
})
