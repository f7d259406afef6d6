import { describe, expect, it } from 'vitest'
import { Agent } from '../agent/core/agent.ts'
import { describeViolation } from './checkers/checker.ts'
import { type FuzzOptions, type FuzzResult, runFuzzCase } from './fuzz.ts'

const CASE: FuzzOptions = {
  core: (options) => new Agent(options),
  devices: 5,
  tasks: 60,
  faults: 12,
  safetyMs: 120_000,
}
const SEEDS = Array.from({ length: 20 }, (_, n) => `fixed-${n}`)

const told = (result: FuzzResult): string[] => result.violations.map(describeViolation)

describe('fuzzing the mesh', () => {
  it.each(SEEDS)('breaks no invariant with seed %s, and gives the same run twice', (seed) => {
    const first = runFuzzCase(seed, CASE)
    expect(told(first)).toEqual([])
    expect(Object.values(first.stats.ends).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(40)
    expect(runFuzzCase(seed, CASE).hash).toBe(first.hash)
  })

  it.each(['aims-0', 'aims-1', 'aims-2'])(
    'breaks none where objectives, links and data change, with seed %s',
    (seed) => {
      const aimed = runFuzzCase(seed, { ...CASE, aims: 1 })
      expect(told(aimed)).toEqual([])
      expect(runFuzzCase(seed, { ...CASE, aims: 0 }).hash).not.toBe(aimed.hash)
    },
  )

  it('gives another run for another seed, and for a plan with one fault less', () => {
    const whole = runFuzzCase('fixed-0', CASE)
    const less = runFuzzCase('fixed-0', { ...CASE, plan: whole.plan.slice(1) })
    expect(runFuzzCase('fixed-1', CASE).hash).not.toBe(whole.hash)
    expect(less.hash).not.toBe(whole.hash)
  })
})
