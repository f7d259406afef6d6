/**
 * Who receives what. Exact filters are one map look-up. Filters with `+` or `#` stand in a trie of levels. What a
 * topic matches is remembered with the topic until a filter comes or goes, so that publishing costs by the number
 * of receivers and not of clients or filters.
 */
import type { Topic } from './topic.ts'

export interface Receiver<Client> {
  readonly client: Client
  readonly qos: 0 | 1
}

/** Clients of one filter and the QoS they asked for, in the order in which they came. */
export class Receivers<Client> {
  readonly #clients = new Map<Client, Receiver<Client>>()
  /** The same as a list, until it changes: a list is read many times faster than a map. */
  #list: readonly Receiver<Client>[] | undefined = undefined

  get list(): readonly Receiver<Client>[] {
    this.#list ??= [...this.#clients.values()]
    return this.#list
  }

  get size(): number {
    return this.#clients.size
  }

  set(client: Client, qos: 0 | 1): void {
    this.#clients.set(client, { client, qos })
    this.#list = undefined
  }

  delete(client: Client): void {
    this.#clients.delete(client)
    this.#list = undefined
  }
}

interface Level<Client> {
  readonly below: Map<string, Level<Client>>
  receivers: Receivers<Client> | undefined
}

export class Subscriptions<Client> {
  readonly #exact = new Map<string, Receivers<Client>>()
  readonly #root: Level<Client> = { below: new Map(), receivers: undefined }
  readonly #wildcards = new Map<string, Receivers<Client>>()
  readonly #hidesDollar: boolean
  /** Grows with every filter that comes or goes: what topics remember from before is void. */
  #filters = 0

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
      if (exact.size > 0) return
      this.#exact.delete(filter)
      this.#filters++
      return
    }
    // An empty wildcard filter stays: another agent will use the same one, and the matches stay remembered.
    this.#wildcards.get(filter)?.delete(client)
  }

  /** Every matching filter with its clients: a client with two matching filters is in two of them. */
  match(topic: Topic): readonly Receivers<Client>[] {
    if (topic.matchedBy !== this || topic.matchedAt !== this.#filters) {
      topic.matched = this.#find(topic.text)
      topic.matchedBy = this
      topic.matchedAt = this.#filters
    }
    return topic.matched as readonly Receivers<Client>[]
  }

  #receivers(filter: string): Receivers<Client> {
    const wild = isWild(filter)
    const known = (wild ? this.#wildcards : this.#exact).get(filter)
    if (known !== undefined) return known
    const receivers = new Receivers<Client>()
    this.#filters++
    if (!wild) {
      this.#exact.set(filter, receivers)
      return receivers
    }
    this.#wildcards.set(filter, receivers)
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

  #find(topic: string): Receivers<Client>[] {
    const exact = this.#exact.get(topic)
    const found = exact === undefined ? [] : [exact]
    walk(this.#root, topic.split('/'), 0, found, this.#hidesDollar && topic.startsWith('$'))
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
