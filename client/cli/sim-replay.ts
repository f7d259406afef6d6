/** `covey sim replay`: runs a recorded run again and says whether it is the same. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import { type Context, interruptionOf } from './context.ts'
import { EXIT_FAILURE } from './exit-codes.ts'
import type { SimValues } from './sim.ts'
import { ProgressLine, progressText } from './sim-progress.ts'
import { printReport } from './sim-run.ts'
import { packageVersion } from './version.ts'

const DIFFERENCE_CHARS_MAX = 400

export async function simReplay(
  context: Context,
  values: SimValues,
  operands: readonly string[],
): Promise<number> {
  const file = operands[0] as string
  const { readRecording, replay } = await import('../../simulations/scenario/recording.ts')
  const recorded = readRecording(readText(resolve(context.cwd, file)), file, packageVersion())
  if (values.json !== true) context.stdout.write(`seed ${recorded.head.seed}\n`)
  const line = new ProgressLine(context)
  const { report, same, difference } = await replay(recorded, {
    command: `covey sim replay ${file}`,
    signal: context.interrupted,
    progress: (progress) => line.show(() => progressText(progress)),
  })
  line.clear()
  const code = await printReport(context, values, report)
  if (interruptionOf(context) !== undefined) return code
  if (same) {
    context.stderr.write(`the same run as recorded: ${report.hash}\n`)
    return code
  }
  context.stderr.write(`another run than recorded: ${report.hash}, not ${recorded.head.hash}\n`)
  if (difference !== undefined) {
    context.stderr.write(`first at line ${difference.line} of the trace\n`)
    context.stderr.write(`  recorded: ${difference.recorded.slice(0, DIFFERENCE_CHARS_MAX)}\n`)
    context.stderr.write(`  now:      ${difference.now.slice(0, DIFFERENCE_CHARS_MAX)}\n`)
  }
  return EXIT_FAILURE
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const remedy = 'Name a file that covey sim run --trace has written'
    throw new CoveyError('E_SCENARIO', `cannot read ${path}: ${(cause as Error).message}`, { remedy, cause })
  }
}
