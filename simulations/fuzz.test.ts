import { describe, expect, it } from 'vitest'
import { Agent } from '../agent/core/agent.ts'
import type { AgentEffect, AgentInput, Now } from '../shared/ports.ts'
import { Random } from '../shared/random/random.ts'
import { describeViolation } from './checkers/checker.ts'
import { drawPlan, FAULT_WEIGHTS, type Fault } from './faults/plan.ts'
import { type FuzzOptions, type FuzzResult, runFuzzCase } from './fuzz.ts'
import type { AgentCore, CoreFactory } from './node/node.ts'
import { shrinkPlan } from './shrink.ts'

const honest: CoreFactory = (options) => new Agent(options)
const CASE: FuzzOptions = { core: honest, devices: 5, tasks: 60, faults: 12, safetyMs: 120_000 }
const SEEDS = Array.from({ length: 20 }, (_, n) => `fixed-${n}`)

const told = (result: FuzzResult): string[] => result.violations.map(describeViolation)

describe('fuzzing the mesh', () => {
  it.each(SEEDS)('breaks no invariant with seed %s, and gives the same run twice', (seed) => {
    const first = runFuzzCase(seed, CASE)
    expect(told(first)).toEqual([])
    expect(Object.values(first.stats.ends).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(40)
    expect(runFuzzCase(seed, CASE).hash).toBe(first.hash)
  })

  it('gives another run for another seed, and for a plan with one fault less', () => {
    const whole = runFuzzCase('fixed-0', CASE)
    const less = runFuzzCase('fixed-0', { ...CASE, plan: whole.plan.slice(1) })
    expect(runFuzzCase('fixed-1', CASE).hash).not.toBe(whole.hash)
    expect(less.hash).not.toBe(whole.hash)
  })
})

/** Wraps the real agent and changes what goes in or comes out: a broken agent that the checkers must find out. */
function broken(change: {
  input?: (input: AgentInput) => AgentInput | undefined
  effects?: (effects: readonly AgentEffect[], input: AgentInput) => readonly AgentEffect[]
}): CoreFactory {
  return (options): AgentCore => {
    const agent = new Agent(options)
    return {
      step(input: AgentInput, now: Now): readonly AgentEffect[] {
        const taken = change.input === undefined ? input : change.input(input)
        if (taken === undefined) return []
        const effects = agent.step(taken, now)
        return change.effects === undefined ? effects : change.effects(effects, input)
      },
    }
  }
}

/** The first seed's violations of one invariant; the checkers must find it within a few seeds. */
function foundBy(core: CoreFactory, invariant: string): boolean {
  return SEEDS.some((seed) =>
    runFuzzCase(seed, { ...CASE, core }).violations.some((violation) => violation.invariant === invariant),
  )
}

describe('the checkers find out', () => {
  it('a worker that runs a task whatever room it has (I4)', () => {
    const core: CoreFactory = (options) => new Agent({ ...options, capacity: { cpu: 64, memory: '64Gi' } })
    expect(foundBy(core, 'I4')).toBe(true)
  })

  it('a coordinator that claims success for whatever ended (I7)', () => {
    const core = broken({
      effects: (effects) =>
        effects.map((effect) => {
          if (effect.do !== 'publish' || effect.message.route !== 'status' || effect.message.body === null)
            return effect
          const { body } = effect.message
          if (body.state !== 'failed' || body.attempt === undefined) return effect
          return { ...effect, message: { ...effect.message, body: { ...body, state: 'succeeded' as const } } }
        }),
    })
    expect(foundBy(core, 'I7')).toBe(true)
  })

  it('a coordinator that forgets to publish ends (I2, I6)', () => {
    const core = broken({
      effects: (effects) =>
        effects.filter(
          (effect) =>
            effect.do !== 'publish' ||
            effect.message.route !== 'status' ||
            effect.message.body?.state !== 'succeeded',
        ),
    })
    expect(foundBy(core, 'I2')).toBe(true)
    expect(foundBy(core, 'I6')).toBe(true)
  })

  it('agents that never hear who died or who is in office, and elect nobody (I6)', () => {
    const core = broken({
      input: (input) => (input.in === 'link-up' && input.link === 'seat' ? undefined : input),
    })
    expect(foundBy(core, 'I6')).toBe(true)
  })

  it('a core that throws, and a message that is none of the protocol (wire)', () => {
    const thrower = broken({
      input: (input) => {
        if (input.in === 'ended') throw new Error('a bug')
        return input
      },
    })
    expect(foundBy(thrower, 'wire')).toBe(true)
    const babbler = broken({
      effects: (effects) =>
        effects.map((effect) =>
          effect.do === 'publish' && effect.message.route === 'load' && effect.message.body !== null
            ? { ...effect, message: { ...effect.message, body: { ...effect.message.body, seq: -1 } } }
            : effect,
        ),
    })
    expect(foundBy(babbler, 'wire')).toBe(true)
  })
})

describe('a plan of faults', () => {
  const options = {
    faults: 400,
    overMs: 100_000,
    durationMsMean: 5_000,
    durationMsMax: 20_000,
    devices: ['a', 'b', 'c', 'd'],
  }

  it('is the same for the same seed and ends within its time; several seeds have every kind, one has some', () => {
    const plan = drawPlan(new Random('p'), options)
    expect(drawPlan(new Random('p'), options)).toEqual(plan)
    const kinds = (faults: readonly Fault[]): Set<string> => new Set(faults.map(({ kind }) => kind))
    expect(kinds(plan).size).toBeLessThan(Object.keys(FAULT_WEIGHTS).length)
    const many = [...'abcdefghij'].flatMap((seed) => drawPlan(new Random(seed), options))
    expect(kinds(many)).toEqual(new Set(Object.keys(FAULT_WEIGHTS)))
    for (const fault of plan) expect(fault.atMs + fault.durationMs).toBeLessThanOrEqual(options.overMs)
  })

  it('shrinks to the faults that matter', () => {
    const plan = drawPlan(new Random('p'), { ...options, faults: 20 })
    const fails = (faults: readonly Fault[]): boolean =>
      [3, 11].every((id) => faults.some((fault) => fault.id === id))
    const { plan: least, tries } = shrinkPlan(plan, fails, 200)
    expect(least.map(({ id }) => id).sort((a, b) => a - b)).toEqual([3, 11])
    expect(tries).toBeLessThan(100)
  })
})
