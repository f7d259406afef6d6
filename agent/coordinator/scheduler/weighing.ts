/**
 * Weighing: how the parts of a score become one. Each part is from 0 to 1, and so is their weighted mean. A shape
 * without wishes of its own has one part, what the strategy says.
 */
import type { DeviceRecord } from '../device-record.ts'
import type { Shape } from './shape.ts'
import type { Strategy } from './strategies.ts'

/** As Kubernetes weighs them: what is preferred counts twice what is free. */
const STRATEGY_WEIGHT = 1
const PREFER_WEIGHT = 2

export interface Part {
  /** What it looks at, as it stands in explanations. */
  readonly name: string
  readonly score: number
  readonly weight: number
}

/** How a device suits a shape now, from 0 to 1. */
export function scoreOf(strategy: Strategy, shape: Shape, device: DeviceRecord): number {
  const own = strategy.score(device, shape.resources)
  const { preferences } = shape
  return preferences === undefined ? own : mean(own, preferences.shareOf(device))
}

/** The most that a device of that share of preferences can score. */
export function mostOf(share: number): number {
  return mean(1, share)
}

function mean(own: number, preferred: number): number {
  return (STRATEGY_WEIGHT * own + PREFER_WEIGHT * preferred) / (STRATEGY_WEIGHT + PREFER_WEIGHT)
}

/** What the score of a device is made of. */
export function partsOf(strategy: Strategy, shape: Shape, device: DeviceRecord): Part[] {
  const own = strategy.score(device, shape.resources)
  const parts: Part[] = [{ name: strategy.superlative, score: own, weight: STRATEGY_WEIGHT }]
  const { preferences } = shape
  if (preferences !== undefined) {
    parts.push({ name: 'preferred', score: preferences.shareOf(device), weight: PREFER_WEIGHT })
  }
  return parts
}
