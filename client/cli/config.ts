/** `covey config`: the settings of the mesh, shown or changed. */
import { CoveyError, type Rejection } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import type { ErrorCode } from '../../shared/errors/table.ts'
import { withDefaults } from '../../shared/model/mesh-defaults.ts'
import { checkBody } from '../../shared/protocol/codec.ts'
import { MeshConfig, PAYLOAD_BYTES_MAX } from '../../shared/protocol/schemas/index.ts'
import type { Client } from '../client.ts'
import { isObject, type Json } from '../merge.ts'
import { InvalidSpecError } from '../submit.ts'
import type { OptionsOf } from './commands.ts'
import { checkSetting, type Edit, edited, readSet, readUnset, SETTINGS, valueAt } from './config-edit.ts'
import type { Context } from './context.ts'
import { withClient } from './open-client.ts'
import type { Values } from './options.ts'
import { goesByInstead } from './refused-settings.ts'
import { remark } from './report-error.ts'
import { type Column, formatTable } from './table.ts'
import { printable } from './text-width.ts'
import { wrongValue } from './values.ts'
import { readYamlFile } from './yaml-text.ts'

type ConfigValues = Values<OptionsOf<'config'>>

const VERBS = ['set', 'unset'] as const

/** @throws CoveyError E_USAGE, InvalidSpecError for settings that no coordinator would take, what the client throws */
export async function run(
  context: Context,
  values: ConfigValues,
  operands: readonly string[],
): Promise<number> {
  const [verb, ...words] = operands
  if (values.settingsFile !== undefined) {
    if (verb !== undefined) {
      const message = `with --file there is nothing else to say, and ${JSON.stringify(verb)} follows`
      throw new CoveyError('E_USAGE', message, { remedy: 'The file takes the place of all settings' })
    }
    const config = readSettings(values.settingsFile)
    return withMesh(context, values, (client) => replace(context, values, client, config))
  }
  if (verb === undefined) return withMesh(context, values, (client) => show(context, values, client))
  if (verb !== 'set' && verb !== 'unset') {
    const hint = verb.includes('=') ? 'Did you mean "covey config set …"? ' : didYouMean(verb, VERBS)
    const remedy = `${hint}Use one of: ${VERBS.join(', ')}, or nothing, which shows all settings`
    throw new CoveyError('E_USAGE', `there is no "covey config ${verb}"`, { remedy })
  }
  if (words.length === 0) {
    const remedy = verb === 'set' ? 'Write it like covey config set highMark=0.8' : 'See covey config'
    throw new CoveyError('E_USAGE', `covey config ${verb} wants a setting`, { remedy })
  }
  const edits = words.map(verb === 'set' ? readSet : readUnset)
  const twice = words.length - new Set(edits.map(({ key }) => key)).size
  if (twice > 0)
    throw new CoveyError('E_USAGE', 'a setting is named twice', { remedy: 'Name each of them once' })
  return withMesh(context, values, (client) => change(context, values, client, edits))
}

/** Settings may come before the mesh; but one that nobody knows may be a mistyped one. */
function withMesh(
  context: Context,
  values: ConfigValues,
  work: (client: Client) => Promise<number>,
): Promise<number> {
  return withClient(context, values, async (client) => {
    const code = await work(client)
    if ((await client.coordinator()) === undefined)
      remark(context, `mesh ${client.mesh} never had a coordinator; its settings are kept for the first`)
    return code
  })
}

async function show(context: Context, values: ConfigValues, client: Client): Promise<number> {
  const { config, fault } = await client.settings()
  const beacon = (await client.coordinator())?.beacon
  const instead = beacon === undefined ? undefined : goesByInstead(beacon)
  if (fault !== undefined) {
    const where = fault.path === '' ? '' : ` at ${fault.path}`
    const goesBy = instead === undefined ? '' : `; the mesh goes by ${instead}`
    throw new CoveyError(
      fault.code as ErrorCode,
      `what is set is refused${where}: ${fault.message}${goesBy}`,
      {
        remedy: 'Correct it with covey config set or unset, or replace everything with -f',
      },
    )
  }
  if (values.json === true) writeJson(context, config)
  else context.stdout.write(formatTable(context, COLUMNS, rowsOf(config)))
  // Another version than this one may know less.
  if (instead !== undefined)
    remark(
      context,
      `the coordinator refuses these settings and goes by ${instead}: see covey get coordinator`,
    )
  return 0
}

async function change(
  context: Context,
  values: ConfigValues,
  client: Client,
  edits: readonly Edit[],
): Promise<number> {
  let before: Json | undefined
  let after: MeshConfig = {}
  await client.configure((now) => {
    for (const { key, path, value } of edits) {
      // What is no setting may be set nevertheless, by whom nobody told, and is taken away then.
      if (value === undefined && valueAt(now, path) === undefined) checkSetting(key)
    }
    // What others make of it meanwhile is not what it was.
    before ??= now
    after = edited(now, edits) as MeshConfig
    const fault = checkBody('config', after)
    if (fault !== undefined) throw new InvalidSpecError(toldOf(edits, fault), 'the settings')
    return after
  })
  if (values.json === true) writeJson(context, after)
  else for (const edit of edits) context.stdout.write(`${printable(told(edit, before ?? {}, after))}\n`)
  if (edits.some(({ path }) => path[0] === 'tenants')) await remarkStrangeQuotas(context, client, after)
  return 0
}

/** A fault as it is to be told: what is wrong may be none of the changes, but what was set before them. */
function toldOf(edits: readonly Edit[], fault: Rejection): Rejection {
  const [, first] = fault.path.split('/')
  if (first === undefined || edits.some(({ path }) => path[0] === first)) return fault
  const remedy = `It was set before: correct it in the same command, or see covey config. ${fault.remedy}`
  return { ...fault, remedy }
}

/** `highMark: 0.8 (was 0.9, the default)`. */
function told({ key, path }: Edit, before: object, after: MeshConfig): string {
  const [was, is] = [valueAt(before, path), valueAt(after, path)]
  const [wasText, isText] = [before, after].map((config) => {
    const value = valueAt(withDefaults(config), path)
    const text = value === undefined || isEmpty(value) ? 'not set' : textOf(value)
    return text === 'not set' || valueAt(config, path) !== undefined ? text : `${text}, the default`
  })
  return JSON.stringify(was) === JSON.stringify(is)
    ? `${key}: ${isText} (as before)`
    : `${key}: ${isText} (was ${wasText})`
}

async function replace(
  context: Context,
  values: ConfigValues,
  client: Client,
  config: MeshConfig,
): Promise<number> {
  await client.configure(config)
  const count = Object.keys(config).length
  if (values.json === true) writeJson(context, config)
  else
    context.stdout.write(
      `${count} ${count === 1 ? 'setting is' : 'settings are'} set, all others have their default\n`,
    )
  await remarkStrangeQuotas(context, client, config)
  return 0
}

function readSettings(name: string): MeshConfig {
  const form = 'Write lines like "highMark: 0.8", or {} for no settings'
  const value = readYamlFile(name, PAYLOAD_BYTES_MAX, form)
  if (!isObject(value)) throw wrongValue(name, 'it holds no settings', form)
  const fault = checkBody('config', value)
  if (fault !== undefined) throw new InvalidSpecError(fault, name)
  return value as MeshConfig
}

/** A quota binds only what devices have: a mistyped resource binds nothing. */
async function remarkStrangeQuotas(context: Context, client: Client, { tenants }: MeshConfig): Promise<void> {
  const named = Object.entries(tenants ?? {}).flatMap(([tenant, { quota = {} }]) =>
    Object.keys(quota).map((resource) => ({ tenant, resource })),
  )
  if (named.length === 0) return
  const devices = await client.devices()
  const known = new Set(devices.flatMap(({ state }) => Object.keys(state?.capacity ?? {})))
  if (known.size === 0) return
  for (const { tenant, resource } of named) {
    if (known.has(resource)) continue
    const hint = didYouMean(resource, known).trim()
    const what = `tenant ${tenant} has a quota of ${resource}, which no device has`
    remark(context, hint === '' ? what : `${what}. ${hint}`)
  }
}

function writeJson(context: Context, config: MeshConfig | undefined): void {
  const both = { set: config ?? {}, effective: withDefaults(config) }
  context.stdout.write(`${JSON.stringify(both, undefined, 2)}\n`)
}

interface Row {
  readonly key: string
  readonly value: string
  readonly isSet: boolean
  readonly about: string
}

function rowsOf(config: MeshConfig | undefined): Row[] {
  const whole = withDefaults(config)
  return SETTINGS.flatMap((setting) => {
    const isSet = config?.[setting] !== undefined
    return leavesOf(setting, whole[setting]).map(([key, value], index) => ({
      key,
      value,
      isSet,
      about: index === 0 ? aboutOf(setting) : '',
    }))
  })
}

/** What the protocol says of it, without the last sentence where that is the default, which the table has. */
function aboutOf(setting: keyof MeshConfig): string {
  const schema: object = MeshConfig.properties[setting]
  const text = 'description' in schema ? String(schema.description) : ''
  return text.replace(/\. [^.].*$/, '')
}

/** A setting, or the parts of one, each under the name by which it is set. */
function leavesOf(key: string, value: unknown): [key: string, value: string][] {
  if (value === undefined) return [[key, '(off)']]
  if (isEmpty(value)) return [[key, '(none)']]
  if (!isObject(value)) return [[key, textOf(value)]]
  return Object.entries(value).flatMap(([name, part]) => leavesOf(`${key}.${name}`, part))
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

const COLUMNS: readonly Column<Row>[] = [
  { title: 'SETTING', text: ({ key }) => key },
  { title: 'VALUE', text: ({ value }) => value, colour: ({ isSet }) => (isSet ? 'green' : undefined) },
  { title: 'FROM', text: ({ isSet }) => (isSet ? 'set' : 'default') },
  { title: 'MEANING', text: ({ about }) => about },
]
