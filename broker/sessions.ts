/**
 * Persistent sessions of foreign clients. Everything of ours connects with clean sessions, so this is a courtesy
 * with firm bounds: so many sessions while offline, for so long, so much waiting for each. Sessions live in memory
 * and do not survive a restart of the broker.
 */
import type { CoveyError } from '../shared/errors/errors.ts'
import type { Publish } from './aedes-inside.ts'
import { type Complaints, limitReached } from './complaints.ts'
import type { Limits } from './limits.ts'
import { FilterIndex } from './topic-filter.ts'

export interface Subscription {
  topic: string
  qos: 0 | 1 | 2
  rh?: number
  rap?: boolean
  nl?: boolean
}

export type Queued = Publish & { messageId?: number }

interface Session {
  readonly subscriptions: Map<string, Subscription>
  readonly queue: Queued[]
  queueBytes: number
  /** Told once per absence, or a busy topic would fill the log. */
  overflowTold: boolean
  offlineSinceMs: number | undefined
}

export class Sessions {
  readonly #limits: Limits
  readonly #complaints: Complaints
  readonly #nowMs: () => number
  /** In the order in which they went offline, those online somewhere between. */
  readonly #sessions = new Map<string, Session>()
  readonly #filters = new FilterIndex<0 | 1 | 2>()
  /** Messages not kept because a bound was reached. */
  dropped = 0

  constructor(limits: Limits, complaints: Complaints, nowMs: () => number = Date.now) {
    this.#limits = limits
    this.#complaints = complaints
    this.#nowMs = nowMs
  }

  get count(): number {
    return this.#sessions.size
  }

  subscribe(clientId: string, subscriptions: readonly Subscription[]): void {
    const session = this.#open(clientId)
    for (const subscription of subscriptions) {
      session.subscriptions.set(subscription.topic, subscription)
      if (subscription.qos > 0) this.#filters.set(subscription.topic, clientId, subscription.qos)
      else this.#filters.delete(subscription.topic, clientId)
    }
  }

  unsubscribe(clientId: string, filters: readonly string[]): void {
    const session = this.#sessions.get(clientId)
    for (const filter of filters) {
      if (session?.subscriptions.delete(filter)) this.#filters.delete(filter, clientId)
    }
  }

  /** The subscriptions of a client that connects; its session is online from here on. */
  resume(clientId: string): Subscription[] {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return []
    session.offlineSinceMs = undefined
    session.overflowTold = false
    return [...session.subscriptions.values()]
  }

  /** Ends a session with all that waits in it. */
  end(clientId: string): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    for (const filter of session.subscriptions.keys()) this.#filters.delete(filter, clientId)
    this.#sessions.delete(clientId)
  }

  /** A client with a persistent session is gone; over the bound the longest absent session ends. */
  wentOffline(clientId: string): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    session.offlineSinceMs = this.#nowMs()
    this.#sessions.delete(clientId)
    this.#sessions.set(clientId, session)
    const offline = [...this.#sessions].filter(([, { offlineSinceMs }]) => offlineSinceMs !== undefined)
    for (const [oldest] of offline.slice(0, Math.max(0, offline.length - this.#limits.offlineSessionsMax))) {
      this.end(oldest)
      this.#complaints.about(limitReached('offlineSessionsMax', 'a persistent session was ended early'), {
        clientId: oldest,
      })
    }
  }

  /** Ends what has been offline for too long. */
  expire(): void {
    const before = this.#nowMs() - this.#limits.offlineSessionSecondsMax * 1000
    for (const [clientId, { offlineSinceMs }] of this.#sessions) {
      if (offlineSinceMs !== undefined && offlineSinceMs <= before) this.end(clientId)
    }
  }

  /** Who has to be kept a QoS 1 or 2 message for: client ids with the highest QoS of their matching filters. */
  matching(topic: string): ReadonlyMap<string, 0 | 1 | 2> {
    if (this.#filters.count === 0) return NOBODY
    const found = new Map<string, 0 | 1 | 2>()
    this.#filters.match(topic, (clientId, qos) => {
      if (qos > (found.get(clientId) ?? 0)) found.set(clientId, qos)
    })
    return found
  }

  /** Keeps a message until the client acknowledges it; beyond the bounds it is dropped and counted. */
  enqueue(clientId: string, packet: Publish, qos: 0 | 1 | 2): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    const payload = Buffer.from(packet.payload)
    const { offlineQueueMax, offlineQueueBytesMax } = this.#limits
    if (
      session.queue.length >= offlineQueueMax ||
      session.queueBytes + payload.length > offlineQueueBytesMax
    ) {
      this.dropped += 1
      if (session.overflowTold) return
      session.overflowTold = true
      this.#complaints.about(
        limitReached('offlineQueueMax', 'the newest messages for a session are dropped'),
        {
          clientId,
        },
      )
      return
    }
    const { topic, brokerId, brokerCounter } = packet
    const at = { brokerId: brokerId ?? null, brokerCounter: brokerCounter ?? 0 }
    session.queue.push({ cmd: 'publish', topic, payload, qos, retain: false, dup: false, ...at })
    session.queueBytes += payload.length
  }

  queued(clientId: string): Queued[] {
    return [...(this.#sessions.get(clientId)?.queue ?? [])]
  }

  /** Notes the message id under which a kept message was sent, or replaces it by its PUBREL. */
  sent(clientId: string, packet: Queued): void {
    const queue = this.#sessions.get(clientId)?.queue ?? []
    for (const [i, waiting] of queue.entries()) {
      if (waiting.brokerId === packet.brokerId && waiting.brokerCounter === packet.brokerCounter) {
        if (packet.messageId !== undefined) waiting.messageId = packet.messageId
        return
      }
      if (waiting.messageId !== undefined && waiting.messageId === packet.messageId) {
        queue[i] = packet
        return
      }
    }
    // It was dropped when the queue was full. It can still be sent to a client that is here.
  }

  /** Forgets a message the client has acknowledged. */
  acknowledged(clientId: string, messageId: number | undefined): Queued | undefined {
    const session = this.#sessions.get(clientId)
    const at = session?.queue.findIndex((waiting) => waiting.messageId === messageId) ?? -1
    if (session === undefined || at < 0) return undefined
    const [done] = session.queue.splice(at, 1)
    session.queueBytes -= done?.payload?.length ?? 0
    return done
  }

  #open(clientId: string): Session {
    let session = this.#sessions.get(clientId)
    if (session === undefined) {
      session = {
        subscriptions: new Map(),
        queue: [],
        queueBytes: 0,
        overflowTold: false,
        offlineSinceMs: undefined,
      }
      this.#sessions.set(clientId, session)
    }
    return session
  }
}

const NOBODY: ReadonlyMap<string, 0 | 1 | 2> = new Map()

/** The error for a client that opens too many QoS 2 handshakes. */
export function qos2Reached(max: number): CoveyError {
  return limitReached('qos2PerClientMax', `more than ${max} publishes of QoS 2 wait for their release`)
}
