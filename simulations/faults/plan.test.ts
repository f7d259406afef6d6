import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { shrinkPlan } from '../shrink.ts'
import { MOMENT_WEIGHTS } from './moments.ts'
import { describeFault, drawPlan, FAULT_WEIGHTS, type Fault } from './plan.ts'

const OPTIONS = {
  faults: 400,
  overMs: 100_000,
  durationMsMean: 5_000,
  durationMsMax: 20_000,
  devices: ['a', 'b', 'c', 'd'],
}
const kinds = (faults: readonly Fault[]): Set<string> => new Set(faults.map(({ kind }) => kind))

describe('a plan of faults', () => {
  const plan = drawPlan(new Random('p'), OPTIONS)
  const many = [...'abcdefghij'].flatMap((seed) => drawPlan(new Random(seed), OPTIONS))

  it('is the same for the same seed and ends within its time', () => {
    expect(drawPlan(new Random('p'), OPTIONS)).toEqual(plan)
    for (const fault of plan) expect(fault.atMs + fault.durationMs).toBeLessThanOrEqual(OPTIONS.overMs)
  })

  it('has some kinds; the plans of several seeds have every kind that is drawn, and every moment', () => {
    const weights = Object.entries(FAULT_WEIGHTS).filter(([, weight]) => weight > 0)
    expect(kinds(plan).size).toBeLessThan(weights.length)
    expect(kinds(many)).toEqual(new Set(weights.map(([kind]) => kind)))
    const moments = new Set(many.flatMap(({ upon = [] }) => upon))
    expect(moments).toEqual(new Set(Object.keys(MOMENT_WEIGHTS)))
  })

  it('strikes groups of many sizes, also in one direction', () => {
    for (const kind of ['partition', 'one-way', 'swizzle'] as const) {
      const sizes = many.filter((fault) => fault.kind === kind).map(({ targets }) => targets.length)
      expect(new Set(sizes), kind).toEqual(new Set([1, 2, 3]))
    }
  })

  it('leaves out what is not wanted', () => {
    expect(kinds(drawPlan(new Random('p'), { ...OPTIONS, without: ['crash', 'flap'] }))).not.toContain(
      'crash',
    )
  })

  it('shrinks to the faults that matter', () => {
    const whole = drawPlan(new Random('p'), { ...OPTIONS, faults: 20 })
    const fails = (faults: readonly Fault[]): boolean =>
      [3, 11].every((id) => faults.some((fault) => fault.id === id))
    const { plan: least, tries } = shrinkPlan(whole, fails, 200)
    expect(least.map(({ id }) => id).sort((a, b) => a - b)).toEqual([3, 11])
    expect(tries).toBeLessThan(100)
  })

  it('is told with what each fault waits for', () => {
    const fault: Fault = {
      id: 3,
      kind: 'crash',
      atMs: 1_500,
      durationMs: 2_000,
      targets: ['a', 'b'],
      size: 0,
    }
    expect(describeFault(fault)).toBe('#3 crash a,b at 1.5s for 2.0s')
    expect(describeFault({ ...fault, upon: 'ended' })).toBe('#3 crash a,b upon ended after 1.5s for 2.0s')
  })
})
