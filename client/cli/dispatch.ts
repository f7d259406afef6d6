/** From words to a command's exit code. Each command's code is loaded when it is used: `covey run` stays light. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { type CommandName, isCommand } from './commands.ts'
import { type Context, interruptionOf } from './context.ts'
import { EXIT_FAILURE, EXIT_RUN_FAILURE, EXIT_USAGE } from './exit-codes.ts'
import { commandHelp, overview, unknownCommand } from './help.ts'
import type { Values } from './options.ts'
import { reportError } from './report-error.ts'
import { resolve } from './resolve.ts'

type Run = (context: Context, values: Values, operands: readonly string[]) => Promise<number>

const LOADERS: Readonly<Record<CommandName, () => Promise<{ run: unknown }>>> = {
  up: () => import('./up.ts'),
  broker: () => import('./broker.ts'),
  agent: () => import('./agent.ts'),
  run: () => import('./run.ts'),
  get: () => import('./get.ts'),
  explain: () => import('./explain.ts'),
  plan: () => import('./plan.ts'),
  cancel: () => import('./cancel.ts'),
  config: () => import('./config.ts'),
  cordon: async () => ({ run: (await import('./desired.ts')).cordon }),
  uncordon: async () => ({ run: (await import('./desired.ts')).uncordon }),
  drain: () => import('./drain.ts'),
  hold: async () => ({ run: (await import('./desired.ts')).hold }),
  release: async () => ({ run: (await import('./desired.ts')).release }),
  artifact: () => import('./artifact.ts'),
  events: () => import('./events.ts'),
  passwd: () => import('./passwd.ts'),
  demo: () => import('./demo.ts'),
  sim: () => import('./sim.ts'),
  version: () => import('./version.ts'),
  help: () => import('./help.ts'),
}

/** Runs the command that the words name and returns its exit code; never throws. */
export async function dispatch(words: readonly string[], context: Context): Promise<number> {
  const [first, ...rest] = words
  const json = words.slice(0, words.includes('--') ? words.indexOf('--') : words.length).includes('--json')
  try {
    if (first === undefined) {
      context.stderr.write(overview())
      return EXIT_USAGE
    }
    if (first === '--help' || first === '-h') return await dispatch(['help'], context)
    if (first === '--version' || first === '-V') return await dispatch(['version', ...rest], context)
    if (!isCommand(first)) throw unknownCommand(first)
    const { values, operands, help } = resolve(first, rest, context)
    if (help) {
      context.stdout.write(commandHelp(first))
      return 0
    }
    const command = await LOADERS[first]()
    // Which options a command's `run` gets is what its row in the table says; resolve made the values from it.
    return await (command.run as Run)(context, values as unknown as Values, operands)
  } catch (error) {
    const interruption = interruptionOf(context)
    if (interruption !== undefined && error === interruption) return interruption.exitCode
    reportError(context, error, json)
    if (first === 'run') return EXIT_RUN_FAILURE
    return error instanceof CoveyError && error.code === 'E_USAGE' ? EXIT_USAGE : EXIT_FAILURE
  }
}
