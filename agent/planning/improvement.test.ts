import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { improvement } from './improvement.ts'
import type { Objective, Problem } from './problem.ts'

const OPTIONS = { evaluationsMax: 150, movesMax: 4, leastGain: 0.05 }

interface Standing {
  readonly problem: Problem
  readonly present: ReadonlyMap<string, string>
}

/** Items where they happened to come to stand; what fits nowhere is not there. */
const standings = fc
  .record({
    objective: fc.constantFrom<Objective>('peak', 'packing', 'spread'),
    rooms: fc.array(fc.tuple(fc.integer({ min: 4, max: 12 }), fc.nat(4)), { minLength: 2, maxLength: 5 }),
    items: fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(4), fc.nat(3)), {
      minLength: 2,
      maxLength: 10,
    }),
  })
  .map(({ objective, rooms, items }): Standing => {
    const devices = rooms.map(([cpu, fixed], j) => ({
      ...{ id: `d${j}`, free: { cpu }, capacity: { cpu: cpu + fixed } },
    }))
    const left = new Map(devices.map(({ id, free }) => [id, free.cpu]))
    const present = new Map<string, string>()
    const standing: Problem['items'][number][] = []
    for (const [i, [cpu, begin, ban]] of items.entries()) {
      const order = devices.map((_, j) => devices[(begin + j) % devices.length]?.id ?? '')
      const at = order.find((id) => (left.get(id) ?? 0) >= cpu)
      if (at === undefined) continue
      left.set(at, (left.get(at) ?? 0) - cpu)
      present.set(`i${i}`, at)
      const eligible = devices.map(({ id }) => id).filter((id) => id === at || id !== `d${ban}`)
      standing.push({ id: `i${i}`, demand: { cpu }, eligible })
    }
    return { problem: { items: standing, devices, objective }, present }
  })

/** The objective by its words, of one resource. */
function worth({ problem, present }: Standing): number {
  const groups = problem.devices.map(({ id }) => problem.items.filter((item) => present.get(item.id) === id))
  if (problem.objective === 'packing') return groups.filter(({ length }) => length > 0).length
  if (problem.objective === 'spread') return groups.reduce((sum, { length }) => sum + length ** 2, 0)
  return Math.max(
    ...groups.map((group, j) => {
      const device = problem.devices[j]
      const used = group.reduce((sum, { demand }) => sum + (demand['cpu'] ?? 0), 0)
      const [whole, room] = [device?.capacity?.['cpu'] ?? 0, device?.free['cpu'] ?? 0]
      return (whole - room + used) / whole
    }),
  )
}

describe('improvement', () => {
  it('makes only moves that can be made at once, and tells what they gain', () => {
    fc.assert(
      fc.property(standings, ({ problem, present }) => {
        const found = improvement(problem, present, { ...OPTIONS, random: new Random('a') })
        if (found === undefined) return
        const { moves, before, after } = found
        expect(moves.length).toBeLessThanOrEqual(OPTIONS.movesMax)
        expect(new Set(moves.map(({ to }) => to)).size).toBe(moves.length)
        const moved = new Map(present)
        for (const { item, from, to } of moves) {
          expect(present.get(item)).toBe(from)
          expect(moves.map((one) => one.from)).not.toContain(to)
          const { demand, eligible } = problem.items.find(({ id }) => id === item) ?? {}
          expect(eligible).toContain(to)
          const there = problem.items.filter(({ id }) => present.get(id) === to)
          const used = there.reduce((sum, one) => sum + (one.demand['cpu'] ?? 0), demand?.['cpu'] ?? 0)
          expect(used).toBeLessThanOrEqual(problem.devices.find(({ id }) => id === to)?.free['cpu'] ?? 0)
          moved.set(item, to)
        }
        expect(before).toBeCloseTo(worth({ problem, present }), 9)
        expect(after).toBeCloseTo(worth({ problem, present: moved }), 9)
        expect(after).toBeLessThanOrEqual(before * (1 - OPTIONS.leastGain))
      }),
      { numRuns: 300, seed: 7 },
    )
  })

  it('comes to an end when nothing else changes', () => {
    let improved = 0
    fc.assert(
      fc.property(standings, ({ problem, present }) => {
        const at = new Map(present)
        const random = new Random('a')
        let rounds = 0
        for (let quiet = 0; quiet < 3; ) {
          const found = improvement(problem, at, { ...OPTIONS, random })
          if (found === undefined) quiet++
          else {
            for (const { item, to } of found.moves) at.set(item, to)
            expect(rounds++).toBeLessThan(30)
            improved++
          }
        }
      }),
      { numRuns: 150, seed: 7 },
    )
    expect(improved).toBeGreaterThan(20)
  })

  it('levels what stands on one of two devices, with no more moves than it takes', () => {
    const items = [1, 2, 3, 4].map((n) => ({ id: `i${n}`, demand: { cpu: 2 } }))
    const devices = ['a', 'b'].map((id) => ({ id, free: { cpu: 8 } }))
    const present = new Map(items.map(({ id }) => [id, 'a']))
    const found = improvement({ items, devices, objective: 'peak' }, present, {
      ...OPTIONS,
      random: new Random('a'),
    })
    expect(found).toMatchObject({ before: 1, after: 0.75, moves: [{ from: 'a', to: 'b' }] })
  })

  it('leaves alone what gains too little', () => {
    const items = [{ id: 'i', demand: { cpu: 10 } }]
    const devices = [10, 10].map((cpu, n) => ({ id: `d${n}`, free: { cpu }, capacity: { cpu: 100 + n } }))
    const present = new Map([['i', 'd0']])
    const problem = { items, devices, objective: 'peak' as const }
    expect(improvement(problem, present, { ...OPTIONS, random: new Random('a') })).toBeUndefined()
  })
})
