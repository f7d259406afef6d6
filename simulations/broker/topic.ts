/**
 * A topic as the simulator knows it: taken apart, hashed and matched once, however often it is published on. Agents
 * publish on few topics very often, so looking these things up by the text each time is what a run would be slow by.
 */
import { type Address, parseTopic } from '../../shared/protocol/topics.ts'
import { stringHash } from '../engine/hash.ts'

export class Topic {
  readonly text: string
  /** `undefined` on topics that are none of the protocol's. */
  readonly address: Address | undefined
  /** Of the text, as it goes into the run's hash. */
  readonly hash: number
  /** Whose matches are remembered here, as of which change of its filters. Kept by `Subscriptions`. */
  matchedBy: object | undefined = undefined
  matchedAt = 0
  matched: readonly unknown[] = []

  constructor(text: string) {
    this.text = text
    this.address = withKnownId(parseTopic(text))
    this.hash = stringHash(text)
  }
}

/**
 * Ids as they were found first. A device's topics then name it by one and the same string, which maps that go by it tell
 * at a glance.
 */
const ids = new Map<string, string>()

function withKnownId(address: Address | undefined): Address | undefined {
  if (address?.id === undefined || address.page !== undefined) return address
  const { mesh, route, id } = address
  const known = ids.get(id)
  if (known !== undefined) return { mesh, route, id: known }
  ids.set(id, id)
  return address
}

/** Topics that are remembered; beyond it all are forgotten and taken apart anew. */
const REMEMBERED_TOPICS_MAX = 1 << 20
const known = new Map<string, Topic>()

/** The topic of that text. */
export function topicOf(text: string): Topic {
  let topic = known.get(text)
  if (topic === undefined) {
    topic = new Topic(text)
    if (known.size >= REMEMBERED_TOPICS_MAX) forgetTopics()
    known.set(text, topic)
  }
  return topic
}

/** Finds topics for one client, which most often publishes where it did last. */
export class RecentTopic {
  #topic: Topic | undefined = undefined

  of(text: string): Topic {
    let topic = this.#topic
    // Compared only when there is one: then strings are compared, and not values of any kind.
    if (topic !== undefined && topic.text === text) return topic
    topic = topicOf(text)
    this.#topic = topic
    return topic
  }
}

/** Forgets all: a topic knows who received it last, and would keep a world that is over. */
export function forgetTopics(): void {
  known.clear()
  ids.clear()
}
