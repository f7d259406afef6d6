/**
 * Who receives what. Exact filters are one map look-up. Filters with `+` or `#` stand in a trie of levels, and
 * what a topic matches there is remembered, so that publishing costs by the number of receivers and not of
 * clients or filters.
 */

/** Clients of one filter and the QoS they asked for, in the order in which they came. */
export type Receivers<Client> = Map<Client, 0 | 1>

interface Level<Client> {
  readonly below: Map<string, Level<Client>>
  receivers: Receivers<Client> | undefined
}

/** Topics whose wildcard matches are remembered; beyond it all are forgotten and found anew. */
export const REMEMBERED_TOPICS_MAX = 500_000

export class Subscriptions<Client> {
  readonly #exact = new Map<string, Receivers<Client>>()
  readonly #root: Level<Client> = { below: new Map(), receivers: undefined }
  readonly #wildcards = new Map<string, Receivers<Client>>()
  readonly #remembered = new Map<string, readonly Receivers<Client>[]>()
  readonly #hidesDollar: boolean

  /** @param hidesDollar no wildcard matches a first '$', as MQTT 3.1.1 demands in 4.7.2 */
  constructor(hidesDollar = true) {
    this.#hidesDollar = hidesDollar
  }

  add(filter: string, client: Client, qos: 0 | 1): void {
    this.#receivers(filter).set(client, qos)
  }

  remove(filter: string, client: Client): void {
    const exact = this.#exact.get(filter)
    if (exact !== undefined) {
      exact.delete(client)
      if (exact.size === 0) this.#exact.delete(filter)
      return
    }
    // An empty wildcard filter stays: another agent will use the same one, and the matches stay remembered.
    this.#wildcards.get(filter)?.delete(client)
  }

  /** Calls `each` for every matching filter of every client: a client with two matching filters comes twice. */
  match(topic: string, each: (client: Client, qos: 0 | 1) => void): void {
    const exact = this.#exact.get(topic)
    if (exact !== undefined) for (const [client, qos] of exact) each(client, qos)
    for (const receivers of this.#wild(topic)) {
      for (const [client, qos] of receivers) each(client, qos)
    }
  }

  #receivers(filter: string): Receivers<Client> {
    const wild = isWild(filter)
    const known = (wild ? this.#wildcards : this.#exact).get(filter)
    if (known !== undefined) return known
    const receivers: Receivers<Client> = new Map()
    if (!wild) {
      this.#exact.set(filter, receivers)
      return receivers
    }
    this.#wildcards.set(filter, receivers)
    this.#remembered.clear()
    let level = this.#root
    for (const part of filter.split('/')) {
      let next = level.below.get(part)
      if (next === undefined) {
        next = { below: new Map(), receivers: undefined }
        level.below.set(part, next)
      }
      level = next
    }
    level.receivers = receivers
    return receivers
  }

  #wild(topic: string): readonly Receivers<Client>[] {
    const known = this.#remembered.get(topic)
    if (known !== undefined) return known
    const found: Receivers<Client>[] = []
    walk(this.#root, topic.split('/'), 0, found, this.#hidesDollar && topic.startsWith('$'))
    if (this.#remembered.size >= REMEMBERED_TOPICS_MAX) this.#remembered.clear()
    this.#remembered.set(topic, found)
    return found
  }
}

function walk<Client>(
  level: Level<Client>,
  parts: readonly string[],
  depth: number,
  found: Receivers<Client>[],
  hidden: boolean,
): void {
  // MQTT 3.1.1, 4.7.1.2: '#' matches its parent level too.
  const rest = level.below.get('#')?.receivers
  if (rest !== undefined && !hidden) found.push(rest)
  if (depth === parts.length) {
    if (level.receivers !== undefined) found.push(level.receivers)
    return
  }
  const plain = level.below.get(parts[depth] as string)
  if (plain !== undefined) walk(plain, parts, depth + 1, found, false)
  const any = hidden ? undefined : level.below.get('+')
  if (any !== undefined) walk(any, parts, depth + 1, found, false)
}

/** True when the filter can match more than one topic. */
export function isWild(filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

/** True when a filter matches a topic (MQTT 3.1.1, 4.7). */
export function matches(filter: string, topic: string): boolean {
  if (!isWild(filter)) return filter === topic
  const wanted = filter.split('/')
  const parts = topic.split('/')
  if (topic.startsWith('$') && !filter.startsWith('$')) return false
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true
    if (i >= parts.length || (wanted[i] !== '+' && wanted[i] !== parts[i])) return false
  }
  return wanted.length === parts.length
}
