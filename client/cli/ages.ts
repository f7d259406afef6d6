/** Instants as people read them. */

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]

/** How long ago, in one unit: `12s`, `5m`, `3h`, `2d`; empty without an instant. Clocks may differ: never below 0s. */
export function age(instant: string | undefined, nowMs: number): string {
  if (instant === undefined) return ''
  const ms = Math.max(0, nowMs - Date.parse(instant))
  for (const [unit, size] of UNITS) if (ms >= size) return `${Math.floor(ms / size)}${unit}`
  return '0s'
}
