/** The config file: found, read, and checked against the table of options. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import { type CommandName, commandRule, isCommand } from './commands.ts'
import type { Context } from './context.ts'
import { flagOf, OPTIONS, type OptionName, ruleOf } from './options.ts'
import { wrongValue } from './values.ts'
import { parseYaml } from './yaml-text.ts'

const CONFIG_BYTES_MAX = 1024 * 1024

/** The texts that the file gives for each flag, and the file's name for messages. */
export interface ConfigFile {
  readonly path: string
  readonly texts: ReadonlyMap<string, readonly string[]>
}

/** The keys that a config file may have, or that a command's section of it may. */
export function configKeys(command?: CommandName): string[] {
  const names = command === undefined ? (Object.keys(OPTIONS) as OptionName[]) : commandRule(command).options
  return names.filter((name) => ruleOf(name).env !== undefined).map(flagOf)
}

/**
 * Reads the named file, or else the first that exists of ./covey.{yaml,yml,json} and the user's own.
 *
 * A key named like a command whose value is a mapping holds settings of that command only, and wins over the others.
 *
 * @throws CoveyError E_USAGE when the file cannot be read, parsed, or has unknown keys
 */
export function readConfigFile(
  named: string | undefined,
  command: CommandName,
  context: Context,
): ConfigFile | undefined {
  const path = named ?? findConfig(context)
  if (path === undefined) return undefined
  const shown = named ?? path
  const content = readText(path, named !== undefined)
  if (content === undefined) return undefined
  const value = parseYaml(shown, content, 'Correct it, or name another with --config')
  if (value === null) return { path: shown, texts: new Map() }
  if (!isMapping(value)) throw wrongValue(shown, 'it is not a mapping', 'Write lines like "mesh: home"')
  const texts = new Map<string, readonly string[]>()
  const sections: [string, unknown][] = []
  for (const entry of Object.entries(value)) {
    if (isCommand(entry[0]) && isMapping(entry[1])) sections.push(entry)
    else take(shown, entry, texts, configKeys())
  }
  for (const [name, section] of sections) {
    // Every section is checked, so that a mistake shows before its command is used.
    const own = name === command ? texts : new Map<string, readonly string[]>()
    const known = configKeys(name as CommandName)
    for (const entry of Object.entries(section as object)) take(`${shown}: ${name}`, entry, own, known)
  }
  return { path: shown, texts }
}

function findConfig(context: Context): string | undefined {
  const configHome = context.env['XDG_CONFIG_HOME'] || join(context.home, '.config')
  const bases = [join(context.cwd, 'covey'), join(configHome, 'covey', 'config')]
  for (const base of bases) {
    for (const ending of ['yaml', 'yml', 'json']) {
      const path = `${base}.${ending}`
      if (readText(path, false) !== undefined) return path
    }
  }
  return undefined
}

function readText(path: string, required: boolean): string | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > CONFIG_BYTES_MAX) {
      throw wrongValue(path, `it exceeds ${CONFIG_BYTES_MAX} bytes`, 'Name a config file with --config')
    }
    return text
  } catch (error) {
    if (error instanceof CoveyError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (!required && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined
    throw wrongValue(path, `the config file cannot be read: ${message}`, 'Name a readable file with --config')
  }
}

function take(
  where: string,
  [key, value]: [string, unknown],
  texts: Map<string, readonly string[]>,
  known: readonly string[],
): void {
  if (!known.includes(key)) {
    throw wrongValue(
      where,
      `unknown key ${JSON.stringify(key)}`,
      `${didYouMean(key, known)}Keys are: ${known.join(', ')}`,
    )
  }
  texts.set(key, textsOf(`${where}: ${key}`, value))
}

function textsOf(where: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => textsOf(where, item))
  if (isMapping(value)) return Object.entries(value).map(([key, item]) => `${key}=${scalar(where, item)}`)
  return [scalar(where, value)]
}

function scalar(where: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  throw wrongValue(where, `${JSON.stringify(value)} is no value`, 'Write a text, a number, true or false')
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
