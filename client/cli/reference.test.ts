import { expect, test } from 'vitest'
import { COMMANDS, type CommandName, commandRule } from './commands.ts'
import { configKeys } from './config-file.ts'
import { commandHelp, overview } from './help.ts'
import { flagOf, OPTIONS, type OptionName, ruleOf } from './options.ts'
import { cliReference } from './reference.ts'

const names = Object.keys(COMMANDS) as CommandName[]
const options = Object.keys(OPTIONS) as OptionName[]

test('docs/cli.md is what the tables say', async () => {
  await expect(cliReference()).toMatchFileSnapshot('../../docs/cli.md')
})

test.each(names)('Help for %s names each of its options and fits 80 columns', (name) => {
  const help = commandHelp(name)
  for (const option of commandRule(name).options) expect(help).toContain(`--${flagOf(option)}`)
  for (const line of help.split('\n')) {
    if (!line.startsWith('  covey')) expect(line.length, line).toBeLessThanOrEqual(80)
  }
})

test('The overview names each command and fits 80 columns', () => {
  for (const name of names) expect(overview()).toMatch(new RegExp(`^  ${name} `, 'm'))
  for (const line of overview().split('\n')) expect(line.length).toBeLessThanOrEqual(80)
})

test('Every option is used by a command, and no command has two options of one flag', () => {
  const used = new Set<OptionName>()
  for (const name of names) {
    const flags = commandRule(name).options.map(flagOf)
    expect(new Set(flags).size, name).toBe(flags.length)
    for (const option of commandRule(name).options) used.add(option)
  }
  expect(options.filter((option) => !used.has(option))).toEqual([])
})

test('No two options share a variable, and no sentence ends in a full stop', () => {
  const variables = options.map((name) => ruleOf(name).env).filter((name) => name !== undefined)
  expect(new Set(variables).size).toBe(variables.length)
  for (const name of options) expect(ruleOf(name).about).not.toMatch(/\.$/)
  expect(new Set(configKeys()).size).toBe(configKeys().length)
})

test('The example config in the docs has known keys only', () => {
  const yaml = /```yaml\n([^`]+)```/.exec(cliReference())?.[1] ?? ''
  const keys = [...yaml.matchAll(/^\s*([a-z-]+):/gm)].map(([, key]) => key)
  expect(keys.length).toBeGreaterThan(3)
  for (const key of keys) expect([...configKeys(), ...names]).toContain(key)
})
