/**
 * Cases in which the cores once broke an invariant, each with the faults that mattered. Later changes shift what a
 * seed plays out, so a case may not take the same way any more; it costs little to ask.
 */
import { describe, expect, it } from 'vitest'
import { Agent } from '../agent/core/agent.ts'
import { describeViolation } from './checkers/checker.ts'
import { FULL_CASE, type FuzzOptions, planOf, runFuzzCase } from './fuzz.ts'
import type { CoreFactory } from './node/node.ts'

const core: CoreFactory = (options) => new Agent(options)
const small = (devices: number, tasks: number, faults: number, seconds: number): FuzzOptions => ({
  core,
  devices,
  tasks,
  faults,
  safetyMs: seconds * 1_000,
})

const CASES: readonly [about: string, seed: string, options: FuzzOptions, keep: readonly number[]][] = [
  [
    'a beacon below what devices remember silenced their heartbeats, so nobody learned that it had to leave',
    'h-252',
    small(4, 150, 25, 60),
    [4, 19, 12, 1, 2, 9],
  ],
  ['an agent served with a copy that it did not follow', 'i-1131', small(6, 150, 60, 200), []],
  [
    'an attempt’s name stood for two tasks after the broker had lost its store',
    'i-288',
    small(4, 150, 25, 60),
    [24, 5, 18, 14],
  ],
  [
    'a wiped device counted its starts anew and was taken for a shadow of itself',
    'q-1069',
    small(3, 120, 30, 90),
    [21, 9, 5, 19, 3],
  ],
  [
    'a state that an earlier subscription delivered late kept the device offline',
    'q-1293',
    small(3, 120, 30, 90),
    [23, 0, 1, 18, 28, 15, 8, 20, 12, 10, 13, 27, 2, 16, 5, 9],
  ],
  ['a copy that was begun anew refused what is retained', 'long1-64', { core, ...FULL_CASE }, [5, 1]],
  [
    'a live message that an earlier subscription delivered late hid what is retained',
    's3-2001',
    small(4, 120, 30, 90),
    [26, 6, 2, 0, 10, 21, 13, 11, 27, 25, 20, 5],
  ],
  [
    'a term was taken twice by the same agent, whose disk and broker had forgotten it',
    's1-4477',
    small(4, 120, 30, 90),
    [5, 4, 3, 0, 13, 25, 26],
  ],
]

describe('cases that once failed', () => {
  it.each(CASES)('%s', (_, seed, options, keep) => {
    const plan = planOf(seed, options).filter((fault) => keep.length === 0 || keep.includes(fault.id))
    expect(plan.length).toBeGreaterThan(0)
    expect(runFuzzCase(seed, { ...options, plan }).violations.map(describeViolation)).toEqual([])
  })
})
