/**
 * The fuzzer's command line.
 *
 *   node dist/simulations/fuzz-main.js --minutes 5 --jobs 2 --seed S     runs cases S-0, S-1, … for five minutes
 *   node dist/simulations/fuzz-main.js --case S-17 --keep 3,8            one case with these faults of its plan
 *
 * The seed is printed first, the line that repeats a failure last.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Agent } from '../agent/core/agent.ts'
import type { VariantName } from './broker/variants.ts'
import { describeViolation } from './checkers/checker.ts'
import { Trace } from './engine/trace.ts'
import { describeFault, type Fault } from './faults/plan.ts'
import { FULL_CASE, type FuzzOptions, type FuzzResult, planOf, runFuzzCase } from './fuzz.ts'
import { shrinkPlan } from './shrink.ts'

const SHRINK_TRIES_MAX = 60
const FAILURES_MAX = 10

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    cases: { type: 'string', default: '1000000' },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    seed: { type: 'string', default: String(Date.now()) },
    devices: { type: 'string', default: String(FULL_CASE.devices) },
    tasks: { type: 'string', default: String(FULL_CASE.tasks) },
    faults: { type: 'string', default: String(FULL_CASE.faults) },
    seconds: { type: 'string', default: String(FULL_CASE.safetyMs / 1000) },
    variant: { type: 'string' },
    case: { type: 'string' },
    keep: { type: 'string' },
    trace: { type: 'string' },
    twice: { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
  },
})

interface Report {
  readonly cases: number
  readonly virtualMs: number
  readonly events: number
  readonly faults: number
  readonly terms: number
  readonly ends: Record<string, number>
  readonly failures: readonly string[]
}

function options(): FuzzOptions {
  return {
    core: (agent) => new Agent(agent),
    devices: Number(values.devices),
    tasks: Number(values.tasks),
    faults: Number(values.faults),
    safetyMs: Number(values.seconds) * 1000,
    ...(values.variant === undefined ? {} : { variant: values.variant as VariantName }),
  }
}

/** The line that repeats a case with the faults that matter. */
function reproduction(seed: string, plan: readonly Fault[], whole: boolean): string {
  const sizes = ['devices', 'tasks', 'faults', 'seconds'].map(
    (name) => `--${name} ${values[name as keyof typeof values]}`,
  )
  const variant = values.variant === undefined ? '' : ` --variant ${values.variant}`
  const keep = whole ? '' : ` --keep ${plan.map(({ id }) => id).join(',') || 'none'}`
  return `node dist/simulations/fuzz-main.js --case ${seed} ${sizes.join(' ')}${variant}${keep}`
}

function describe(result: FuzzResult, seed: string): string {
  const kind = result.violations[0]?.invariant
  const fails = (plan: readonly Fault[]): boolean =>
    runFuzzCase(seed, { ...options(), plan }).violations.some(({ invariant }) => invariant === kind)
  const { plan } = values['no-shrink'] ? result : shrinkPlan(result.plan, fails, SHRINK_TRIES_MAX)
  const least = runFuzzCase(seed, { ...options(), plan })
  return [
    `case ${seed} on ${result.stats.variant}, shrunk from ${result.plan.length} to ${plan.length} faults`,
    ...plan.map((fault) => `  ${describeFault(fault)}`),
    ...least.violations.slice(0, 5).map((violation) => `  ${describeViolation(violation)}`),
    reproduction(seed, plan, plan.length === result.plan.length),
  ].join('\n')
}

function runMany(job: number, jobs: number, seed: string): Report {
  const endMs = Date.now() + Number(values.minutes) * 60_000
  const failures: string[] = []
  const ends: Record<string, number> = {}
  let [cases, virtualMs, events, faults, terms] = [0, 0, 0, 0, 0]
  for (let n = job; n < Number(values.cases) && Date.now() < endMs; n += jobs) {
    const name = `${seed}-${n}`
    const result = runFuzzCase(name, options())
    cases++
    virtualMs += result.stats.virtualMs
    events += result.stats.events
    terms += result.stats.terms
    faults += result.plan.length
    for (const [state, count] of Object.entries(result.stats.ends)) ends[state] = (ends[state] ?? 0) + count
    if (values.twice) {
      const again = runFuzzCase(name, options())
      if (again.hash !== result.hash) failures.push(`case ${name}: I8: ${result.hash}, then ${again.hash}`)
    }
    if (result.violations.length > 0) {
      failures.push(describe(result, name))
      process.stdout.write(`${failures.at(-1)}\n\n`)
      if (failures.length >= FAILURES_MAX) break
    }
  }
  return { cases, virtualMs, events, faults, terms, ends, failures }
}

function runOne(seed: string): number {
  const whole = planOf(seed, options())
  const keep = values.keep?.split(',')
  const trace = values.trace === undefined ? undefined : new Trace()
  const plan = keep === undefined ? whole : whole.filter(({ id }) => keep.includes(String(id)))
  const result = runFuzzCase(seed, { ...options(), plan, ...(trace === undefined ? {} : { trace }) })
  if (trace !== undefined) writeFileSync(values.trace as string, `${trace.lines().join('\n')}\n`)
  const lines = [
    `seed ${seed}`,
    ...plan.map((fault) => `  ${describeFault(fault)}`),
    JSON.stringify(result.stats),
    `hash ${result.hash}`,
    ...result.violations.map(describeViolation),
    result.violations.length === 0 ? 'no violation' : reproduction(seed, plan, keep === undefined),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return result.violations.length === 0 ? 0 : 1
}

async function main(): Promise<number> {
  if (values.case !== undefined) return runOne(values.case)
  const { seed } = values
  const jobs = Number(values.jobs)
  process.stdout.write(`seed ${seed}\n`)
  const startMs = Date.now()
  const reports = await Promise.all(
    Array.from({ length: jobs }, (_, job) => {
      const worker = new Worker(new URL(import.meta.url), {
        workerData: { job, jobs, seed },
        argv: process.argv.slice(2),
      })
      return new Promise<Report>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
      })
    }),
  )
  const sum = (of: (report: Report) => number): number => reports.reduce((all, report) => all + of(report), 0)
  const seconds = (Date.now() - startMs) / 1000
  const failures = reports.flatMap((report) => report.failures)
  const ends: Record<string, number> = {}
  for (const report of reports) {
    for (const [state, count] of Object.entries(report.ends)) ends[state] = (ends[state] ?? 0) + count
  }
  const cases = sum((report) => report.cases)
  process.stdout.write(
    `${cases} cases in ${seconds.toFixed(0)}s (${((cases / seconds) * 60).toFixed(0)} a minute), ` +
      `${(sum((report) => report.virtualMs) / 3_600_000).toFixed(1)} virtual hours, ` +
      `${sum((report) => report.faults)} faults, ${sum((report) => report.terms)} terms, ` +
      `${(sum((report) => report.events) / seconds / 1000).toFixed(0)}k events/s, ends ${JSON.stringify(ends)}\n`,
  )
  process.stdout.write(
    failures.length === 0 ? 'no violation\n' : `${failures.length} failed\n${failures.at(-1)}\n`,
  )
  return failures.length === 0 ? 0 : 1
}

if (isMainThread) process.exitCode = await main()
else {
  const { job, jobs, seed } = workerData as { job: number; jobs: number; seed: string }
  parentPort?.postMessage(runMany(job, jobs, seed))
}
