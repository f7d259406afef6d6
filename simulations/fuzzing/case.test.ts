import { describe, expect, it } from 'vitest'
import { Agent } from '../../agent/core/agent.ts'
import type { AgentCore, CoreFactory } from '../node/node.ts'
import { type CaseShape, describeShape, realCore, runCase } from './case.ts'
import { addCase, emptySummary, FAILURES_MAX } from './fuzzer.ts'

const SHAPE: CaseShape = { devices: 3, safetyMs: 20_000, variant: 'covey' }

/** Agents whose heartbeats are none of the protocol's. */
const babbling: CoreFactory = (options): AgentCore => {
  const agent = new Agent(options)
  return {
    step: (input, now) =>
      agent
        .step(input, now)
        .map((effect) =>
          effect.do === 'publish' && effect.message.route === 'load' && effect.message.body !== null
            ? { ...effect, message: { ...effect.message, body: { ...effect.message.body, seq: -1 } } }
            : effect,
        ),
  }
}

describe('a case of the fuzzer', () => {
  it('of sound agents finds nothing, and is the same when it is repeated', () => {
    const result = runCase('c-1', SHAPE)
    expect(result).toMatchObject({ seed: 'c-1', faults: 20 })
    expect(result.failure).toBeUndefined()
    expect(runCase('c-1', SHAPE, realCore).hash).toBe(result.hash)
    expect(describeShape(SHAPE)).toBe(
      'each case: 3 devices, 10 tasks and 20 faults in 20s, then healing; broker: covey',
    )
  })

  it('of broken agents names the invariant, keeps the faults that matter, and can be repeated by its command', () => {
    const { failure } = runCase('c-1', SHAPE, babbling)
    expect(failure?.text).toMatch(/^case c-1 on covey breaks wire, with 0 of its 20 faults:\n {2}wire at /)
    expect(failure?.command).toBe(
      'covey sim fuzz --case c-1 --keep none --devices 3 --duration 20000ms --variant covey',
    )
    const again = runCase('c-1', SHAPE, babbling, [])
    expect(again.faults).toBe(0)
    expect(failure?.plan).toEqual([])
    expect(again.failure?.text).toContain(failure?.text.split('\n')[1])
  })

  it('is added to what the others found; of failures only the first are kept, and all counted', () => {
    const summary = emptySummary()
    const case_ = {
      seed: 's',
      hash: '',
      virtualMs: 5,
      events: 7,
      faults: 2,
      terms: 1,
      ends: { succeeded: 3 },
    }
    const failure = { text: 'text', plan: [], command: 'command' }
    addCase(summary, case_)
    for (let n = 0; n < FAILURES_MAX + 5; n++) addCase(summary, { ...case_, failure })
    expect(summary).toMatchObject({ cases: FAILURES_MAX + 6, failed: FAILURES_MAX + 5, partial: false })
    expect(summary.failures).toHaveLength(FAILURES_MAX)
    expect(summary.ends).toEqual({ succeeded: 3 * summary.cases })
  })
})
