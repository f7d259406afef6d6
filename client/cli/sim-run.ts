/** `covey sim list` and `covey sim run`. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { SimReport } from '../../simulations/report/model.ts'
import type { Overrides } from '../../simulations/scenario/overrides.ts'
import type { Machine } from '../../simulations/world.ts'
import { type Context, interruptionOf } from './context.ts'
import { exactDuration } from './defaults.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import { remark } from './report-error.ts'
import type { SimValues } from './sim.ts'
import { ProgressLine, progressText } from './sim-progress.ts'
import { formatTable } from './table.ts'
import { packageVersion } from './version.ts'

const SEED_BYTES = 4

/** Prints the library's scenarios. */
export async function simList(context: Context, values: SimValues): Promise<number> {
  const { libraryNames, loadScenario } = await import('../../simulations/scenario/library.ts')
  const { deviceCount } = await import('../../simulations/scenario/scenario.ts')
  const rows = libraryNames().map((name) => {
    const { scenario } = loadScenario(name, { cwd: context.cwd })
    const { about, durationMs, variant, fleet } = scenario
    return { name, devices: deviceCount(fleet), durationMs, broker: variant, about }
  })
  if (values.json === true) {
    for (const row of rows) context.stdout.write(`${JSON.stringify(row)}\n`)
    return 0
  }
  const columns = [
    { title: 'SCENARIO', text: (row: (typeof rows)[number]) => row.name },
    { title: 'DEVICES', text: (row: (typeof rows)[number]) => String(row.devices) },
    { title: 'TIME', text: (row: (typeof rows)[number]) => exactDuration(row.durationMs) },
    { title: 'BROKER', text: (row: (typeof rows)[number]) => row.broker },
    { title: 'ABOUT', text: (row: (typeof rows)[number]) => row.about },
  ]
  context.stdout.write(formatTable(context, columns, rows))
  return 0
}

/** Runs a scenario and prints its report. */
export async function simRun(
  context: Context,
  values: SimValues,
  operands: readonly string[],
): Promise<number> {
  const name = operands[0] as string
  const { loadScenario } = await import('../../simulations/scenario/library.ts')
  const { override } = await import('../../simulations/scenario/overrides.ts')
  const { runScenario } = await import('../../simulations/scenario/run.ts')
  const { newTrace, recordingText } = await import('../../simulations/scenario/recording.ts')
  const loaded = loadScenario(name, { cwd: context.cwd, ...dataOf(values) })
  const overrides = await overridesOf(values)
  const scenario = override(loaded.scenario, overrides)
  const seed = seedOf(values)
  const machine = await calibrationOf(context, values)
  if (machine !== undefined && values.recording !== undefined) {
    throw new CoveyError('E_USAGE', '--trace does not go with --calibration', {
      remedy: 'Leave one of the two out: a recorded run is repeated without the file',
    })
  }
  const trace = values.recording === undefined ? undefined : newTrace()
  if (values.json !== true) context.stdout.write(`seed ${seed}\n`)
  const line = new ProgressLine(context)
  const report = await runScenario(scenario, {
    seed,
    command: commandText('run', [name], values, seed),
    signal: context.interrupted,
    progress: (progress) => line.show(() => progressText(progress)),
    ...(trace === undefined ? {} : { trace }),
    ...machine,
  })
  line.clear()
  if (trace !== undefined) {
    const text = recordingText(loaded, name, overrides, report, trace, packageVersion())
    writeOut(context, values.recording as string, text)
  }
  return await printReport(context, values, report)
}

/** Prints a report and writes its page if one is wanted. Returns the exit code. */
export async function printReport(context: Context, values: SimValues, report: SimReport): Promise<number> {
  if (values.report !== undefined) {
    const { renderHtml } = await import('../../simulations/report/html.ts')
    writeOut(context, values.report, renderHtml(report))
  }
  if (values.json === true) context.stdout.write(`${JSON.stringify(report)}\n`)
  else {
    const { reportText } = await import('../../simulations/report/text.ts')
    context.stdout.write(reportText(report))
  }
  return interruptionOf(context)?.exitCode ?? (isGood(report) ? 0 : EXIT_FAILURE)
}

/** Every expectation is met and no invariant broken. */
export function isGood(report: SimReport): boolean {
  return report.violations.length === 0 && report.expectations.every(({ met }) => met)
}

/** The seed that was given, or a new one. */
export function seedOf(values: SimValues): string {
  return values.seed ?? randomBytes(SEED_BYTES).toString('hex')
}

/** The file of outages that was given, for `loadScenario`. */
export function dataOf(values: SimValues): { readonly data?: string } {
  return values.outages === undefined ? {} : { data: values.outages }
}

/**
 * The machine of the calibration that was given, for `runScenario`.
 *
 * @throws CoveyError E_USAGE when the file is none
 */
export async function calibrationOf(
  context: Context,
  values: SimValues,
): Promise<{ readonly machine: Machine } | undefined> {
  const file = values.calibration
  if (file === undefined) return undefined
  const { machineOf, readCalibration } = await import('../../simulations/scenario/calibration.ts')
  let text: string
  try {
    text = readFileSync(resolve(context.cwd, file), 'utf8')
  } catch (cause) {
    throw new CoveyError('E_USAGE', `cannot read ${file}: ${(cause as Error).message}`, {
      remedy: 'Name a file that covey sim live --calibrate has written',
      cause,
    })
  }
  return { machine: machineOf(readCalibration(text, file)) }
}

/** What the options change of a scenario. */
export async function overridesOf(values: SimValues): Promise<Overrides> {
  const { readSettings } = await import('../../simulations/scenario/overrides.ts')
  return {
    ...(values.setting === undefined ? {} : readSettings(values.setting.join(','))),
    ...(values.devices === undefined ? {} : { devices: values.devices }),
    ...(values.duration === undefined ? {} : { durationMs: values.duration }),
    ...(values.variant === undefined ? {} : { variant: values.variant }),
    ...(values.strategy === undefined ? {} : { strategy: values.strategy }),
  }
}

/** The command that does the same again. */
export function commandText(
  part: string,
  operands: readonly string[],
  values: SimValues,
  seed: string,
): string {
  const words = ['covey sim', part, ...operands.map(quoted), `--seed ${quoted(seed)}`]
  if (values.devices !== undefined) words.push(`--devices ${values.devices}`)
  if (values.duration !== undefined) words.push(`--duration ${exactDuration(values.duration)}`)
  if (values.variant !== undefined) words.push(`--variant ${values.variant}`)
  if (values.strategy !== undefined) words.push(`--strategy ${values.strategy}`)
  if (values.setting !== undefined) words.push(`--set ${quoted(values.setting.join(','))}`)
  if (values.outages !== undefined) words.push(`--data ${quoted(values.outages)}`)
  if (values.calibration !== undefined) words.push(`--calibration ${quoted(values.calibration)}`)
  return words.join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** Writes a file and says so. @throws CoveyError E_USAGE when it cannot be written */
export function writeOut(context: Context, file: string, text: string): void {
  const path = resolve(context.cwd, file)
  try {
    writeFileSync(path, text)
  } catch (cause) {
    const remedy = 'Name a file in a folder that exists and is writable'
    throw new CoveyError('E_USAGE', `cannot write ${path}: ${(cause as Error).message}`, { remedy, cause })
  }
  remark(context, `wrote ${path}`)
}
