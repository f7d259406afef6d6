/**
 * What aedes asks of a persistence, in memory and without a single asynchronous hop on the way of a publish.
 *
 * The belief this guards: aedes numbers a message when it begins to publish it, then waits for storeRetained,
 * subscriptionsByTopic and outgoingEnqueueCombi, then emits it; and each receiver drops what carries a lower number
 * than the last it saw, as a duplicate. With promises a QoS 0 message (no waits) overtakes a QoS 1 (two waits), and
 * that a retained one (three), so a live message is dropped as its own duplicate. Here the three return thenables
 * that are already settled: a publish runs from its number to its emission in one go, and numbers never cross.
 * `broker.test.ts` sends such a mixture in one chunk; with stock aedes-persistence that test fails.
 */
import { Readable } from 'node:stream'
import type { InsideClient, Publish } from './aedes-inside.ts'
import type { Limits } from './limits.ts'
import { RetainedTree } from './retained.ts'
import type { Queued, Sessions, Subscription } from './sessions.ts'

/** A thenable that is settled already: `then` calls back before it returns. */
interface Settled<T> {
  then(done: (value: T) => void, failed?: (error: Error) => void): void
}

// biome-ignore lint/suspicious/noThenProperty: a settled thenable is the point
const settled = <T>(value: T): Settled<T> => ({ then: (done) => done(value) })
const DONE = settled<undefined>(undefined)
// biome-ignore lint/suspicious/noThenProperty: likewise
const ABSENT: Settled<never> = { then: (_done, failed) => failed?.(new Error('no such packet')) }

interface Owner {
  readonly id: string
}

/** Plays retained messages to the client that has just subscribed; see delivery.ts. */
export type Replay = (filters: readonly string[]) => { pipe(sink: unknown): unknown }

export class BrokerPersistence {
  readonly retained = new RetainedTree()
  readonly sessions: Sessions
  /** Message ids of QoS 2 publishes whose PUBREL has not come yet. */
  readonly #incoming = new Map<string, Set<number>>()
  readonly #qos2PerClientMax: number
  /** Filters a client may keep in its session. aedes hands over all of a SUBSCRIBE, the refused ones too. */
  mayKeep: (client: InsideClient, filter: string) => boolean = () => true
  replay: Replay = () => ({ pipe: (sink) => sink })

  constructor(limits: Limits, sessions: Sessions) {
    this.sessions = sessions
    this.#qos2PerClientMax = limits.qos2PerClientMax
  }

  /** aedes insists on an `async` function here. */
  async setup(): Promise<void> {}

  async destroy(): Promise<void> {}

  storeRetained(packet: Publish): Settled<undefined> {
    this.retained.set(packet.topic, asBuffer(packet.payload), packet.qos)
    return DONE
  }

  createRetainedStreamCombi(filters: readonly string[]): { pipe(sink: unknown): unknown } {
    return this.replay(filters)
  }

  subscriptionsByTopic(topic: string): Settled<{ clientId: string; topic: string; qos: 0 | 1 | 2 }[]> {
    const matching = this.sessions.matching(topic)
    if (matching.size === 0) return NO_SUBSCRIPTIONS
    return settled([...matching].map(([clientId, qos]) => ({ clientId, topic, qos })))
  }

  outgoingEnqueueCombi(
    to: readonly { clientId: string; qos: 0 | 1 | 2 }[],
    packet: Publish,
  ): Settled<undefined> {
    for (const { clientId, qos } of to) this.sessions.enqueue(clientId, packet, lower(packet.qos, qos))
    return DONE
  }

  outgoingEnqueue(to: { clientId: string }, packet: Publish): Settled<undefined> {
    this.sessions.enqueue(to.clientId, packet, packet.qos)
    return DONE
  }

  outgoingUpdate(client: Owner, packet: Queued): Settled<undefined> {
    this.sessions.sent(client.id, packet)
    return DONE
  }

  outgoingClearMessageId(client: Owner, packet: { messageId?: number }): Settled<Queued | undefined> {
    return settled(this.sessions.acknowledged(client.id, packet.messageId))
  }

  outgoingStream(client: Owner): Readable {
    return Readable.from(this.sessions.queued(client.id))
  }

  async addSubscriptions(client: InsideClient, subscriptions: readonly Subscription[]): Promise<void> {
    this.sessions.subscribe(
      client.id,
      subscriptions.filter(({ topic }) => this.mayKeep(client, topic)),
    )
  }

  async removeSubscriptions(client: Owner, filters: readonly string[]): Promise<void> {
    this.sessions.unsubscribe(client.id, filters)
  }

  async subscriptionsByClient(client: Owner): Promise<Subscription[]> {
    return this.sessions.resume(client.id)
  }

  cleanSubscriptions(client: Owner): Settled<undefined> {
    this.sessions.end(client.id)
    return DONE
  }

  /** Whether a QoS 2 publish is new, already known, or one too many for this client. */
  receive(clientId: string, messageId: number): 'new' | 'known' | 'refused' {
    let ids = this.#incoming.get(clientId)
    if (ids?.has(messageId)) return 'known'
    if (ids !== undefined && ids.size >= this.#qos2PerClientMax) return 'refused'
    if (ids === undefined) {
      ids = new Set()
      this.#incoming.set(clientId, ids)
    }
    ids.add(messageId)
    return 'new'
  }

  // These two are settled as well, so that a PUBREL takes effect before the packet behind it is looked at.
  incomingGetPacket(client: Owner, packet: { messageId: number }): Settled<object> {
    return this.#incoming.get(client.id)?.has(packet.messageId) ? settled(packet) : ABSENT
  }

  incomingDelPacket(client: Owner, packet: { messageId: number }): Settled<undefined> {
    const ids = this.#incoming.get(client.id)
    ids?.delete(packet.messageId)
    if (ids?.size === 0) this.#incoming.delete(client.id)
    return DONE
  }

  async cleanIncoming(client: Owner): Promise<void> {
    this.#incoming.delete(client.id)
  }

  /** The end of a connection. A persistent session stays for a while; its QoS 2 handshakes end with the connection. */
  wentOffline(clientId: string): void {
    this.#incoming.delete(clientId)
    this.sessions.wentOffline(clientId)
  }

  // Wills are held by their connections. aedes stores them as well so that another broker of a cluster can send
  // them; there is none.
  async putWill(): Promise<void> {}
  async getWill(): Promise<undefined> {}
  async delWill(): Promise<undefined> {}
  streamWill(): Readable {
    return Readable.from([])
  }
}

const NO_SUBSCRIPTIONS = settled<{ clientId: string; topic: string; qos: 0 | 1 | 2 }[]>([])

const lower = (one: 0 | 1 | 2, other: 0 | 1 | 2): 0 | 1 | 2 => (one < other ? one : other)

/** aedes passes strings through where its own code publishes one. */
export function asBuffer(payload: string | Buffer): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
