/** One case of the fuzzer as the command line runs it: what it is made of, how it is told, and how it is repeated. */
import { Agent } from '../../agent/core/agent.ts'
import { formatDuration } from '../../shared/model/duration.ts'
import { VARIANTS, type VariantName } from '../broker/variants.ts'
import { describeViolation } from '../checkers/checker.ts'
import type { Trace } from '../engine/trace.ts'
import { describeFault, type Fault } from '../faults/plan.ts'
import { FULL_CASE, type FuzzOptions, type FuzzResult, planOf, runFuzzCase } from '../fuzz.ts'
import type { CoreFactory } from '../node/node.ts'
import { shrinkPlan } from '../shrink.ts'

/** What may be chosen of a case; plain data, so that it can go to a worker process. */
export interface CaseShape {
  readonly devices?: number
  readonly safetyMs?: number
  readonly variant?: VariantName
}

export interface CaseResult {
  readonly seed: string
  readonly hash: string
  readonly virtualMs: number
  readonly events: number
  readonly faults: number
  readonly terms: number
  readonly ends: Readonly<Record<string, number>>
  /** What was found, with the faults that matter and the command that repeats it; absent when all was well. */
  readonly failure?: Failure
}

export interface Failure {
  readonly text: string
  /** The faults that matter, for whoever keeps the case. */
  readonly plan: readonly Fault[]
  readonly command: string
}

const SHRINK_TRIES_MAX = 60
const TASKS_MIN = 10
const VIOLATIONS_SHOWN_MAX = 5

/** The real agents' cores. */
export const realCore: CoreFactory = (options) => new Agent(options)

/** What every case of this shape is made of, in one line. */
export function describeShape(shape: CaseShape): string {
  const { devices = FULL_CASE.devices, safetyMs = FULL_CASE.safetyMs, variant } = shape
  const broker = variant ?? `one of ${Object.keys(VARIANTS).join(', ')}`
  return `each case: ${devices} devices, ${tasksFor(devices, safetyMs)} tasks and ${FULL_CASE.faults} faults in ${formatDuration(safetyMs)}, then healing; broker: ${broker}`
}

/** A smaller fleet, or a shorter time, gets less to do: it would otherwise still be at work when it must be done. */
function tasksFor(devices: number, safetyMs: number): number {
  const share = Math.min(1, devices / FULL_CASE.devices) * Math.min(1, safetyMs / FULL_CASE.safetyMs)
  return Math.max(TASKS_MIN, Math.round(FULL_CASE.tasks * share))
}

/**
 * Runs one case, and makes its plan of faults smaller when it fails.
 *
 * @param keep numbers of the faults to keep; all when not given
 * @param trace records what every agent did
 */
export function runCase(
  seed: string,
  shape: CaseShape,
  core: CoreFactory = realCore,
  keep?: readonly number[],
  trace?: Trace,
): CaseResult {
  const options = optionsOf(shape, core)
  const whole = planOf(seed, options)
  const plan = keep === undefined ? whole : whole.filter(({ id }) => keep.includes(id))
  const result = runFuzzCase(seed, { ...options, plan, ...(trace === undefined ? {} : { trace }) })
  const { stats, violations, hash } = result
  return {
    seed,
    hash,
    virtualMs: stats.virtualMs,
    events: stats.events,
    faults: plan.length,
    terms: stats.terms,
    ends: stats.ends,
    ...(violations.length === 0
      ? {}
      : { failure: failureOf(result, shape, options, whole.length, keep === undefined) }),
  }
}

function optionsOf(shape: CaseShape, core: CoreFactory): FuzzOptions {
  const { devices = FULL_CASE.devices, safetyMs = FULL_CASE.safetyMs, variant } = shape
  const tasks = tasksFor(devices, safetyMs)
  return { core, ...FULL_CASE, devices, safetyMs, tasks, ...(variant === undefined ? {} : { variant }) }
}

function failureOf(
  result: FuzzResult,
  shape: CaseShape,
  options: FuzzOptions,
  whole: number,
  shrinks: boolean,
): Failure {
  const { seed } = result
  const kind = result.violations[0]?.invariant
  const fails = (plan: readonly Fault[]): boolean =>
    runFuzzCase(seed, { ...options, plan }).violations.some(({ invariant }) => invariant === kind)
  const { plan } = shrinks ? shrinkPlan(result.plan, fails, SHRINK_TRIES_MAX) : result
  const least = plan.length === result.plan.length ? result : runFuzzCase(seed, { ...options, plan })
  const text = [
    `case ${seed} on ${result.stats.variant} breaks ${kind}, with ${plan.length} of its ${whole} faults:`,
    ...plan.map((fault) => `  ${describeFault(fault)}`),
    ...least.violations
      .slice(0, VIOLATIONS_SHOWN_MAX)
      .map((violation) => `  ${describeViolation(violation)}`),
  ].join('\n')
  return { text, plan, command: commandOf(seed, shape, plan, plan.length === whole) }
}

function commandOf(seed: string, shape: CaseShape, plan: readonly Fault[], whole: boolean): string {
  const words = ['covey sim fuzz', `--case ${seed}`]
  if (!whole) words.push(`--keep ${plan.map(({ id }) => id).join(',') || 'none'}`)
  if (shape.devices !== undefined) words.push(`--devices ${shape.devices}`)
  if (shape.safetyMs !== undefined) words.push(`--duration ${shape.safetyMs}ms`)
  if (shape.variant !== undefined) words.push(`--variant ${shape.variant}`)
  return words.join(' ')
}
