/**
 * The benchmarks' command line.
 *
 *   npm run bench -- sim            the simulator: fleets of up to 100,000 devices, an hour with faults, the fuzzer
 *   npm run bench -- mesh           real processes against a floor that only passes messages on
 *   npm run bench -- exclusive      devices are struck round after round; --rounds 200 for how many
 *   npm run bench -- live           real connections on real brokers against the simulator: 2,000 devices, --devices N
 *   npm run bench -- arrays         100,000 elements in ten arrays over 20 agents, of which three are killed
 *   npm run bench -- placement      decisions a second in fleets of up to 100,000 devices, and auctions beside
 *                                   greedy in the simulator, and all strategies side by side; with --data FOLDER
 *                                   strategies on bin packing sets of known optimum, with --trace FOLDER GPU nodes
 *                                   and shares of GPUs beside published policies, with --graphs FOLDER planners of
 *                                   workflows beside HEFT; --chart FILE draws strategies, or the policies on the trace
 *   npm run bench -- sim --quick    the same, smaller; --json for programs, --seed for another run
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CoveyError } from '../shared/errors/errors.ts'
import { type ArraysResult, runArrays } from './arrays.ts'
import { auctionTable, metAuctions } from './auctions.ts'
import { metFloors } from './decisions.ts'
import { type ExclusiveResult, runExclusive } from './exclusive.ts'
import { traceTable } from './gpu-trace.ts'
import { describeGraphs } from './graph-tables.ts'
import { comparedTimes, isSound, type LiveResult, liveSize, runLiveBench } from './live.ts'
import { TASKS_A_SECOND } from './live-scenarios.ts'
import { describeMachine, machine } from './machine.ts'
import { type MeshResult, type MeshSide, runMeshBench } from './mesh.ts'
import { metTarget, type PlacementResult, runPlacement } from './placement.ts'
import { deviceSecondUs, fuzzRunsPerMinute, growth, runSimBench, type SimReport } from './sim.ts'
import { strategiesTable } from './strategies.ts'
import { strategiesChart } from './strategies-chart.ts'
import { table } from './table.ts'
import { traceChart } from './trace-chart.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: 'bench' },
    rounds: { type: 'string', default: '20' },
    devices: { type: 'string' },
    data: { type: 'string' },
    trace: { type: 'string' },
    graphs: { type: 'string', multiple: true },
    chart: { type: 'string' },
  },
})

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}
const tell = (text: string): void => {
  process.stderr.write(`${text}\n`)
}
const number = (value: number, digits = 0): string => value.toFixed(digits)
const times = (value: number | null | undefined): string =>
  value === undefined || value === null ? '' : `${number(value, 2)}x`

function saySim({ runs, fuzz }: SimReport): void {
  const rows = runs.map((run) => [
    run.case.name,
    number(run.case.simulatedMs / 1000),
    `${run.ended}/${run.case.tasks}`,
    number((run.startCpuMs + run.cpuMs + run.drainCpuMs) / 1000, 1),
    number(run.startCpuMs / 1000, 1),
    number(deviceSecondUs(run), 1),
    times(growth(run, runs[0])),
    number(run.events / 1e6, 2),
    number(run.peakRssMb),
  ])
  say(table(['simulated', 'sim s', 'tasks', 'cpu s', 'start', 'us/dev-s', 'growth', 'Mevents', 'MiB'], rows))
  say(
    `fuzz: ${number(fuzz.cpuMs / fuzz.cases)} ms of CPU a run, ${number(fuzzRunsPerMinute(fuzz))} runs a minute ` +
      `on 2 cores, ${fuzz.violations} violations in ${fuzz.cases} runs`,
  )
}

function sayMesh(result: MeshResult): void {
  const row = (side: MeshSide): string[] => [
    side.name,
    number(side.tasksPerSecond),
    number(side.p50Ms, 1),
    number(side.p99Ms, 1),
    number(side.cpuMs),
  ]
  say(table(['side', 'tasks/s', 'p50 ms', 'p99 ms', 'cpu ms/1000'], [row(result.covey), row(result.floor)]))
  const share = ({ byRole }: MeshSide): string =>
    Object.entries(byRole)
      .map(([name, ms]) => `${name.replace('floor-', '')} ${number(ms)}`)
      .join(', ')
  say(`covey: ${share(result.covey)}`)
  say(`floor: ${share(result.floor)}`)
  say(`ratio of CPU: ${number(result.ratio, 2)}`)
}

function sayArrays(result: ArraysResult): void {
  const { options, elements, seconds } = result
  const rows = [
    ['elements', `${elements} in ${options.specs} specs`],
    ['agents', String(options.agents)],
    ['killed', String(result.kills.length)],
    ['lost', String(result.lost)],
    ['accepted twice', String(result.twice)],
    ['wrong', String(result.wrong)],
    ['attempts', String(result.attempts)],
    ['ran twice', String(result.duplicates)],
    ['pages', `${result.pages}, ${number(result.pageBytes / 2 ** 20, 1)} MiB`],
    ['seconds', number(seconds, 1)],
    ['elements/s', number(elements / seconds)],
    ['agent peak MiB', String(result.peakMib)],
  ]
  say(table(['arrays', 'found'], rows))
  if (!result.ok) process.exitCode = 1
}

function sayExclusive({ rounds, tasks, succeeded, attempts, overlaps, byStrike }: ExclusiveResult): void {
  const rows = Object.entries(byStrike).map(([strike, row]) => [
    strike,
    ...[row.strikes, row.tasks, row.attempts, row.overlaps, row.togetherMs].map((value) => number(value)),
  ])
  say(table(['strike', 'times', 'tasks there', 'attempts', 'overlaps', 'together ms'], rows))
  say(`${rounds} rounds, ${tasks} tasks, ${succeeded} succeeded, ${attempts} attempts, ${overlaps} overlaps`)
}

function sayLive({ size, comparisons }: LiveResult): void {
  const ms = (value: number | null): string => (value === null ? '-' : number(value, value < 100 ? 1 : 0))
  const rows = comparisons
    .flatMap(comparedTimes)
    .map((row) => [
      `${row.broker} ${row.figure}`,
      ...[row.live.count, row.simulated.count].map(String),
      ...[ms(row.live.p50), ms(row.simulated.p50), times(row.p50Factor)],
      ...[ms(row.live.p99), ms(row.simulated.p99), times(row.p99Factor)],
      row.met ? 'yes' : 'NO',
    ])
  const sides = ['live p50', 'sim p50', 'factor', 'live p99', 'sim p99', 'factor']
  say(`${size.devices} devices, ${TASKS_A_SECOND} tasks a second; times in ms`)
  say(table(['broker, time', 'live', 'sim', ...sides, 'within 1.25x, 2x'], rows))
}

function sayPlacement({ decisions, auctions, strategies, packing, trace, graphs }: PlacementResult): void {
  const speeds = decisions.map((row) => [
    String(row.devices),
    number(row.perSecond),
    number(row.cpuUs, 1),
    ...[row.score, row.worstScore, row.infeasible].map((share) => `${number(100 * share, 1)} %`),
    `${number(100 * row.full.cpu)} %, ${number(100 * row.full.memory)} %`,
    number(row.scanPerSecond),
    times(row.perSecond / row.scanPerSecond),
  ])
  const cost = ['devices', 'per s', 'cpu us', 'score', 'worst', 'in vain', 'cpu, mem full']
  if (speeds.length > 0) say(table([...cost, 'scan/s', 'ratio'], speeds))
  if (auctions.length > 0) say(auctionTable(auctions))
  if (strategies.length > 0) say(strategiesTable(strategies))
  const rows = packing.map((row) => [
    `${row.set} ${row.strategy}`,
    ...[row.instances, row.optimal, row.proven, row.oneOver, row.worse, row.refused].map(String),
    ...[number(row.seconds, 1), number(row.secondsMax, 1)],
  ])
  if (rows.length > 0)
    say(
      table(['set, strategy', 'of', 'optimal', 'proven', '1 over', 'worse', 'refused', 'cpu s', 'max'], rows),
    )
  if (trace.length > 0) say(traceTable(trace))
  if (graphs !== undefined) say(describeGraphs(graphs))
}

/** What has started processes ends in order, also by a signal; a second one ends it at once. */
function interruption(): AbortController {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => controller.abort())
  }
  return controller
}

async function benchLive(seed: string, quick: boolean): Promise<LiveResult> {
  const size = liveSize(quick)
  const devices = values.devices === undefined ? size.devices : Number(values.devices)
  return await runLiveBench(seed, { ...size, devices }, interruption().signal, tell)
}

async function benchOf(
  seed: string,
  quick: boolean,
): Promise<SimReport | MeshResult | LiveResult | ArraysResult | PlacementResult> {
  if (what === 'placement') {
    const data = { sets: values.data, trace: values.trace, graphs: values.graphs }
    const { chart } = values
    if (chart !== undefined && (data.sets ?? data.graphs) !== undefined) {
      throw new CoveyError(
        'E_USAGE',
        '--chart draws strategies side by side, or with --trace FOLDER the policies on it; leave --data and --graphs out',
      )
    }
    const result = runPlacement(data, seed, quick, tell)
    if (chart !== undefined) {
      const drawn = data.trace === undefined ? strategiesChart(result.strategies) : traceChart(result.trace)
      writeFileSync(chart, drawn)
    }
    return result
  }
  if (what === 'sim') return runSimBench(seed, quick, tell)
  if (what === 'live') return await benchLive(seed, quick)
  if (what === 'arrays') {
    return await runArrays({ specs: 10, elements: quick ? 500 : 10_000, agents: quick ? 5 : 20 }, tell)
  }
  return await runMeshBench({ tasks: quick ? 1_000 : 5_000, rounds: quick ? 1 : 4, workers: 10 })
}

const what = positionals[0] ?? ''
if (what === 'exclusive') {
  const { signal } = interruption()
  const result = await runExclusive({ rounds: Number(values.rounds), seed: values.seed, signal, tell })
  if (values.json) say(JSON.stringify({ bench: what, seed: values.seed, ...machine(), result }))
  else sayExclusive(result)
  if (result.overlaps > 0 || result.succeeded < result.tasks) process.exitCode = 1
} else if (!['sim', 'mesh', 'live', 'arrays', 'placement'].includes(what)) {
  tell(`bench ${JSON.stringify(what)} is unknown; use sim, mesh, exclusive, live, arrays or placement`)
  process.exitCode = 2
} else {
  const { seed, quick, json } = values
  const head = { bench: what, seed, quick, ...machine() }
  if (!json) say(describeMachine(head))
  const result = await benchOf(seed, quick).catch((error: unknown) => {
    if (!(error instanceof CoveyError)) throw error
    tell(`${error.code}: ${error.message}`)
    process.exit(2)
  })
  if (json) say(JSON.stringify({ ...head, result }))
  else if ('runs' in result) saySim(result)
  else if ('comparisons' in result) sayLive(result)
  else if ('kills' in result) sayArrays(result)
  else if ('packing' in result) sayPlacement(result)
  else sayMesh(result)
  if ('comparisons' in result && !isSound(result)) process.exitCode = 1
  if ('packing' in result) {
    const met = [metTarget(result), metFloors(result.decisions, quick), metAuctions(result.auctions)]
    if (met.includes(false)) process.exitCode = 1
  }
}
