/** Help texts, made from the tables of commands and options; no line is longer than 80 columns. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import { COMMANDS, type CommandName, commandRule } from './commands.ts'
import type { Context } from './context.ts'
import { defaultOf } from './defaults.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { type Group, placeholderOf, repeats } from './option-rule.ts'
import { flagOf, type OptionName, ruleOf, type Values } from './options.ts'
import { wrap } from './text-width.ts'

const COLUMNS = 80
const INDENT = 24

/** The overview of all commands. */
export function overview(): string {
  const names = Object.keys(COMMANDS) as CommandName[]
  return [
    'Covey turns a set of devices into one place to run work.',
    '',
    'Usage: covey COMMAND [options]',
    '',
    'Commands',
    ...names.flatMap((name) => entry(`  ${name}`, commandRule(name).summary, 12)),
    '',
    'Start here',
    '  covey up                   a broker and an agent on this machine',
    '  covey run -- uname -a      from another terminal: run a command',
    '  covey help run             the options of one command',
    '',
  ].join('\n')
}

/** Help for one command. */
export function commandHelp(name: CommandName): string {
  const rule = commandRule(name)
  const lines = [`Usage: covey ${name} [options]${rule.operands === '' ? '' : ` ${rule.operands}`}`, '']
  lines.push(...wrap(rule.summary, COLUMNS))
  for (const [group, options] of grouped(rule.options)) {
    lines.push('', group === 'General' ? 'Other options' : group)
    for (const option of options) lines.push(...entry(`  ${heading(option)}`, explain(option), INDENT))
  }
  if (rule.notes !== undefined) {
    lines.push('', 'Notes')
    for (const note of rule.notes) lines.push(...entry('  -', note, 4))
  }
  const codes = EXIT_CODES.filter(([, about]) => name === 'run' || !about.startsWith('run:'))
  lines.push(
    '',
    'Exit codes',
    ...codes.flatMap(([code, about]) => entry(`  ${code}`, about.replace(/^run: /, ''), 10)),
  )
  lines.push('', 'Examples', ...rule.examples.map((example) => `  ${example}`), '')
  return lines.join('\n')
}

/** The options of a command by group, in the order of the table. */
export function grouped(options: readonly OptionName[]): Map<Group, OptionName[]> {
  const groups = new Map<Group, OptionName[]>()
  for (const name of options) {
    const { group } = ruleOf(name)
    const members = groups.get(group)
    if (members === undefined) groups.set(group, [name])
    else members.push(name)
  }
  return groups
}

/** The flag as it is written, with its short form and its value. */
export function heading(name: OptionName): string {
  const rule = ruleOf(name)
  const value = placeholderOf(rule)
  const short = rule.short === undefined ? '' : `-${rule.short}, `
  return `${short}--${flagOf(name)}${value === '' ? '' : ` ${value}`}`
}

function explain(name: OptionName): string {
  const rule = ruleOf(name)
  const facts: string[] = []
  if (repeats(rule)) facts.push('repeatable')
  const fallback = defaultOf(rule)
  if (fallback !== undefined) facts.push(`default: ${fallback}`)
  if (rule.env !== undefined) facts.push(rule.env)
  return facts.length === 0 ? rule.about : `${rule.about} [${facts.join('; ')}]`
}

function entry(head: string, text: string, indent: number): string[] {
  const lines = wrap(text, COLUMNS - indent)
  const pad = ' '.repeat(indent)
  if (head.length + 1 > indent) return [head, ...lines.map((line) => pad + line)]
  return [head.padEnd(indent) + (lines[0] ?? ''), ...lines.slice(1).map((line) => pad + line)]
}

/** `covey help [COMMAND]`. */
export async function run(
  context: Context,
  _values: Values<'help'>,
  operands: readonly string[],
): Promise<number> {
  const [word] = operands
  if (word === undefined) {
    context.stdout.write(overview())
    return 0
  }
  if (!Object.hasOwn(COMMANDS, word)) throw unknownCommand(word)
  context.stdout.write(commandHelp(word as CommandName))
  return 0
}

/** The error for a word that is no command. */
export function unknownCommand(word: string): CoveyError {
  const names = Object.keys(COMMANDS)
  return new CoveyError('E_USAGE', `there is no command ${JSON.stringify(word)}`, {
    remedy: `${didYouMean(word, names, 'covey ')}Commands are: ${names.join(', ')}`,
  })
}
