/** A virtual broker by itself, and clients that are told nothing but what their tests want. */
import { Engine } from '../../engine/engine.ts'
import { Broker } from '../broker.ts'
import type { Connection, Endpoint } from '../connection.ts'
import { LAN, Link } from '../link.ts'
import { type Packet, packetOfText } from '../packet.ts'
import { VARIANTS, type VariantName } from '../variants.ts'

/** A client that writes down what it is told. */
export class Client implements Endpoint {
  readonly log: string[] = []
  readonly link: Link
  readonly connection: Connection

  constructor(bed: Bed, name: string, options: { will?: string; keepAliveMs?: number } = {}) {
    this.link = new Link(LAN, bed.engine.random(`link/${name}/${bed.clients++}`))
    this.connection = bed.broker.connect(this.link, this, 'device', {
      clientId: name,
      will: options.will === undefined ? undefined : packetOfText('wills', options.will, 1, false),
      keepAliveMs: options.keepAliveMs ?? 2000,
      connectTimeoutMs: 1000,
    })
  }

  connected(): void {
    this.log.push('up')
  }
  closed(_connection: Connection, reason: string): void {
    this.log.push(`down: ${reason}`)
  }
  received(connection: Connection, packet: Packet, retained: boolean, qos: 0 | 1): void {
    this.log.push(`${packet.topic}=${packet.body}${retained ? ' retained' : ''}${qos === 1 ? ' qos1' : ''}`)
    connection.took(qos)
  }
  subscribed(_connection: Connection, token: number): void {
    this.log.push(`suback ${token}`)
  }
  acked(_connection: Connection, token: number): void {
    this.log.push(`puback ${token}`)
  }

  publish(topic: string, text: string, retain = false, token = 0): void {
    this.connection.publish(packetOfText(topic, text, 1, retain), token)
  }
  subscribe(topic: string, qos: 0 | 1 = 1): void {
    this.connection.subscribe([{ topic, qos }], 7)
  }
}

/** Engine, broker, clients, and an observer that sees what was lost. */
export class Bed {
  clients = 0
  readonly engine: Engine
  readonly broker: Broker
  readonly lost: (readonly string[] | undefined)[] = []

  constructor(variant: VariantName, seed = 'bed') {
    this.engine = new Engine({ seed })
    this.broker = new Broker(this.engine, VARIANTS[variant], { lost: (topics) => this.lost.push(topics) })
  }

  client(name: string, options?: { will?: string; keepAliveMs?: number }): Client {
    const client = new Client(this, name, options)
    this.pass(100)
    return client
  }

  pass(ms: number): void {
    this.engine.runUntil(this.engine.nowMs + ms)
  }
}
