/**
 * Locality: how near devices are to the data of a shape. It depends on labels and settings alone, so a shape sorts its
 * devices by it once, as by its preferences.
 */
import { formatDuration } from '../../../shared/model/duration.ts'
import type { Network } from '../../../shared/model/network.ts'
import { formatQuantity, parseQuantity } from '../../../shared/model/quantity.ts'
import type { Labels } from '../../../shared/model/selector.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'

/** Where fetching all the data takes so long a device scores one half. */
const HALF_MS = 10_000

export class Locality {
  readonly #data: readonly { readonly at: string; readonly bytes: number }[]
  /** The network may change at any time. */
  readonly #mesh: { readonly network: Network }

  constructor(data: NonNullable<TaskSpec['data']>, mesh: { readonly network: Network }) {
    this.#data = data.map(({ at, size }) => ({ at, bytes: (parseQuantity(size) ?? 0) / 1_000 }))
    this.#mesh = mesh
  }

  /** How long it takes to fetch what is elsewhere, one after another, in ms; infinite where something has no link. */
  fetchMs(labels: Labels): number {
    const { network } = this.#mesh
    const site = network.siteOf(labels)
    return this.#data.reduce((sum, { at, bytes }) => sum + network.transferMs(bytes, at, site), 0)
  }

  /** From 0, for what cannot be fetched, to 1, where all the data is. */
  share(labels: Labels): number {
    return HALF_MS / (HALF_MS + this.fetchMs(labels))
  }

  /** Like "1.2s to fetch 2Gi from cellar over 15G". */
  text(labels: Labels): string {
    const { network } = this.#mesh
    const site = network.siteOf(labels)
    const away = this.#data.filter(({ at }) => at !== site)
    const [first] = away
    if (first === undefined) return 'all of it is there'
    const cut = away.find(({ at }) => network.between(at, site) === undefined)
    const nowhere = site === undefined ? `, as it has no label ${network.siteLabel}` : ''
    if (cut !== undefined) return `no link to ${cut.at}${nowhere}`
    const bytes = away.reduce((sum, datum) => sum + datum.bytes, 0)
    const total = `${formatDuration(this.fetchMs(labels))} to fetch ${formatQuantity('disk', bytes * 1_000)}`
    const sites = new Set(away.map(({ at }) => at)).size
    if (sites > 1) return `${total} from ${sites} sites${nowhere}`
    const { bandwidth = 0 } = network.between(first.at, site) ?? {}
    return `${total} from ${first.at} over ${formatQuantity('network', bandwidth * 1_000)}${nowhere}`
  }
}
