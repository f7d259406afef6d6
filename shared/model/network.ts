/**
 * The network between sites: how long it takes to bring data from one to another. Devices of one site have the same
 * value of the mesh's site label. Links hold both ways; what is at a site costs its devices nothing.
 */
import { type Rejection, rejection } from '../errors/errors.ts'
import type { MeshConfig } from '../protocol/schemas/mesh.ts'
import { parseDuration } from './duration.ts'
import { parseQuantity } from './quantity.ts'
import type { Labels } from './selector.ts'

export const DEFAULT_SITE_LABEL = 'site'

export interface Link {
  readonly latencyMs: number
  /** Bits a second. */
  readonly bandwidth: number
}

/** Between sites that no link is named for, unless the settings say otherwise: fast Ethernet. */
export const DEFAULT_LINK: Link = { latencyMs: 10, bandwidth: 100e6 }

type Written = Pick<MeshConfig, 'siteLabel' | 'links' | 'defaultLink'>

export class Network {
  /** By which label devices are at one site. */
  readonly siteLabel: string
  /** The same for networks that are alike. */
  readonly key: string
  readonly #links = new Map<string, Link>()
  readonly #others: Link | undefined

  /** @param written settings that have passed the codec */
  constructor({ siteLabel = DEFAULT_SITE_LABEL, links = [], defaultLink }: Written = {}) {
    this.siteLabel = siteLabel
    this.key = JSON.stringify([siteLabel, links, defaultLink])
    for (const { between, ...link } of links) this.#links.set(pairOf(between), linkOf(link))
    if (defaultLink !== 'none') this.#others = defaultLink === undefined ? DEFAULT_LINK : linkOf(defaultLink)
  }

  /** The site of what has these labels; `undefined` for one that is nowhere in particular. */
  siteOf(labels: Labels): string | undefined {
    return labels[this.siteLabel]
  }

  /** The link from one site to another; `undefined` when there is none. */
  between(from: string, to: string | undefined): Link | undefined {
    return (to === undefined ? undefined : this.#links.get(pairOf([from, to]))) ?? this.#others
  }

  /** How long it takes to bring so many bytes there, in ms: latency and size by bandwidth; infinite without a link. */
  transferMs(bytes: number, from: string, to: string | undefined): number {
    if (from === to) return 0
    const link = this.between(from, to)
    return link === undefined
      ? Number.POSITIVE_INFINITY
      : link.latencyMs + (bytes * 8 * 1_000) / link.bandwidth
  }
}

/** What is wrong with links that their schema cannot tell: each must join two sites, once, and carry something. */
export function brokenLinks({ links = [], defaultLink }: Written): Rejection | undefined {
  const known = new Set<string>()
  for (const [index, { between, bandwidth }] of links.entries()) {
    const path = `/links/${index}`
    const [a, b] = between
    if (a === b) {
      const message = `a link is between two sites, and both ends are ${JSON.stringify(a)}`
      return rejection(
        'E_SHAPE',
        `${path}/between`,
        message,
        'Name two sites; within one, data costs nothing',
      )
    }
    const pair = pairOf(between)
    if (known.has(pair)) {
      const message = `there is a link between ${JSON.stringify(a)} and ${JSON.stringify(b)} already`
      return rejection('E_SHAPE', `${path}/between`, message, 'Leave one of them out; links hold both ways')
    }
    known.add(pair)
    if (parseQuantity(bandwidth) === 0) return emptyLink(`${path}/bandwidth`)
  }
  if (defaultLink === undefined || defaultLink === 'none' || parseQuantity(defaultLink.bandwidth) !== 0)
    return undefined
  return emptyLink('/defaultLink/bandwidth')
}

function emptyLink(path: string): Rejection {
  const remedy = 'Give it bits a second, such as "100M", or leave the link out'
  return rejection('E_SHAPE', path, 'a bandwidth of 0 carries nothing', remedy)
}

const pairOf = ([a = '', b = '']: readonly string[]): string => JSON.stringify(a < b ? [a, b] : [b, a])

function linkOf({ latency, bandwidth }: { latency?: string; bandwidth: string | number }): Link {
  const latencyMs = latency === undefined ? 0 : (parseDuration(latency) ?? 0)
  return { latencyMs, bandwidth: (parseQuantity(bandwidth) ?? 0) / 1_000 }
}
