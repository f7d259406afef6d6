/** What there is to say about one command, and options that many have. */
import type { OptionName } from './options.ts'

export interface CommandRule {
  readonly summary: string
  /** What follows `covey NAME [options]`. */
  readonly operands: string
  readonly operandsMin: number
  readonly operandsMax: number
  /** Options end at the first operand, so that the rest can be another command with options of its own. */
  readonly passesOn?: boolean
  readonly options: readonly OptionName[]
  readonly notes?: readonly string[]
  readonly examples: readonly string[]
}

/** Options that every command has which speaks to a broker. */
export const CONNECTION = [
  'broker',
  'mesh',
  'username',
  'password',
  'passwordFile',
  'ca',
  'connectTimeout',
] as const
export const GENERAL = ['config', 'help'] as const
