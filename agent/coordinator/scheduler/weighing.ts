/**
 * Weighing: how the parts of a score become one. Each part is from 0 to 1, and so is their weighted mean. A shape
 * without wishes of its own has one part, what the strategy says.
 */
import type { DeviceRecord } from '../device-record.ts'
import type { Shape } from './shape.ts'

/** What is spread counts twice what is free, as Kubernetes weighs it. */
const STRATEGY_WEIGHT = 1
const SPREAD_WEIGHT = 2

export interface Part {
  /** What it looks at, as it stands in explanations. */
  readonly name: string
  readonly score: number
  readonly weight: number
  /** Why, where that is no matter of course. */
  readonly detail?: string
}

/** How a device suits a shape now, from 0 to 1. `own` is what the strategy says. */
export function scoreOf(shape: Shape, device: DeviceRecord, own: number): number {
  if (!shape.composed) return own
  const { byLabels, relations } = shape
  return mean(shape, own, byLabels?.share(device.labels) ?? 0, relations?.evenness(device) ?? 0)
}

/** The most that a device can score whose labels say that much. */
export function mostOf(shape: Shape, share: number): number {
  return mean(shape, 1, share, 1)
}

/** The least that the strategy says of a device whose labels say that much, if it is to score so high. */
export function leastOwn(shape: Shape, score: number, share: number): number {
  const rest = mean(shape, 0, share, 1)
  return (score - rest) / (mean(shape, 1, share, 1) - rest)
}

function mean({ byLabels, relations }: Shape, own: number, labelled: number, even: number): number {
  let sum = STRATEGY_WEIGHT * own
  let weights = STRATEGY_WEIGHT
  if (byLabels !== undefined) {
    const { weight } = byLabels
    sum += weight * labelled
    weights += weight
  }
  if (relations?.spread !== undefined) {
    sum += SPREAD_WEIGHT * even
    weights += SPREAD_WEIGHT
  }
  return sum / weights
}

/** What the score of a device is made of; `own` is what the strategy says. */
export function partsOf(shape: Shape, device: DeviceRecord, own: number): Part[] {
  const { byLabels, relations, strategy } = shape
  const parts: Part[] = [{ name: strategy.superlative, score: own, weight: STRATEGY_WEIGHT }]
  const { preferences, locality, preferWeight = 0, dataWeight = 0 } = byLabels ?? {}
  const { labels } = device
  if (preferences !== undefined)
    parts.push({ name: 'preferred', score: preferences.share(labels), weight: preferWeight })
  if (locality !== undefined)
    parts.push({
      name: 'near its data',
      score: locality.share(labels),
      weight: dataWeight,
      detail: locality.text(labels),
    })
  if (relations?.spread !== undefined)
    parts.push({
      name: `even by ${relations.spread}`,
      score: relations.evenness(device),
      weight: SPREAD_WEIGHT,
    })
  return parts
}
