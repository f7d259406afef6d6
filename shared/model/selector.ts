/**
 * Label selectors: what `where` in a task means. A value is a label's required value (`"arm64"`), a list of
 * which one must match (`["arm64","armv7l"]`), or a comparison (`">= 30"`, `"!= lab"`).
 */
export type Labels = Readonly<Record<string, string>>
export type Selector = Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>

/** The label that every device has by itself, its id: near or apart by it means on the same device. */
export const BY_DEVICE = 'device'

const COMPARISON = /^(>=|<=|!=|>|<|=)\s*(.+)$/

export interface Requirement {
  readonly key: string
  readonly text: string
  readonly test: (value: string | undefined) => boolean
}

/** Compiles a selector once, so that matching a device costs one call a key. */
export function compileSelector(selector: Selector | undefined): readonly Requirement[] {
  if (selector === undefined) return []
  return Object.keys(selector)
    .sort()
    .map((key) => compileRequirement(key, selector[key] as Selector[string]))
}

function compileRequirement(key: string, wanted: Selector[string]): Requirement {
  if (Array.isArray(wanted)) {
    const values = wanted.map(String)
    return {
      key,
      text: short(`${key} in [${values.join(', ')}]`),
      test: (value) => value !== undefined && values.includes(value),
    }
  }
  const text = String(wanted)
  const comparison = COMPARISON.exec(text)
  if (comparison === null) return { key, text: short(`${key}=${text}`), test: (value) => value === text }
  const [, operator, operand] = comparison as unknown as [string, string, string]
  return { key, text: short(`${key} ${operator} ${operand}`), test: comparator(operator, operand.trim()) }
}

/** As it stands in explanations, which have to fit into a status. */
const TEXT_CHARS_MAX = 120

function short(text: string): string {
  return text.length <= TEXT_CHARS_MAX ? text : `${text.slice(0, TEXT_CHARS_MAX - 1)}…`
}

function comparator(operator: string, operand: string): (value: string | undefined) => boolean {
  if (operator === '=') return (value) => value === operand
  if (operator === '!=') return (value) => value !== operand
  const bound = boundOf(operand)
  return (value) => {
    if (value === undefined) return false
    const number = Number(value)
    if (Number.isNaN(number) || Number.isNaN(bound)) return false
    if (operator === '>=') return number >= bound
    if (operator === '<=') return number <= bound
    return operator === '>' ? number > bound : number < bound
  }
}

/** What a comparison compares with; NaN for what is no number. */
const boundOf = (operand: string): number => (operand === '' ? Number.NaN : Number(operand))

/** Why no label at all meets what a selector wants of one; `undefined` when some would. */
export function neverHolds(wanted: Selector[string]): string | undefined {
  const comparison = Array.isArray(wanted) ? null : COMPARISON.exec(String(wanted))
  const [, operator = '=', operand = ''] = comparison ?? []
  if (operator === '=' || operator === '!=') return undefined
  const bound = boundOf(operand.trim())
  if (Number.isNaN(bound)) return `${JSON.stringify(wanted)} never holds: it compares with what is no number`
  const beyond =
    (operator === '>' && bound === Number.POSITIVE_INFINITY) ||
    (operator === '<' && bound === Number.NEGATIVE_INFINITY)
  return beyond ? `${JSON.stringify(wanted)} never holds: there is no such number` : undefined
}

/** The first requirement that `labels` does not meet. */
export function unmet(requirements: readonly Requirement[], labels: Labels): Requirement | undefined {
  return requirements.find((requirement) => !requirement.test(labels[requirement.key]))
}
