/** docs/cli.md, made from the tables of commands and options. */
import { COMMANDS, type CommandName, commandRule } from './commands.ts'
import { defaultOf } from './defaults.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { grouped, heading } from './help.ts'
import { repeats } from './option-rule.ts'
import { type OptionName, ruleOf } from './options.ts'

/** The whole page as Markdown. */
export function cliReference(): string {
  const names = Object.keys(COMMANDS) as CommandName[]
  return [
    '# The command line',
    '',
    'This page is made from the table of options; `npx vitest run --project unit client/cli/reference -u` writes it anew.',
    '',
    '| command | what it does |',
    '|---|---|',
    ...names.map((name) => `| [\`covey ${name}\`](#covey-${name}) | ${cell(commandRule(name).summary)} |`),
    '',
    '## Settings',
    '',
    'A flag wins over the environment, the environment over the config file, the config file over the default. What has',
    'no variable in the tables below belongs to one call only, and only a flag can give it. The config file is the first',
    'that exists of `--config FILE`, `./covey.yaml` (`.yml`, `.json`), and `~/.config/covey/config.yaml` (`.yml`, `.json`;',
    '`XDG_CONFIG_HOME` is heeded); only one is read. Its keys are the flags without dashes in front; a mapping under the',
    'name of a command holds for that command alone:',
    '',
    '```yaml',
    'broker: mqtt://192.168.1.10:1883',
    'mesh: home',
    'agent:',
    '  id: pi-7',
    '  label: { room: attic }',
    '  capacity: { cpu: 2, memory: 1Gi }',
    '```',
    '',
    'A repeatable option takes a list separated by commas in its variable, and a list or mapping in the config file.',
    'Durations are written like `500ms`, `30s`, `5m`, `2h`; amounts like `500m`, `2`, `64Mi`, `1.5Gi`.',
    '',
    'Colour is used only on a terminal, and not when `NO_COLOR` is set. With `--json` everything on standard output is',
    'JSON, and errors are one JSON object on standard error: `{"error":{"code","message","remedy"}}`; the codes are those',
    'of [errors.md](errors.md). `broker`, `agent` and `up` print one line when they are ready, with `--json` an object',
    'such as `{"ready":true,"command":"broker","host":"127.0.0.1","port":1883,"url":"mqtt://127.0.0.1:1883"}`.',
    '',
    '## Exit codes',
    '',
    '| code | meaning |',
    '|---|---|',
    ...EXIT_CODES.map(([code, about]) => `| ${code} | ${cell(about)} |`),
    ...names.flatMap(section),
    '',
  ].join('\n')
}

function section(name: CommandName): string[] {
  const rule = commandRule(name)
  const lines = ['', `## covey ${name}`, '', `${rule.summary}.`, '', '```']
  lines.push(`covey ${name} [options]${rule.operands === '' ? '' : ` ${rule.operands}`}`, '```')
  const options = [...grouped(rule.options).values()].flat()
  lines.push('', '| option | variable | default | |', '|---|---|---|---|', ...options.map(row))
  if (rule.notes !== undefined) lines.push('', ...rule.notes.map((note) => `- ${note}.`))
  return [...lines, '', '```sh', ...rule.examples, '```']
}

function row(name: OptionName): string {
  const rule = ruleOf(name)
  const variable = rule.env === undefined ? '' : `\`${rule.env}\``
  const about = repeats(rule) ? `${rule.about}; repeatable` : rule.about
  return `| \`${cell(heading(name))}\` | ${variable} | ${cell(defaultOf(rule) ?? '')} | ${cell(about)} |`
}

function cell(text: string): string {
  return text.replace(/\|/g, '\\|')
}
