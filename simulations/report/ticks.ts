/**
 * Where an axis is marked: few marks, at values that people can add up. Steps are 1, 2 or 5 times a power of ten,
 * chosen as d3-array's `tickIncrement` does (Bostock); time has the steps of a clock.
 */

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Steps of a clock from a second up, in milliseconds; below a second 1, 2 and 5 do. */
const CLOCK_STEPS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7].map((n) => n * DAY),
]

/** Milliseconds that stand about evenly on a logarithmic axis and are round for people, in decades and between. */
const LOG_DECADES_MS = [
  0.001,
  0.01,
  0.1,
  1,
  10,
  100,
  SECOND,
  10 * SECOND,
  MINUTE,
  10 * MINUTE,
  HOUR,
  10 * HOUR,
]
const LOG_MS: readonly number[] = [
  ...LOG_DECADES_MS.slice(0, 7).flatMap((n) => [n, 2 * n, 5 * n]),
  ...[10, 20, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * MINUTE),
  ...[1, 2, 5, 10].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000].map((n) => n * DAY),
]

/** The step of about `target` marks over a span above 0. */
export function niceStep(span: number, target: number): number {
  const rough = span / target
  const power = 10 ** Math.floor(Math.log10(rough))
  const error = rough / power
  const factor = error >= Math.sqrt(50) ? 10 : error >= Math.sqrt(10) ? 5 : error >= Math.SQRT2 ? 2 : 1
  return factor * power
}

/** The step of at most `target` marks over a span of milliseconds. */
export function clockStep(spanMs: number, target: number): number {
  if (spanMs / target <= SECOND / 2) return niceStep(spanMs, target)
  const step = CLOCK_STEPS_MS.find((stepMs) => spanMs / stepMs <= target)
  return step ?? DAY * Math.max(1, Math.ceil(niceStep(spanMs / DAY, target)))
}

/** Multiples of a step from `min` to `max`, both included where they are multiples. */
export function multiples(min: number, max: number, step: number): number[] {
  // Dividing by a whole number keeps 0.3 from becoming 0.30000000000000004.
  const inverse = step < 1 ? Math.round(1 / step) : 0
  const value = (n: number): number => (inverse > 0 ? n / inverse : n * step)
  const noise = 1e-9
  const first = Math.ceil(min / step - noise)
  const last = Math.floor(max / step + noise)
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, n) => value(first + n))
}

/** Marks nearer to an end of a logarithmic axis, as a share of it, would run into that end's own. */
const LOG_NEAR_END = 0.1

/** Round durations from the last one at or below `minMs` to the first at or above `maxMs`, at most `target` + 2. */
export function logTicks(minMs: number, maxMs: number, target: number): number[] {
  const first = Math.max(
    0,
    LOG_MS.findLastIndex((ms) => ms <= minMs),
  )
  const after = LOG_MS.findIndex((ms) => ms >= maxMs)
  const last = after === -1 ? LOG_MS.length - 1 : after
  const all = LOG_MS.slice(first, last + 1)
  if (all.length <= target + 2) return all
  const [bottom, top] = [all[0] as number, all.at(-1) as number]
  const share = (ms: number): number => Math.log(ms / bottom) / Math.log(top / bottom)
  const isClear = (ms: number): boolean => share(ms) >= LOG_NEAR_END && share(ms) <= 1 - LOG_NEAR_END
  const decades = all.filter(
    (ms) => ms === bottom || ms === top || (LOG_DECADES_MS.includes(ms) && isClear(ms)),
  )
  if (decades.length <= target + 2) return decades
  const stride = Math.ceil((decades.length - 1) / (target + 1))
  return decades.filter((_, n) => n % stride === 0 || n === decades.length - 1)
}
