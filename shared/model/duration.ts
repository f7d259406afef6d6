/** Durations are strings of one number and one unit: `"500ms"`, `"30s"`, `"5m"`, `"2h"`, `"7d"`. */
const FORM = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/
const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads a duration into whole milliseconds; `undefined` when it is not one. */
export function parseDuration(text: string): number | undefined {
  const match = FORM.exec(text)
  if (match === null) return undefined
  return Math.round(Number(match[1]) * (UNIT_MS[match[2] as string] as number))
}

/** Writes milliseconds for people, in the largest unit that keeps it short: `"1.5s"`, `"2m"`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  const [unit, size] = ms < 60_000 ? ['s', 1000] : ms < 3_600_000 ? ['m', 60_000] : ['h', 3_600_000]
  const value = ms / (size as number)
  return `${Number.isInteger(value) ? value : value.toFixed(1)}${unit}`
}
