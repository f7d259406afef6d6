/** From what was measured of a run, in virtual time or in real time, to its report. */
import { describeViolation, type Violations } from '../checkers/checker.ts'
import { describeFault, type Fault } from '../faults/plan.ts'
import { type Band, REPORT_VERSION, type SimReport, type Totals } from '../report/model.ts'
import { meet } from './expect.ts'
import { BANDS_MAX, type Metrics } from './metrics.ts'
import type { Sampler } from './sampler.ts'
import { deviceCount, type Scenario } from './scenario.ts'

/** What the metrics cannot know. */
export interface RunFacts
  extends Pick<SimReport, 'seed' | 'command' | 'broker' | 'mode' | 'partial' | 'hash'>,
    Pick<Totals, 'submitted' | 'unfinished' | 'lost' | 'faults' | 'messages'> {
  /** When it ended, by the run's own clock. */
  readonly nowMs: number
  /** How long it took on this machine. */
  readonly tookMs: number
}

export interface Measured {
  readonly scenario: Scenario
  readonly metrics: Metrics
  readonly sampler: Sampler
  readonly plan: readonly Fault[]
  readonly violations: Violations
}

/** Makes the report and judges it by the scenario's expectations. */
export function makeReport(facts: RunFacts, measured: Measured): SimReport {
  const { scenario, metrics, sampler, plan, violations } = measured
  const { seed, command, broker, mode, partial, hash, nowMs, tookMs } = facts
  const report: SimReport = {
    version: REPORT_VERSION,
    scenario: scenario.name,
    about: scenario.about,
    seed,
    command,
    broker,
    mode,
    devices: deviceCount(scenario.fleet),
    durationMs: Math.round(nowMs),
    tookSeconds: Math.round(tookMs / 10) / 100,
    partial,
    ...(hash === undefined ? {} : { hash }),
    totals: totalsOf(facts, metrics),
    latency: { placed: metrics.placedMs.percentiles(), ended: metrics.endedMs.percentiles() },
    failoverMs: metrics.failoverMs.percentiles(),
    rerouteMs: metrics.rerouteMs.percentiles(),
    departures: metrics.departures.list(),
    series: sampler.series,
    bands: [...metrics.failovers, ...faultBands(plan, scenario, nowMs)],
    expectations: [],
    violations: violations.list.map((violation) => ({
      invariant: violation.invariant,
      atMs: violation.atMs,
      message: describeViolation(violation),
    })),
  }
  return { ...report, expectations: scenario.expectations.map((expectation) => meet(expectation, report)) }
}

function totalsOf(facts: RunFacts, metrics: Metrics): Totals {
  const { submitted, unfinished, lost, faults, messages } = facts
  const { receipted, ended, endedTwice, attempts, reroutes, relieved, duplicates, terms } = metrics
  return {
    submitted,
    receipted,
    ended,
    unfinished,
    lost,
    endedTwice,
    attempts,
    reroutes,
    moves: relieved,
    duplicates,
    terms,
    faults,
    messages,
  }
}

function faultBands(plan: readonly Fault[], scenario: Scenario, nowMs: number): Band[] {
  return plan
    .filter(({ atMs }) => atMs <= nowMs)
    .slice(0, BANDS_MAX)
    .map((fault): Band => {
      const toMs = Math.min(nowMs, scenario.durationMs, fault.atMs + fault.durationMs)
      return { kind: 'fault', fromMs: fault.atMs, toMs: Math.max(fault.atMs, toMs), label: labelOf(fault) }
    })
}

/** Names of many targets would only hide what happened. */
const TARGETS_SHOWN_MAX = 3

function labelOf(fault: Fault): string {
  if (fault.targets.length <= TARGETS_SHOWN_MAX) return describeFault(fault)
  return describeFault({ ...fault, targets: [`${fault.targets.length} devices`] })
}
