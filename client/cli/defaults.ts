/** Defaults and durations as people read them. */
import type { OptionRule } from './option-rule.ts'

const UNITS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]

/** Milliseconds as the protocol writes a duration, exactly, in the largest unit that divides them. */
export function exactDuration(ms: number): string {
  for (const [unit, size] of UNITS) if (ms > 0 && ms % size === 0) return `${ms / size}${unit}`
  return `${ms}ms`
}

/** An option's default in words; `undefined` when it has none. */
export function defaultOf(rule: OptionRule): string | undefined {
  if (rule.defaultText !== undefined) return rule.defaultText
  if (!('default' in rule) || rule.default === undefined) return undefined
  return rule.kind === 'duration' ? exactDuration(rule.default) : String(rule.default)
}
