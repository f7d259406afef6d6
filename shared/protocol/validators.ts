/**
 * Validators made from the schemas, and their errors turned into rejections that a person can act on.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { type Rejection, rejection } from '../errors/errors.ts'
import type { ErrorCode } from '../errors/table.ts'
import { parseDuration } from '../model/duration.ts'
import { parseQuantity } from '../model/quantity.ts'
import { isId, isWork } from './ids.ts'
import { SCHEMAS, Withdraw } from './schemas/index.ts'
import type { Route } from './topics.ts'

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?Z$/

const ajv = new Ajv({
  strict: true,
  strictTypes: false,
  allowUnionTypes: true,
  verbose: true,
  formats: {
    id: isId,
    work: isWork,
    instant: (text: string) => INSTANT.test(text) && !Number.isNaN(Date.parse(text)),
    duration: (text: string) => parseDuration(text) !== undefined,
    quantity: (text: string) => parseQuantity(text) !== undefined,
  },
})

const compiled = new Map<string, ValidateFunction>()

/** Compiles a schema on first use: an agent that never sees a route does not pay for its validator. */
function validator(name: Route | 'withdraw'): ValidateFunction {
  let validate = compiled.get(name)
  if (validate === undefined) {
    validate = ajv.compile((name === 'withdraw' ? Withdraw : SCHEMAS[name]) as object)
    compiled.set(name, validate)
  }
  return validate
}

/** Why `value` is not a message of the route, or `undefined` when it is one. */
export function findFault(name: Route | 'withdraw', value: unknown): Rejection | undefined {
  const validate = validator(name)
  if (validate(value)) return undefined
  return explain(validate.errors ?? [])
}

const FORMATS: Record<string, { code: ErrorCode; what: string }> = {
  id: { code: 'E_ID', what: 'an id' },
  work: { code: 'E_ID', what: 'the name of a task or of an element' },
  instant: { code: 'E_SHAPE', what: 'an ISO 8601 instant in UTC like "2030-01-31T12:00:00Z"' },
  duration: { code: 'E_UNIT', what: 'a duration' },
  quantity: { code: 'E_UNIT', what: 'a quantity' },
}

/** Picks the error that says most: a format before a shape, a branch's own before "must match a schema in anyOf". */
function explain(errors: readonly ErrorObject[]): Rejection {
  const telling =
    errors.find((error) => error.keyword === 'format') ??
    errors.find((error) => error.keyword !== 'anyOf' && error.keyword !== 'type') ??
    errors.find((error) => error.keyword === 'anyOf') ??
    errors[0]
  if (telling === undefined) return rejection('E_SHAPE', '', 'it does not match its schema')
  const path = telling.instancePath
  const shown = show(telling.data)
  if (telling.keyword === 'format') {
    const format = FORMATS[String(telling.params['format'])]
    if (format !== undefined) return rejection(format.code, path, `${shown} is not ${format.what}`)
  }
  if (telling.keyword === 'additionalProperties') {
    return unknownField(path, String(telling.params['additionalProperty']), telling.parentSchema)
  }
  if (telling.keyword === 'required') {
    const field = String(telling.params['missingProperty'])
    return rejection('E_SHAPE', `${path}/${field}`, `"${field}" is required`)
  }
  if (telling.keyword === 'const')
    return rejection('E_SHAPE', path, `${shown} must be ${allowedAt(path, errors).join(' or ')}`)
  if (telling.keyword === 'enum') {
    const allowed = (telling.params['allowedValues'] as unknown[]).map(show).join(', ')
    return rejection('E_SHAPE', path, `${shown} must be one of ${allowed}`)
  }
  if (telling.keyword === 'anyOf') return rejection('E_SHAPE', path, `${shown} has none of the allowed forms`)
  return rejection('E_SHAPE', path, `${shown} ${telling.message ?? 'does not match its schema'}`)
}

/** The values and types that the branches at one place allow: one literal seldom is the only way. */
function allowedAt(path: string, errors: readonly ErrorObject[]): string[] {
  const here = errors.filter(({ instancePath }) => instancePath === path)
  const values = here.filter(({ keyword }) => keyword === 'const').map(({ schema }) => show(schema))
  // A literal has a type too, which says less than its value.
  const typed = here.filter(
    ({ keyword, parentSchema }) => keyword === 'type' && !Object.hasOwn(parentSchema ?? {}, 'const'),
  )
  const types = typed.map(({ schema }) => TYPES[String(schema)])
  return [...values, ...types].filter((text) => text !== undefined)
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  object: 'an object',
  array: 'a list',
}

/** A field that no schema names, or a name that is not of the form that names have there. */
function unknownField(path: string, field: string, schema: object | undefined): Rejection {
  const { properties = {}, patternProperties = {} } = (schema ?? {}) as Record<string, object | undefined>
  const known = Object.keys(properties)
  const forms = Object.keys(patternProperties)
  const at = `${path}/${field}`
  if (known.length === 0 && forms.length > 0) {
    const remedy = `Use a name that matches ${forms.join(' or ')}`
    return rejection('E_SHAPE', at, `${show(field)} cannot be a name here`, remedy)
  }
  const remedy = known.length > 0 ? `Use one of: ${known.join(', ')}` : undefined
  return rejection('E_UNKNOWN_FIELD', at, `unknown field "${field}"`, remedy)
}

/** A value as it may stand in a message: short, in one line. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`
}
