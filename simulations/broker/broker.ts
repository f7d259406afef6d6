/**
 * A virtual MQTT 3.1.1 broker. It does what the measured brokers do where Covey could notice: wills, takeover of
 * client ids, retained messages and their order, acknowledgement before or after storing, bounded queues, and
 * a cluster's lag. Sessions are clean, so nothing is kept for a client that is away.
 */

import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Random } from '../../shared/random/random.ts'
import type { Cpu } from '../engine/cpu.ts'
import { type Engine, US_PER_MS } from '../engine/engine.ts'
import type { Target } from '../engine/queue.ts'
import { Connection, type ConnectionOptions, Down, type Endpoint, type Filter, Up } from './connection.ts'
import type { Link } from './link.ts'
import type { Packet } from './packet.ts'
import { Retained } from './retained.ts'
import { isWild, matches, Subscriptions } from './subscriptions.ts'
import type { Variant } from './variants.ts'

/** The retained message of a topic; `undefined` when there is none. */
export type Kept = (topic: string) => Packet | undefined

/** Sees what the broker does. `accepted` is the moment from which others can see a message. */
export interface BrokerObserver {
  accepted?(packet: Packet, from: Connection | undefined): void
  /**
   * The broker lost changes of retained topics that it had acknowledged; `undefined` means all of them. `kept` tells
   * what it has of a topic now: an earlier message perhaps.
   */
  lost?(topics: readonly string[] | undefined, kept: Kept): void
}

const Own = { committed: 1, settled: 2, stream: 3, routed: 4, takenOver: 5 } as const

/** aedes streams retained messages from its persistence: first of them after, and a few at a time. */
const STREAM_START_MS_MAX = 30
const STREAM_PACKETS = 64
const STREAM_PAUSE_MS_MAX = 2

interface Accepted {
  readonly packet: Packet
  readonly from: Connection | undefined
  readonly token: number
  readonly life: number
}

interface Stream {
  readonly to: Connection
  readonly packets: readonly Packet[]
  readonly qos: 0 | 1
}

export class Broker implements Target {
  readonly serial: number
  readonly variant: Variant
  readonly retained = new Retained()
  up = true
  /** Handles every packet, where computing takes time. */
  cpu: Cpu | undefined
  /** Messages accepted from clients, and copies sent to clients. */
  published = 0
  delivered = 0
  /** Is told of what is accepted, when everything that follows from it has been sent. */
  tap: ((packet: Packet, from: Connection | undefined) => void) | undefined

  readonly #kept: Kept = (topic) => this.retained.get(topic)
  readonly #engine: Engine
  readonly #random: Random
  readonly #observer: BrokerObserver
  readonly #subscriptions: Subscriptions<Connection>
  readonly #clients = new Map<string, Connection>()
  readonly #connections = new Set<Connection>()
  /** Servers of the cluster that are stopped. */
  readonly #stopped = new Set<number>()
  /** Grows with every crash, so that what was under way before is recognised and dropped. */
  #life = 0
  #settleUs = 0
  readonly #routeUs: number[]

  constructor(engine: Engine, variant: Variant, observer: BrokerObserver = {}) {
    this.serial = engine.serial()
    this.#engine = engine
    this.variant = variant
    this.#subscriptions = new Subscriptions(variant.hidesDollar)
    this.#observer = observer
    this.#random = engine.random('broker')
    this.#routeUs = new Array(variant.servers ** 2).fill(0)
  }

  /** Opens a connection; the endpoint hears of the outcome by a later event. */
  connect(link: Link, endpoint: Endpoint, tag: string, options: ConnectionOptions): Connection {
    return new Connection(this.#engine, this, link, endpoint, tag, this.#random, options)
  }

  /** The connection that holds a client id now. */
  holder(clientId: string): Connection | undefined {
    return this.#clients.get(clientId)
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** The server of the cluster that a client's address leads to. */
  serverFor(_clientId: string): number {
    const { servers } = this.variant
    if (servers === 1) return 0
    const up = Array.from({ length: servers }, (_, server) => server).filter(
      (server) => !this.#stopped.has(server),
    )
    return up.length === 0 ? 0 : this.#random.pick(up)
  }

  /**
   * The broker goes down and its sockets are reset; nobody's will is sent. What it had acknowledged and not stored is
   * lost by a crash and not by a stop; with a wipe its whole store is.
   */
  crash(how: 'crash' | 'wipe' | 'stop'): void {
    this.#life++
    this.up = false
    for (const connection of [...this.#connections]) this.#close(connection, 'connection reset', false)
    if (how === 'stop') this.retained.settleAll()
    if (how === 'wipe') {
      this.retained.wipe()
      this.#observer.lost?.(undefined, this.#kept)
      return
    }
    const lost = this.retained.crash()
    if (lost.length > 0) this.#observer.lost?.(lost, this.#kept)
  }

  start(): void {
    this.up = true
    this.#settleUs = 0
  }

  /** A server of the cluster goes down; its clients lose their connections and find another server. */
  stopServer(server: number): void {
    this.#stopped.add(server)
    for (const connection of [...this.#connections]) {
      if (connection.server === server) this.#close(connection, 'connection reset', false)
    }
  }

  startServer(server: number): void {
    this.#stopped.delete(server)
  }

  // ---- packets ----

  /** A packet has arrived from a client. */
  handle(connection: Connection, kind: number, arg: unknown, n: number): void {
    if (kind === Up.connect) this.#onConnect(connection)
    else if (connection.brokerState !== 'open') return
    else if (kind === Up.publish) this.#onPublish(connection, arg as Packet, n)
    else if (kind === Up.subscribe) this.#onSubscribe(connection, arg as readonly Filter[], n)
    else if (kind === Up.unsubscribe) this.#onUnsubscribe(connection, arg as readonly string[])
    else this.#close(connection, 'closed by the client', kind === Up.gone)
  }

  /** Nothing came from the client for one and a half keep-alives. */
  expire(connection: Connection): void {
    if (connection.brokerState === 'open') this.#close(connection, 'keep-alive expired', true)
  }

  on(kind: number, arg: unknown, n: number): void {
    if (kind === Own.stream) this.#onStream(arg as Stream, n)
    else if (kind === Own.takenOver) {
      const connection = arg as Connection
      if (connection.brokerState === 'open') this.#takeOver(connection)
    } else {
      const accepted = arg as Accepted
      if (accepted.life !== this.#life) return
      if (kind === Own.committed) this.#onCommitted(accepted)
      else if (kind === Own.routed) this.#deliver(accepted.packet, n)
      else this.retained.settle()
    }
  }

  #onConnect(connection: Connection): void {
    if (!this.up || this.#stopped.has(connection.server)) {
      connection.brokerClosed('connection refused')
      return
    }
    const former = this.#clients.get(connection.clientId)
    if (former !== undefined) {
      if (former.server === connection.server) this.#takeOver(former)
      else this.#engine.after(this.#lagMs(), this, Own.takenOver, former)
    }
    connection.brokerState = 'open'
    this.#clients.set(connection.clientId, connection)
    this.#connections.add(connection)
    connection.toClient(Down.connack, undefined, 0)
    connection.assess()
  }

  /** MQTT 3.1.1, 3.1.4-2: a second CONNECT of a client id disconnects the first. */
  #takeOver(former: Connection): void {
    this.#close(former, 'session taken over', this.variant.willOnTakeover)
  }

  #close(connection: Connection, reason: string, sendWill: boolean): void {
    for (const filter of connection.filters.keys()) this.#subscriptions.remove(filter, connection)
    connection.filters.clear()
    this.#connections.delete(connection)
    if (this.#clients.get(connection.clientId) === connection) this.#clients.delete(connection.clientId)
    connection.brokerClosed(reason)
    if (sendWill && connection.will !== undefined) this.#accept(undefined, connection.will, -1, connection)
  }

  #onPublish(connection: Connection, packet: Packet, token: number): void {
    this.#accept(connection, packet, token, connection)
  }

  #accept(from: Connection | undefined, packet: Packet, token: number, order: Connection): void {
    const { variant } = this
    const stores = packet.retain && variant.storeMsMax > 0
    const nowUs = this.#engine.nowUs
    if (!variant.commitFirst || (!stores && order.commitUs <= nowUs)) {
      if (packet.retain) this.#store(packet, !stores)
      this.#see({ packet, from, token, life: this.#life })
      return
    }
    // One client's messages are committed in the order in which they came.
    const storeUs = stores ? Math.ceil(this.#storeMs() * US_PER_MS) : 0
    order.commitUs = Math.max(order.commitUs, nowUs + storeUs)
    this.#engine.at(order.commitUs, this, Own.committed, { packet, from, token, life: this.#life })
  }

  #onCommitted(accepted: Accepted): void {
    if (accepted.packet.retain) this.#store(accepted.packet, true)
    this.#see(accepted)
  }

  #store(packet: Packet, durable: boolean): void {
    this.retained.apply(packet, durable)
    if (durable) return
    this.#settleUs = Math.max(this.#settleUs, this.#engine.nowUs + this.#storeMs() * US_PER_MS)
    const waiting: Accepted = { packet, from: undefined, token: -1, life: this.#life }
    this.#engine.at(this.#settleUs, this, Own.settled, waiting)
  }

  /** From here on everybody can see the message: it is acknowledged and sent to who subscribed. */
  #see(accepted: Accepted): void {
    const { packet, from, token } = accepted
    this.published++
    this.#observer.accepted?.(packet, from)
    // A client that named no token waits for no acknowledgement: it would be an event of no effect.
    if (from !== undefined && token >= 0 && packet.qos === 1 && from.brokerState === 'open') {
      from.toClient(Down.puback, undefined, token)
    }
    const { servers } = this.variant
    const home = from?.server ?? 0
    for (let server = 0; server < servers; server++) {
      if (server === home) {
        this.#deliver(packet, server)
        continue
      }
      // From one server to another messages keep their order; between different pairs they do not.
      const pair = home * servers + server
      const arrivalUs = this.#engine.nowUs + Math.ceil(this.#lagMs() * US_PER_MS)
      this.#routeUs[pair] = Math.max(this.#routeUs[pair] as number, arrivalUs)
      this.#engine.at(this.#routeUs[pair] as number, this, Own.routed, accepted, server)
    }
    this.tap?.(packet, from)
  }

  #deliver(packet: Packet, server: number): void {
    const { oneCopyPerClient } = this.variant
    for (const receivers of this.#subscriptions.match(packet.of)) {
      for (const { client, qos: wanted } of receivers.list) {
        if (client.server !== server) continue
        if (oneCopyPerClient) {
          if (client.lastDelivered === packet) continue
          client.lastDelivered = packet
        }
        const qos = packet.qos === 1 && wanted === 1 ? 1 : 0
        if (client.deliver(packet, qos, false)) this.delivered++
      }
    }
  }

  // ---- subscriptions ----

  #onSubscribe(connection: Connection, filters: readonly Filter[], token: number): void {
    for (const { topic, qos } of filters) {
      this.#subscriptions.add(topic, connection, qos)
      connection.filters.set(topic, qos)
    }
    connection.toClient(Down.suback, undefined, token)
    // MQTT 3.1.1, 3.8.4-3: a subscription that is repeated sends what is retained once more.
    for (const { topic, qos } of filters) this.#sendRetained(connection, topic, qos)
  }

  #onUnsubscribe(connection: Connection, topics: readonly string[]): void {
    for (const topic of topics) {
      this.#subscriptions.remove(topic, connection)
      connection.filters.delete(topic)
    }
  }

  #sendRetained(to: Connection, filter: string, wanted: 0 | 1): void {
    const qos = this.variant.retainedAtOwnQos && isWild(filter) ? 1 : wanted
    const packets = this.#matchingRetained(filter)
    if (packets.length === 0) return
    if (this.variant.retainedInOrder) {
      for (const packet of packets) this.#sendStored(to, packet, qos)
      return
    }
    // The stream is a snapshot: a message that is published meanwhile is sent at once and overtakes it.
    const stream: Stream = { to, packets, qos }
    this.#engine.after(this.#random.between(0, STREAM_START_MS_MAX), this, Own.stream, stream, 0)
  }

  #onStream(stream: Stream, from: number): void {
    if (stream.to.brokerState !== 'open') return
    const end = Math.min(from + STREAM_PACKETS, stream.packets.length)
    for (let i = from; i < end; i++) this.#sendStored(stream.to, stream.packets[i] as Packet, stream.qos)
    if (end === stream.packets.length) return
    this.#engine.after(this.#random.between(0, STREAM_PAUSE_MS_MAX), this, Own.stream, stream, end)
  }

  #sendStored(to: Connection, packet: Packet, wanted: 0 | 1): void {
    if (to.deliver(packet, packet.qos === 1 && wanted === 1 ? 1 : 0, true)) this.delivered++
  }

  #matchingRetained(filter: string): readonly Packet[] {
    const exact = this.retained.get(filter)
    if (exact !== undefined) return [exact]
    if (!isWild(filter)) return []
    const address = parseTopic(filter)
    if (address?.id === '+') return [...this.retained.ofRoute(address)]
    const found: Packet[] = []
    for (const packet of this.retained.all()) if (matches(filter, packet.topic)) found.push(packet)
    return found
  }

  #storeMs(): number {
    return this.#random.between(this.variant.storeMsMin, this.variant.storeMsMax)
  }

  #lagMs(): number {
    return this.#random.between(this.variant.serverLagMsMin, this.variant.serverLagMsMax)
  }
}
