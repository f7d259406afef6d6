/**
 * Preferences: what a task would rather have of its device than not, each with a weight, after Kubernetes' preferred
 * node affinity. They depend on labels alone, so a shape sorts its devices by them once (tiers.ts).
 */
import { compileSelector, type Labels, type Requirement, unmet } from '../../../shared/model/selector.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'

interface Preference {
  readonly requirements: readonly Requirement[]
  readonly weight: number
}

export class Preferences {
  readonly #preferences: readonly Preference[]
  readonly #total: number

  constructor(prefer: NonNullable<TaskSpec['prefer']>) {
    this.#preferences = prefer.map(({ where, weight }) => ({ requirements: compileSelector(where), weight }))
    this.#total = prefer.reduce((sum, { weight }) => sum + weight, 0)
  }

  /** The weights of what the labels meet, as a share of all weights: from 0 to 1. */
  share(labels: Labels): number {
    let met = 0
    for (const { requirements, weight } of this.#preferences) {
      if (unmet(requirements, labels) === undefined) met += weight
    }
    return met / this.#total
  }
}
