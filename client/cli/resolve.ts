/** From a command line to settings: flag over environment over config file over default. */
import { parseArgs } from 'node:util'
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import { type CommandName, commandRule } from './commands.ts'
import { type ConfigFile, readConfigFile } from './config-file.ts'
import type { Context } from './context.ts'
import { type OptionRule, repeats } from './option-rule.ts'
import { flagOf, type OptionName, ruleOf } from './options.ts'
import { readValue, wrongValue } from './values.ts'

export interface Resolved {
  /** By option name; see `Values` for the types. */
  readonly values: Readonly<Record<string, unknown>>
  readonly operands: readonly string[]
  readonly help: boolean
}

/** What the command line alone says, as texts by option name. */
interface Written {
  readonly texts: Map<OptionName, string[]>
  readonly operands: string[]
}

/**
 * Reads the words after the command's name.
 *
 * @throws CoveyError E_USAGE that names the value and what would be right
 */
export function resolve(command: CommandName, words: readonly string[], context: Context): Resolved {
  const rule = commandRule(command)
  const { texts, operands } = readWords(command, words)
  if (texts.has('help')) return { values: {}, operands, help: true }
  if (operands.length < rule.operandsMin || operands.length > rule.operandsMax) {
    const extra = operands[rule.operandsMax]
    const message =
      extra === undefined
        ? `covey ${command} wants ${rule.operands}`
        : `${JSON.stringify(extra)} is one word too many`
    throw new CoveyError('E_USAGE', message, { remedy: usage(command) })
  }
  const file = rule.options.includes('config')
    ? readConfigFile(lastOf(texts.get('config')), command, context)
    : undefined
  const values: Record<string, unknown> = {}
  for (const name of rule.options) {
    const value = settingOf(name, texts, context, file)
    if (value !== undefined) values[name] = value
  }
  return { values, operands, help: false }
}

function settingOf(
  name: OptionName,
  texts: ReadonlyMap<OptionName, string[]>,
  context: Context,
  file: ConfigFile | undefined,
): unknown {
  const rule = ruleOf(name)
  const flag = flagOf(name)
  const given = texts.get(name)
  if (given !== undefined) return readValue(`--${flag}`, rule, given)
  if (rule.env !== undefined) {
    const text = context.env[rule.env]
    // An empty variable is how a shell unsets one for a single call.
    if (text !== undefined && text !== '')
      return readValue(rule.env, rule, repeats(rule) ? text.split(',') : [text])
    const written = file?.texts.get(flag)
    if (written !== undefined) return readValue(`${file?.path}: ${flag}`, rule, written)
  }
  return 'default' in rule ? rule.default : undefined
}

/** Splits words into options and operands, and refuses what the command does not know. */
function readWords(command: CommandName, words: readonly string[]): Written {
  const rule = commandRule(command)
  const byFlag = new Map(rule.options.map((name) => [flagOf(name), name]))
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries([...byFlag].map(([flag, name]) => [flag, parseArgsOption(ruleOf(name))])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const texts = new Map<OptionName, string[]>()
  for (const token of tokens) {
    if (token.kind === 'option-terminator')
      return { texts, operands: [...operandsBefore(tokens, token.index), ...words.slice(token.index + 1)] }
    if (token.kind === 'positional') {
      if (rule.passesOn === true) return { texts, operands: words.slice(token.index) }
      continue
    }
    const negated = token.name.startsWith('no-') ? byFlag.get(token.name.slice(3)) : undefined
    const name =
      byFlag.get(token.name) ??
      (negated !== undefined && ruleOf(negated).kind === 'flag' ? negated : undefined)
    if (name === undefined) throw unknownFlag(command, token.rawName, byFlag.keys())
    texts.set(name, [...(texts.get(name) ?? []), textOf(token, ruleOf(name), name === negated)])
  }
  return { texts, operands: operandsBefore(tokens, words.length) }
}

interface OptionToken {
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function textOf(token: OptionToken, rule: OptionRule, negated: boolean): string {
  const { rawName, value } = token
  if (rule.kind === 'flag') {
    if (value === undefined) return negated ? 'false' : 'true'
    if (negated) throw wrongValue(rawName, 'it takes no value', `Write ${rawName} alone`)
    return value
  }
  if (value === undefined) throw wrongValue(rawName, 'its value is missing', `Write it like ${rawName}=…`)
  if (token.inlineValue === false && value.length > 1 && value.startsWith('-')) {
    throw wrongValue(
      rawName,
      `its value is missing: ${value} follows`,
      `If that is the value, write ${rawName}=${value}`,
    )
  }
  return value
}

function parseArgsOption(rule: OptionRule): { type: 'boolean' | 'string'; multiple: true; short?: string } {
  const type = rule.kind === 'flag' ? 'boolean' : 'string'
  return { type, multiple: true, ...(rule.short === undefined ? {} : { short: rule.short }) }
}

function operandsBefore(
  tokens: readonly { kind: string; index: number; value?: unknown }[],
  index: number,
): string[] {
  return tokens
    .filter((token) => token.kind === 'positional' && token.index < index)
    .map((token) => String(token.value))
}

function unknownFlag(command: CommandName, written: string, known: Iterable<string>): CoveyError {
  const hint = didYouMean(written.replace(/^-+/, ''), known, '--')
  return new CoveyError('E_USAGE', `covey ${command} has no option ${written}`, {
    remedy: `${hint}${usage(command)}`,
  })
}

function usage(command: CommandName): string {
  const { operands } = commandRule(command)
  return `Usage: covey ${command} [options]${operands === '' ? '' : ` ${operands}`}; see covey help ${command}`
}

function lastOf(texts: readonly string[] | undefined): string | undefined {
  return texts?.at(-1)
}
