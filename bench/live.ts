/**
 * Live against simulated: on each broker a live run calibrates the simulated machine, then another scenario runs both
 * live and simulated on the same seed, and their times are set side by side.
 */
import { LIVE_BROKERS, type LiveBrokerName } from '../simulations/live/feasible.ts'
import { runLive } from '../simulations/live/run-live.ts'
import type { Percentiles, SimReport } from '../simulations/report/model.ts'
import { type Calibration, machineOf } from '../simulations/scenario/calibration.ts'
import { runScenario } from '../simulations/scenario/run.ts'
import type { Scenario } from '../simulations/scenario/scenario.ts'
import { calibrationScenario, comparedScenario, type LiveSize } from './live-scenarios.ts'

/** The median may differ by this factor, the 99th percentile by that, whichever of the two is larger. */
export const P50_FACTOR_MAX = 1.25
export const P99_FACTOR_MAX = 2

export interface LiveComparison {
  readonly broker: LiveBrokerName
  readonly calibration: Calibration
  readonly live: SimReport
  readonly simulated: SimReport
}

export interface LiveResult {
  readonly size: LiveSize
  readonly comparisons: readonly LiveComparison[]
}

export const liveSize = (quick: boolean): LiveSize =>
  quick
    ? { devices: 100, workers: 30, startSeconds: 5, busySeconds: 60 }
    : { devices: 2_000, workers: 100, startSeconds: 90, busySeconds: 180 }

/**
 * Runs on every broker in turn; `tell` hears how far it is.
 *
 * @throws CoveyError E_USAGE when Mosquitto is not installed
 */
export async function runLiveBench(
  seed: string,
  size: LiveSize,
  signal: AbortSignal,
  tell: (line: string) => void,
): Promise<LiveResult> {
  const comparisons: LiveComparison[] = []
  for (const broker of LIVE_BROKERS) {
    const options = { seed, command: 'npm run bench -- live', broker, env: process.env, signal }
    let calibration: Calibration | undefined
    const measured = await runLive(calibrationScenario(size), {
      ...options,
      calibrated: (value) => {
        calibration = value
      },
    })
    tell(`${broker}, calibration: ${soundOf(measured)}, ${JSON.stringify(calibration)}`)
    if (calibration === undefined) break
    const scenario: Scenario = { ...comparedScenario(size), variant: broker }
    const live = await runLive(scenario, options)
    tell(`${broker}, live: ${soundOf(live)}`)
    const simulated = await runScenario(scenario, { ...options, machine: machineOf(calibration) })
    tell(`${broker}, simulated: ${soundOf(simulated)}`)
    comparisons.push({ broker, calibration, live, simulated })
    if (signal.aborted) break
  }
  return { size, comparisons }
}

function soundOf(report: SimReport): string {
  const { devices, totals, tookSeconds, partial } = report
  const ended = Object.values(totals.ended).reduce((sum, count) => sum + count, 0)
  const left = report.departures.map(({ reason, count }) => `; ${count} left because ${reason}`)
  return (
    `${devices} devices, ${ended} of ${totals.submitted} tasks ended, ${totals.reroutes} rerouted, ` +
    `${totals.terms} terms, ${wrongIn(report)} wrong, ${tookSeconds} s${partial ? ', interrupted' : ''}${left.join('')}`
  )
}

/** Whether every broker was compared, nothing went wrong in a run, and every time is within its factor. */
export function isSound({ comparisons }: LiveResult): boolean {
  return (
    comparisons.length === LIVE_BROKERS.length &&
    comparisons.every(
      (one) =>
        [one.live, one.simulated].every((report) => !report.partial && wrongIn(report) === 0) &&
        comparedTimes(one).every(({ met }) => met),
    )
  )
}

const wrongIn = ({ totals, violations }: SimReport): number =>
  totals.lost + totals.endedTwice + violations.length

/** One row of the table: a figure of a broker. */
export interface ComparedTime {
  readonly broker: LiveBrokerName
  readonly figure: string
  readonly live: Percentiles
  readonly simulated: Percentiles
  /** How many times the larger of the two is the smaller one; `null` where one is missing. */
  readonly p50Factor: number | null
  readonly p99Factor: number | null
  readonly met: boolean
}

export function comparedTimes({ broker, live, simulated }: LiveComparison): ComparedTime[] {
  const figures: [string, (report: SimReport) => Percentiles][] = [
    ['placed', ({ latency }) => latency.placed],
    ['ended', ({ latency }) => latency.ended],
    ['failover', ({ failoverMs }) => failoverMs],
    ['reroute', ({ rerouteMs }) => rerouteMs],
  ]
  return figures.map(([figure, of]) => {
    const [a, b] = [of(live), of(simulated)]
    const p50Factor = factor(a.p50, b.p50)
    const p99Factor = factor(a.p99, b.p99)
    const met =
      p50Factor !== null && p50Factor <= P50_FACTOR_MAX && p99Factor !== null && p99Factor <= P99_FACTOR_MAX
    return { broker, figure, live: a, simulated: b, p50Factor, p99Factor, met }
  })
}

function factor(a: number | null, b: number | null): number | null {
  return a === null || b === null || a === 0 || b === 0 ? null : Math.max(a / b, b / a)
}
