/** Renders a JSON Schema as a Markdown table of fields, nested objects with dotted names. */

import { Duration, Id, Instant, Quantity } from '../protocol/schemas/index.ts'

/** The part of JSON Schema that the protocol's schemas use. */
export interface Schema {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxProperties?: number
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean
}

/** A schema with a section of its own, to which tables link instead of repeating it. */
export interface Shape {
  readonly name: string
  /** Of its heading, without the `#`. */
  readonly anchor: string
  readonly schema: Schema
}

interface Row {
  readonly field: string
  readonly type: string
  readonly required: string
  readonly meaning: string
}

/** The schema without its description: two that differ only there are the same shape. */
const bare = (schema: Schema): string => JSON.stringify({ ...schema, description: undefined })

/** A table of all fields of an object schema; a sentence when it has none. */
export function schemaTable(schema: Schema, shapes: readonly Shape[]): string {
  const rows = rowsOf(schema, '', shapes)
  if (rows.length === 0) return 'An object without fields.'
  const lines = rows.map(
    ({ field, type, required, meaning }) => `| \`${field}\` | ${type} | ${required} | ${meaning} |`,
  )
  return ['| field | type | required | meaning |', '|---|---|---|---|', ...lines].join('\n')
}

function rowsOf(schema: Schema, prefix: string, shapes: readonly Shape[]): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const row = {
      field: prefix + name,
      type: typeOf(field, shapes),
      required: schema.required?.includes(name) === true ? 'yes' : '',
      meaning: meaningOf(field, shapes),
    }
    const inner = field.type === 'array' ? field.items : field
    if (inner?.properties === undefined || shapeOf(inner, shapes) !== undefined) return [row]
    return [row, ...rowsOf(inner, `${prefix}${name}${field.type === 'array' ? '[]' : ''}.`, shapes)]
  })
}

/** Empty where it would only repeat what the linked section says. */
function meaningOf(field: Schema, shapes: readonly Shape[]): string {
  const text = field.description ?? ''
  const repeats = UNITS.has(text) || shapeOf(field, shapes)?.schema.description === text
  return repeats ? '' : cell(text)
}

/** What the fragments of ids, durations and so on say of themselves, whatever the field. */
const UNITS = new Set([Id, Duration, Instant, Quantity].map((schema: Schema) => schema.description))

const shapeOf = (schema: Schema, shapes: readonly Shape[]) =>
  shapes.find((shape) => bare(shape.schema) === bare(schema))

function typeOf(schema: Schema, shapes: readonly Shape[]): string {
  const shape = shapeOf(schema, shapes)
  if (shape !== undefined) return `[${shape.name}](#${shape.anchor})`
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((item) => `\`${JSON.stringify(item)}\``).join(', ')
  if (schema.anyOf !== undefined) return unionType(schema.anyOf, shapes)
  if (schema.type === 'array') return listType(schema, shapes)
  if (schema.type === 'object') return objectType(schema, shapes)
  if (schema.type === 'string') return textType(schema)
  if (schema.type === 'integer' || schema.type === 'number') return numberType(schema)
  return schema.type ?? 'any JSON'
}

function unionType(items: readonly Schema[], shapes: readonly Shape[]): string {
  const literals = items.every((item) => item.const !== undefined)
  return items.map((item) => typeOf(item, shapes)).join(literals ? ', ' : ' or ')
}

function listType(schema: Schema, shapes: readonly Shape[]): string {
  const item = schema.items === undefined ? 'any JSON' : typeOf(schema.items, shapes)
  return `list${inBrackets(bounds(schema.minItems, schema.maxItems, ''))} of ${item}`
}

function objectType(schema: Schema, shapes: readonly Shape[]): string {
  const value = Object.values(schema.patternProperties ?? {})[0]
  if (value === undefined) return 'object'
  return `object${inBrackets(bounds(undefined, schema.maxProperties, 'names'))} of name to ${typeOf(value, shapes)}`
}

function textType(schema: Schema): string {
  if (schema.format !== undefined) return `[${schema.format}](#names-and-units)`
  return `text${after(bounds(schema.minLength, schema.maxLength, 'characters'))}`
}

function numberType(schema: Schema): string {
  const least = schema.minimum
  const most = schema.maximum === Number.MAX_SAFE_INTEGER ? undefined : schema.maximum
  if (least !== undefined && most !== undefined) return `${schema.type} from ${least} to ${most}`
  return `${schema.type}${after(bounds(least, most, ''))}`
}

/** "at least 1, at most 5 names"; empty without bounds. */
function bounds(least: number | undefined, most: number | undefined, unit: string): string {
  const parts: string[] = []
  if (least !== undefined) parts.push(`at least ${least}`)
  if (most !== undefined) parts.push(`at most ${most}`)
  return parts.length === 0 || unit === '' ? parts.join(', ') : `${parts.join(', ')} ${unit}`
}

const inBrackets = (text: string): string => (text === '' ? '' : ` (${text})`)
const after = (text: string): string => (text === '' ? '' : `, ${text}`)

/** Text that may stand in a cell of a table. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
