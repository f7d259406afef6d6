/**
 * What labels alone say of a device: whether it is preferred, and how near it is to the data. One share, so that a shape
 * sorts its devices by it once (tiers.ts).
 */
import type { Labels } from '../../../shared/model/selector.ts'
import type { ObjectiveName, TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Locality } from './locality.ts'
import { Preferences } from './preference.ts'
import type { Defaults } from './strategies.ts'

/** As Kubernetes weighs them: what is preferred counts twice what is free, and so does being near. */
const PREFER_WEIGHT = 2
const DATA_WEIGHT = 2
/** Where data is the objective all else only decides between devices that are as near. */
const DATA_ALONE_WEIGHT = 98

/** What a spec says that has to do with labels, besides what it demands. */
type Wishes = { readonly [Name in 'prefer' | 'data' | 'objective']?: TaskSpec[Name] | undefined }

export class ByLabels {
  readonly #defaults: Defaults
  readonly #objective: ObjectiveName | undefined
  readonly preferences: Preferences | undefined
  readonly locality: Locality | undefined

  /** @returns what the labels of devices mean to such a task; `undefined` where they mean nothing */
  static of(wishes: Wishes, defaults: Defaults): ByLabels | undefined {
    return wishes.prefer === undefined && wishes.data === undefined
      ? undefined
      : new ByLabels(wishes, defaults)
  }

  constructor({ prefer, data, objective }: Wishes, defaults: Defaults) {
    this.#defaults = defaults
    this.#objective = objective
    this.preferences = prefer === undefined ? undefined : new Preferences(prefer)
    this.locality = data === undefined ? undefined : new Locality(data, defaults)
  }

  get preferWeight(): number {
    return this.preferences === undefined ? 0 : PREFER_WEIGHT
  }

  get dataWeight(): number {
    if (this.locality === undefined) return 0
    const objective = this.#objective ?? this.#defaults.objective
    return objective === 'data' ? DATA_ALONE_WEIGHT : DATA_WEIGHT
  }

  get weight(): number {
    return this.preferWeight + this.dataWeight
  }

  /** The weighted mean of both, from 0 to 1. */
  share(labels: Labels): number {
    const preferred = this.preferWeight * (this.preferences?.share(labels) ?? 0)
    const near = this.dataWeight * (this.locality?.share(labels) ?? 0)
    return (preferred + near) / this.weight
  }
}
