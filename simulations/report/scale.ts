/** An axis: which values it holds, where each of them stands, and where it is marked. */
import { clockStep, logTicks, multiples, niceStep } from './ticks.ts'

export interface Scale {
  readonly kind: 'linear' | 'log'
  readonly min: number
  readonly max: number
  readonly ticks: readonly number[]
}

/** What a value is of; it decides on the marks and on how they are written. */
export type Unit = 'count' | 'share' | 'rate' | 'duration'

const TICKS_TARGET = 3
const LOG_TICKS_TARGET = 4
/** Durations below a microsecond stand at the edge of a logarithmic axis; in milliseconds. */
const LOG_MS_MIN = 0.001
/** Durations whose largest is so many times their smallest are shown on a logarithmic axis. */
export const LOG_RATIO_MIN = 50

/** Where a value stands, from 0 (the least) to 1; what lies outside stands at the edge. */
export function position(scale: Scale, value: number): number {
  const share =
    scale.kind === 'log'
      ? Math.log(Math.max(value, scale.min) / scale.min) / Math.log(scale.max / scale.min)
      : (value - scale.min) / (scale.max - scale.min)
  return Math.min(1, Math.max(0, share))
}

/** An axis from 0 that holds all values; shares have 0 to 100 %, durations a logarithm when they ask for it. */
export function scaleOf(unit: Unit, values: readonly (number | null)[]): Scale {
  let [max, minAbove0] = [0, Infinity]
  for (const value of values) {
    if (value === null) continue
    max = Math.max(max, value)
    if (value > 0) minAbove0 = Math.min(minAbove0, Math.max(value, LOG_MS_MIN))
  }
  if (unit === 'duration' && max / minAbove0 >= LOG_RATIO_MIN) {
    const ticks = logTicks(minAbove0, max, LOG_TICKS_TARGET)
    return { kind: 'log', min: ticks[0] as number, max: Math.max(max, ticks.at(-1) as number), ticks }
  }
  const floor = { count: 2, share: 1, rate: 1, duration: 10 }[unit]
  const span = Math.max(max, floor)
  const step =
    unit === 'duration'
      ? clockStep(span, TICKS_TARGET)
      : Math.max(niceStep(span, TICKS_TARGET), unit === 'count' ? 1 : 0)
  const top = Math.ceil(span / step - 1e-9) * step
  return { kind: 'linear', min: 0, max: top, ticks: multiples(0, top, step) }
}

/** The axis of time, from the start to the end and no further, in milliseconds. */
export function timeScale(endMs: number, target: number): Scale {
  const max = Math.max(1, endMs)
  return { kind: 'linear', min: 0, max, ticks: multiples(0, max, clockStep(max, target)) }
}
