/** `covey sim fuzz`: random faults against random meshes, in several processes; or one such case again. */
import { CoveyError } from '../../shared/errors/errors.ts'
import type { CaseShape } from '../../simulations/fuzzing/case.ts'
import type { FuzzSummary } from '../../simulations/fuzzing/fuzzer.ts'
import { type Context, interruptionOf } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import type { SimValues } from './sim.ts'
import { ProgressLine } from './sim-progress.ts'
import { seedOf, writeOut } from './sim-run.ts'

const MINUTES = 1
const JOBS = 2
const MINUTE_MS = 60_000

/** The seed is printed first; the command that repeats the last failure last. */
export async function simFuzz(context: Context, values: SimValues): Promise<number> {
  const shape: CaseShape = {
    ...(values.devices === undefined ? {} : { devices: values.devices }),
    ...(values.duration === undefined ? {} : { safetyMs: values.duration }),
    ...(values.variant === undefined ? {} : { variant: values.variant }),
  }
  if (values.fuzzCase !== undefined) return await repeat(context, values, values.fuzzCase, shape)
  for (const [flag, value] of [
    ['keep', values.keep],
    ['trace', values.recording],
  ] as const) {
    if (value === undefined) continue
    throw new CoveyError('E_USAGE', `--${flag} goes with --case`, {
      remedy: `Name the case, or leave --${flag} out`,
    })
  }
  const { describeShape } = await import('../../simulations/fuzzing/case.ts')
  const { fuzz } = await import('../../simulations/fuzzing/fuzzer.ts')
  const { stdout } = context
  const seed = seedOf(values)
  const json = values.json === true
  if (!json) stdout.write(`seed ${seed}\n${describeShape(shape)}\n`)
  const line = new ProgressLine(context)
  const startedMs = performance.now()
  const summary = await fuzz({
    seed,
    shape,
    jobs: values.jobs ?? JOBS,
    runMs: (values.minutes ?? MINUTES) * MINUTE_MS,
    ...(values.cases === undefined ? {} : { casesMax: values.cases }),
    signal: context.interrupted,
    onCase: (result, soFar) => {
      if (result.failure !== undefined && !json) {
        line.clear()
        stdout.write(`${result.failure.text}\n${result.failure.command}\n`)
      }
      line.show(() => `${soFar.cases} cases, ${soFar.faults} faults, ${soFar.failed} failed`)
    },
  })
  line.clear()
  if (json) stdout.write(`${JSON.stringify({ seed, ...summary })}\n`)
  else stdout.write(summaryText(summary, performance.now() - startedMs))
  return interruptionOf(context)?.exitCode ?? (summary.failed === 0 && !summary.partial ? 0 : EXIT_FAILURE)
}

function summaryText(summary: FuzzSummary, tookMs: number): string {
  const { cases, virtualMs, faults, terms, ends, failed, failures, partial } = summary
  const ended = Object.entries(ends).map(([state, count]) => `${count} ${state}`)
  return [
    `${partial ? 'ended early: ' : ''}${cases} cases in ${Math.round(tookMs / 1000)}s (${Math.round((cases / tookMs) * MINUTE_MS)} a minute), ${(virtualMs / 3_600_000).toFixed(1)} virtual hours, ${faults} faults, ${terms} terms`,
    `tasks: ${ended.join(', ') || 'none'}`,
    failed === 0 ? 'no violation' : `${failed} of ${cases} cases failed`,
    ...(failures.at(-1) === undefined ? [] : [failures.at(-1)?.command]),
    '',
  ].join('\n')
}

async function repeat(context: Context, values: SimValues, seed: string, shape: CaseShape): Promise<number> {
  for (const name of ['minutes', 'cases', 'jobs', 'seed'] as const) {
    if (values[name] === undefined) continue
    throw new CoveyError('E_USAGE', `--${name} does not go with --case`, {
      remedy: 'Leave one of the two out',
    })
  }
  const { runCase, realCore } = await import('../../simulations/fuzzing/case.ts')
  const { Trace } = await import('../../simulations/engine/trace.ts')
  const keep = values.keep?.filter((word) => word !== 'none')
  const wrong = keep?.find((word) => !/^\d{1,6}$/.test(word))
  if (wrong !== undefined) {
    throw new CoveyError('E_USAGE', `--keep: ${JSON.stringify(wrong)} is no number of a fault`, {
      remedy: 'Write numbers like 3,8, or none',
    })
  }
  if (values.json !== true) context.stdout.write(`seed ${seed}\n`)
  const trace = values.recording === undefined ? undefined : new Trace()
  const result = runCase(seed, shape, realCore, keep?.map(Number), trace)
  if (values.recording !== undefined) {
    writeOut(context, values.recording, `${trace?.lines().join('\n')}\n`)
  }
  if (values.json === true) context.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    const { failure, hash, faults } = result
    const found = failure === undefined ? ['no violation'] : [failure.text, failure.command]
    context.stdout.write(`${[`hash ${hash}, ${faults} faults`, ...found].join('\n')}\n`)
  }
  return result.failure === undefined ? 0 : EXIT_FAILURE
}
