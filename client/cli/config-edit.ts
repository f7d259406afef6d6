/** Changes of single settings: `highMark=0.8`, `tenants.lab.quota.cpu=8`, as they are written and carried out. */
import { didYouMean } from '../../shared/errors/suggest.ts'
import { withDefaults } from '../../shared/model/mesh-defaults.ts'
import { MeshConfig } from '../../shared/protocol/schemas/index.ts'
import { isObject, type Json } from '../merge.ts'
import { wrongValue } from './values.ts'
import { parseYaml } from './yaml-text.ts'

/** One setting, or a part of one, and what it is to be; `undefined`: its default. */
export interface Edit {
  /** As it was written. */
  readonly key: string
  readonly path: readonly string[]
  readonly value: unknown
}

export const SETTINGS = Object.keys(MeshConfig.properties) as (keyof MeshConfig)[]

/** @throws CoveyError E_USAGE */
export function readSet(word: string): Edit {
  const equals = word.indexOf('=')
  if (equals < 1) {
    const remedy = 'Write KEY=VALUE, like highMark=0.8; for its default covey config unset KEY'
    throw wrongValue('set', `${JSON.stringify(word)} has no KEY=`, remedy)
  }
  const key = word.slice(0, equals)
  checkSetting(key)
  const path = pathOf(key)
  const value = parseYaml(key, word.slice(equals + 1), 'Put what has special characters in quotes')
  if (value === null)
    throw wrongValue(key, 'its value is empty', `For the default: covey config unset ${key}`)
  return { key, path, value }
}

/** Whether there is such a setting is not looked at. @throws CoveyError E_USAGE */
export function readUnset(word: string): Edit {
  if (word.includes('='))
    throw wrongValue('unset', `${JSON.stringify(word)} has a value`, 'Write the KEY alone')
  return { key: word, path: pathOf(word), value: undefined }
}

/** @throws CoveyError E_USAGE when there is no such setting */
export function checkSetting(key: string): void {
  const [first = ''] = key.split('.')
  if ((SETTINGS as string[]).includes(first)) return
  const remedy = `${didYouMean(first, SETTINGS)}Settings are: ${SETTINGS.join(', ')}`
  throw wrongValue(key, `there is no setting ${JSON.stringify(first)}`, remedy)
}

function pathOf(key: string): string[] {
  const [first = '', ...parts] = key.split('.')
  if (parts.includes(''))
    throw wrongValue(key, 'a part of it has no name', 'Write it like tenants.lab.weight')
  if (first === 'links' && parts.length > 0) {
    const remedy = "Set all of them: 'links=[{between: [a, b], bandwidth: 100M}]', or with -f FILE"
    throw wrongValue(key, 'links are a list, which is set as a whole', remedy)
  }
  // Names of resources may have dots.
  if (first === 'tenants' && parts[1] === 'quota' && parts.length > 2)
    return [first, ...parts.slice(0, 2), parts.slice(2).join('.')]
  return [first, ...parts]
}

/**
 * The settings with the changes made, one after another; what was given stays as it is. A part of what is not set is
 * changed in its default, so that the other parts remain.
 */
export function edited(settings: Json, edits: readonly Edit[]): Json {
  const defaults: Json = withDefaults(undefined)
  let now = settings
  for (const { path, value } of edits) {
    const [first = '', ...parts] = path
    const fresh = value !== undefined && parts.length > 0 && now[first] === undefined
    now = changed(fresh ? { ...now, [first]: defaults[first] } : now, path, value) ?? {}
  }
  return now
}

/** `undefined` when nothing is left. */
function changed(inside: unknown, [name = '', ...rest]: readonly string[], value: unknown): Json | undefined {
  const { [name]: former, ...others } = isObject(inside) ? inside : {}
  const next = rest.length === 0 ? value : changed(former, rest, value)
  if (next !== undefined) return { ...others, [name]: next }
  return Object.keys(others).length === 0 ? undefined : others
}

/** What stands there; `undefined` when nothing does. */
export function valueAt(settings: unknown, path: readonly string[]): unknown {
  let value = settings
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return value
}
