/**
 * Whether JSON holds a value as it is. `JSON.stringify` alone would turn a Map into `{}` and NaN into `null`, and
 * whoever reads the result would never know.
 */
import { NESTING_MAX } from '../../../shared/protocol/nesting.ts'

export interface ValueFault {
  readonly code: 'E_VALUE' | 'E_VALUE_SIZE'
  readonly message: string
}

/**
 * The value as JSON of at most `bytesMax` bytes of UTF-8; `undefined` stays itself. A property that is undefined is
 * left out, and what has a `toJSON` (a Date) is what that gives.
 */
export function toJson(value: unknown, bytesMax: number): { readonly json?: string } | ValueFault {
  if (value === undefined) return {}
  const size = { left: bytesMax }
  try {
    const fault = faultIn(value, '', [], size)
    if (fault !== undefined) return { code: 'E_VALUE', message: fault }
    if (size.left < 0) return tooLarge(`more than ${bytesMax}`, bytesMax)
    const json = JSON.stringify(value)
    const bytes = Buffer.byteLength(json)
    return bytes <= bytesMax ? { json } : tooLarge(`${bytes}`, bytesMax)
  } catch (error) {
    return { code: 'E_VALUE', message: `it returned what cannot be read: ${String(error)}` }
  }
}

function tooLarge(bytes: string, bytesMax: number): ValueFault {
  return { code: 'E_VALUE_SIZE', message: `it returned ${bytes} bytes of JSON, and ${bytesMax} are allowed` }
}

/** Stops early at what is certainly too large; `size` loses the least that each part takes. */
function faultIn(value: unknown, path: string, above: object[], size: { left: number }): string | undefined {
  if (size.left < 0) return undefined
  if (typeof value === 'string') size.left -= value.length + 2
  else size.left -= 1
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number' && Number.isFinite(value)) return undefined
  if (typeof value !== 'object') return refused(describe(value), path)
  if (above.includes(value)) return refused('itself', path)
  if (above.length === NESTING_MAX) return `it returned what is nested deeper than ${NESTING_MAX} levels`
  const { toJSON } = value as { toJSON?: unknown }
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  if (typeof toJSON === 'function' && !ArrayBuffer.isView(value)) {
    return faultIn(toJSON.call(value, ''), path, [...above, value], size)
  }
  if (tag !== 'Object' && tag !== 'Array') return refused(`a ${tag}`, path)
  const within = [...above, value]
  for (const [key, item] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    if (item === undefined && tag === 'Object') continue
    if (tag === 'Object') size.left -= String(key).length + 3
    const fault = faultIn(item, `${path}/${key}`, within, size)
    if (fault !== undefined || size.left < 0) return fault
  }
  return undefined
}

function describe(value: unknown): string {
  return typeof value === 'number' || value === undefined ? String(value) : `a ${typeof value}`
}

const PATH_CHARS_MAX = 200

function refused(what: string, path: string): string {
  return `it returned ${what}${path === '' ? '' : ` at ${path.slice(0, PATH_CHARS_MAX)}`}, which JSON cannot hold`
}
