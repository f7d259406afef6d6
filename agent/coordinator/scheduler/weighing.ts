/**
 * Weighing: how the parts of a score become one. Each part is from 0 to 1, and so is their weighted mean. A shape
 * without wishes of its own has one part, what the strategy says.
 */
import type { DeviceRecord } from '../device-record.ts'
import type { Shape } from './shape.ts'

/** As Kubernetes weighs them: what is preferred, and spread, counts twice what is free. */
const STRATEGY_WEIGHT = 1
const PREFER_WEIGHT = 2
const SPREAD_WEIGHT = 2

export interface Part {
  /** What it looks at, as it stands in explanations. */
  readonly name: string
  readonly score: number
  readonly weight: number
}

/** Whether the score is more than the strategy's own. */
export function isComposed({ preferences, relations }: Shape): boolean {
  return preferences !== undefined || relations?.spread !== undefined
}

/** How a device suits a shape now, from 0 to 1. `own` is what the strategy says. */
export function scoreOf(shape: Shape, device: DeviceRecord, own: number): number {
  if (!isComposed(shape)) return own
  const { preferences, relations } = shape
  return mean(shape, own, preferences?.share(device.labels) ?? 0, relations?.evenness(device) ?? 0)
}

/** The most that a device of that share of preferences can score. */
export function mostOf(shape: Shape, share: number): number {
  return mean(shape, 1, share, 1)
}

/** The least that the strategy says of a device of that share of preferences, if it is to score that much. */
export function leastOwn(shape: Shape, score: number, share: number): number {
  const rest = mean(shape, 0, share, 1)
  return (score - rest) / (mean(shape, 1, share, 1) - rest)
}

function mean({ preferences, relations }: Shape, own: number, preferred: number, even: number): number {
  let sum = STRATEGY_WEIGHT * own
  let weights = STRATEGY_WEIGHT
  if (preferences !== undefined) {
    sum += PREFER_WEIGHT * preferred
    weights += PREFER_WEIGHT
  }
  if (relations?.spread !== undefined) {
    sum += SPREAD_WEIGHT * even
    weights += SPREAD_WEIGHT
  }
  return sum / weights
}

/** What the score of a device is made of. */
export function partsOf(shape: Shape, device: DeviceRecord): Part[] {
  const { preferences, relations, strategy } = shape
  const own = strategy.score(device, shape.resources, shape.durationMs)
  const parts: Part[] = [{ name: strategy.superlative, score: own, weight: STRATEGY_WEIGHT }]
  if (preferences !== undefined)
    parts.push({ name: 'preferred', score: preferences.share(device.labels), weight: PREFER_WEIGHT })
  if (relations?.spread !== undefined)
    parts.push({
      name: `even by ${relations.spread}`,
      score: relations.evenness(device),
      weight: SPREAD_WEIGHT,
    })
  return parts
}
