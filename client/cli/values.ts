/** Reads the written values of options: each kind has one form, and every error says what would be right. */
import { parseServerUrl } from '../../shared/artifacts/server.ts'
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import { parseDuration } from '../../shared/model/duration.ts'
import { parseQuantity } from '../../shared/model/quantity.ts'
import { isId } from '../../shared/protocol/ids.ts'
import { PREFER_WEIGHT_MAX } from '../../shared/protocol/schemas/index.ts'
import { parseBrokerUrl } from '../broker-url.ts'
import type { OptionRule, Preference } from './option-rule.ts'

/** An E_USAGE error about one value; `where` names the flag, variable or config key. */
export function wrongValue(where: string, message: string, remedy: string): CoveyError {
  return new CoveyError('E_USAGE', `${where}: ${message}`, { remedy })
}

/**
 * Reads one option from the texts given for it.
 *
 * @param where for error messages, like `--port` or `COVEY_PORT`
 * @param texts in the order given; of options that do not repeat the last one counts
 * @throws CoveyError E_USAGE
 */
export function readValue(where: string, rule: OptionRule, texts: readonly string[]): unknown {
  const text = texts.at(-1) ?? ''
  const shown = JSON.stringify(text)
  switch (rule.kind) {
    case 'flag':
      return readFlag(where, text)
    case 'text':
      return text
    case 'file':
    case 'folder':
      if (text === '') throw wrongValue(where, 'it is empty', `Name a ${rule.kind}`)
      return text
    case 'url':
      parseBrokerUrl(text)
      return text
    case 'web':
      parseServerUrl(text)
      return text
    case 'id':
      if (!isId(text)) {
        throw wrongValue(
          where,
          `${shown} is not an id`,
          'Use 1 to 64 letters, digits, "_" and "-", the first a letter or digit',
        )
      }
      return text
    case 'port':
      return readWhole(where, text, 0, 65_535)
    case 'count':
      return readWhole(where, text, rule.min, rule.max)
    case 'duration': {
      const ms = parseDuration(text)
      if (ms === undefined)
        throw wrongValue(where, `${shown} is not a duration`, 'Write it like 500ms, 30s, 5m or 2h')
      return ms
    }
    case 'choice':
      if (!rule.choices.includes(text)) {
        const hint = didYouMean(text, rule.choices)
        throw wrongValue(
          where,
          `${shown} is not one of its values`,
          `${hint}Use one of: ${rule.choices.join(', ')}`,
        )
      }
      return text
    case 'list':
      return texts.flatMap((item) => item.split(',')).filter((item) => item !== '')
    case 'pairs':
      return Object.fromEntries(texts.map((item) => readPair(where, item)))
    case 'quantities':
      return once(where, readQuantities(where, texts, rule.example))
    case 'sizes':
      return readQuantities(where, texts, rule.example)
    case 'selector':
      return once(
        where,
        texts.map((item) => readRequirement(where, item)),
      )
    case 'preferences':
      return texts.map((item) => readPreference(where, item))
  }
}

function readFlag(where: string, text: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true
  if (/^(0|false|no|off|)$/i.test(text)) return false
  throw wrongValue(where, `${JSON.stringify(text)} is neither yes nor no`, 'Use true or false')
}

function readWhole(where: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d{1,9}$/.test(text) || value < min || value > max) {
    throw wrongValue(
      where,
      `${JSON.stringify(text)} is out of place`,
      `Use a whole number from ${min} to ${max}`,
    )
  }
  return value
}

function readPair(where: string, text: string, example = 'room=attic'): [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw wrongValue(where, `${JSON.stringify(text)} has no KEY=`, `Write it like ${example}`)
  return [text.slice(0, equals), text.slice(equals + 1)]
}

/** Of what is said twice of one name only the last would count, and nobody would know. */
function once<T>(where: string, entries: readonly (readonly [string, T])[]): Record<string, T> {
  const names = entries.map(([name]) => name)
  const twice = names.find((name, index) => names.indexOf(name) < index)
  if (twice === undefined) return Object.fromEntries(entries)
  throw wrongValue(where, `${JSON.stringify(twice)} is named twice`, 'Name it once')
}

function readQuantities(
  where: string,
  texts: readonly string[],
  example: string | undefined,
): [string, string][] {
  return texts.flatMap((item) => item.split(',')).map((item) => readQuantity(where, item, example))
}

function readQuantity(
  where: string,
  text: string,
  example = 'cpu=500m, cpu=2, memory=64Mi, memory=1.5Gi',
): [string, string] {
  const [name, amount] = readPair(where, text, example)
  if (parseQuantity(amount) === undefined) {
    const message = `${JSON.stringify(amount)} is not a quantity of ${name}`
    throw wrongValue(where, message, `Write it like ${example}`)
  }
  return [name, amount]
}

/** `arch=arm64`, `arch=arm64|armv7l`, `cores>=4`, `room!=lab`. */
function readRequirement(where: string, text: string): [string, string | string[]] {
  const match = /^([A-Za-z][A-Za-z0-9_./-]*)\s*(>=|<=|!=|=|>|<)\s*(.+)$/.exec(text)
  if (match === null) {
    const remedy = 'Write it like arch=arm64, arch=arm64|armv7l, cores>=4 or room!=lab'
    throw wrongValue(where, `${JSON.stringify(text)} is not a requirement`, remedy)
  }
  const [, key, operator, value] = match as unknown as [string, string, string, string]
  if (operator !== '=') return [key, `${operator} ${value}`]
  return [key, value.includes('|') ? value.split('|') : value]
}

/** Of a preference without one: others can be lighter or heavier. */
const WEIGHT = 50

/** A requirement, and after a colon how much it counts: `disk=ssd`, `zone=a|b:80`. */
function readPreference(where: string, text: string): Preference {
  const [, requirement = text, weight] = /^(.*):(-?\d+)$/.exec(text) ?? []
  const wanted = weight === undefined ? WEIGHT : Number(weight)
  if (wanted < 1 || wanted > PREFER_WEIGHT_MAX) {
    const remedy = `Use a whole number from 1 to ${PREFER_WEIGHT_MAX}; what must not be belongs in --where, like room!=lab`
    throw wrongValue(where, `the weight ${wanted} of ${JSON.stringify(requirement)} is out of place`, remedy)
  }
  return { where: Object.fromEntries([readRequirement(where, requirement)]), weight: wanted }
}
