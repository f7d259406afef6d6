/** `covey sim`: from its second word to what does it, and what is wrong with a scenario as wrong usage. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { EXIT_USAGE } from './exit-codes.ts'
import { flagOf, type OptionName, type Values } from './options.ts'
import { reportError } from './report-error.ts'
import { simCompare } from './sim-compare.ts'
import { simFuzz } from './sim-fuzz.ts'
import { simLive } from './sim-live.ts'
import { simReplay } from './sim-replay.ts'
import { simList, simRun } from './sim-run.ts'

export type SimValues = Values<OptionsOf<'sim'>>

interface Part {
  readonly operands: readonly string[]
  readonly options: readonly OptionName[]
  readonly run: (context: Context, values: SimValues, operands: readonly string[]) => Promise<number>
}

const SIZE = ['seed', 'devices', 'duration', 'variant'] as const

const PARTS: Readonly<Record<string, Part>> = {
  list: { operands: [], options: [], run: simList },
  run: {
    operands: ['SCENARIO'],
    options: [...SIZE, 'strategy', 'setting', 'outages', 'report', 'recording', 'calibration'],
    run: simRun,
  },
  live: {
    operands: ['SCENARIO'],
    options: [...SIZE, 'strategy', 'setting', 'outages', 'report', 'calibrate'],
    run: simLive,
  },
  fuzz: {
    operands: [],
    options: [...SIZE, 'minutes', 'cases', 'jobs', 'fuzzCase', 'keep', 'recording'],
    run: simFuzz,
  },
  replay: { operands: ['TRACE'], options: ['report'], run: simReplay },
  compare: {
    operands: ['SCENARIO', 'A', 'B'],
    options: [...SIZE, 'strategy', 'setting', 'outages', 'calibration'],
    run: simCompare,
  },
}

/** Exit code 0 only if every expectation was met and no invariant broken. */
export async function run(context: Context, values: SimValues, operands: readonly string[]): Promise<number> {
  const [word = '', ...rest] = operands
  const part = partOf(word)
  if (rest.length !== part.operands.length) {
    const usage = ['covey sim', word, ...part.operands].join(' ')
    throw new CoveyError(
      'E_USAGE',
      `covey sim ${word} takes ${part.operands.length} words after it, not ${rest.length}`,
      {
        remedy: `Usage: ${usage} [options]; see covey help sim`,
      },
    )
  }
  for (const name of Object.keys(values) as OptionName[]) {
    if (name === 'json' || part.options.includes(name)) continue
    const remedy = `It takes: ${part.options.map((option) => `--${flagOf(option)}`).join(', ') || 'no options'}`
    throw new CoveyError('E_USAGE', `covey sim ${word} has no option --${flagOf(name)}`, { remedy })
  }
  try {
    return await part.run(context, values, rest)
  } catch (error) {
    // A scenario is what the user wrote, so what is wrong with it is wrong usage.
    if (!(error instanceof CoveyError) || error.code !== 'E_SCENARIO') throw error
    reportError(context, error, values.json === true)
    return EXIT_USAGE
  }
}

function partOf(word: string): Part {
  const part = Object.hasOwn(PARTS, word) ? PARTS[word] : undefined
  if (part !== undefined) return part
  const names = Object.keys(PARTS)
  throw new CoveyError('E_USAGE', `there is no covey sim ${JSON.stringify(word)}`, {
    remedy: `${didYouMean(word, names, 'covey sim ')}It is one of: ${names.join(', ')}`,
  })
}
