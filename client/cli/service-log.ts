/** The log of the long-running commands, on standard error. */
import { createLog, type Log } from '../../agent/shell/log.ts'
import type { OptionValue } from './options.ts'

/** Readable lines on a terminal, JSON elsewhere. */
export function makeLog(level: OptionValue<'logLevel'>, context: Readonly<Record<string, string>>): Log {
  return createLog({ level, context })
}
