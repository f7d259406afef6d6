/**
 * Cases in which the cores once broke an invariant, each with the faults that mattered. A case keeps its plan of faults,
 * so that it stays what it was when plans are drawn differently, the shares of its tasks that publish checkpoints or ask for
 * GPUs, and whether it has a rush, aims, auctions or tenants: cases from before there were any have none. Later changes of the
 * cores shift what it plays out, so it may not take the same way any more; it costs little to ask.
 *
 * `covey sim fuzz --case SEED --keep … --json` prints the plan of a case that fails.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Agent } from '../agent/core/agent.ts'
import { describeViolation } from './checkers/checker.ts'
import { FAULT_WEIGHTS, type Fault } from './faults/plan.ts'
import { runFuzzCase } from './fuzz.ts'

interface Regression {
  /** Continues "a case in which". */
  readonly about: string
  readonly seed: string
  readonly devices: number
  readonly tasks: number
  readonly safetyMs: number
  readonly checkpointShare?: number
  readonly wishShare?: number
  readonly rushes?: number
  readonly gpuShare?: number
  readonly auctions?: number
  readonly tenants?: number
  readonly aims?: number
  readonly plan: readonly Fault[]
}

const FOLDER = new URL('./regressions/', import.meta.url)
const CASES = readdirSync(FOLDER).map(
  (file) => JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Regression,
)

describe('cases that once failed', () => {
  it('are there, with faults that exist', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(8)
    const kinds = new Set(CASES.flatMap(({ plan }) => plan.map(({ kind }) => kind)))
    expect(Object.keys(FAULT_WEIGHTS)).toEqual(expect.arrayContaining([...kinds]))
  })

  it.each(CASES)('$about', ({ about: _about, seed, plan, ...size }) => {
    expect(plan.length).toBeGreaterThan(0)
    const core = (options: ConstructorParameters<typeof Agent>[0]) => new Agent(options)
    const none = {
      checkpointShare: 0,
      wishShare: 0,
      rushes: 0,
      gpuShare: 0,
      aims: 0,
      auctions: 0,
      tenants: 0,
    }
    const { violations } = runFuzzCase(seed, { ...none, ...size, faults: plan.length, plan, core })
    expect(violations.map(describeViolation)).toEqual([])
  })
})
