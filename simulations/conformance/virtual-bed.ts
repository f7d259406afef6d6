/** The table's clients on a virtual broker. */
import { Broker } from '../broker/broker.ts'
import type { Connection, Endpoint } from '../broker/connection.ts'
import { LAN, Link } from '../broker/link.ts'
import { type Packet, packetOfText } from '../broker/packet.ts'
import type { Variant } from '../broker/variants.ts'
import { Engine } from '../engine/engine.ts'
import type { Bed, ConnectOptions, ScriptClient } from './behaviours.ts'

/** Virtual time after which a condition that has not come will not come. */
const UNTIL_MS_MAX = 60_000
const LOOK_EVERY_MS = 1

class VirtualClient implements ScriptClient, Endpoint {
  readonly log: string[] = []
  readonly connection: Connection
  up = false
  readonly #link: Link
  #held: number | undefined
  #tokens = 0

  constructor(engine: Engine, broker: Broker, name: string, options: ConnectOptions) {
    const { id = name, will, keepAliveSeconds = 60, holdAcks = false } = options
    this.#held = holdAcks ? 0 : undefined
    this.#link = new Link(LAN, engine.random(`link/${name}`))
    this.connection = broker.connect(this.#link, this, 'device', {
      clientId: id,
      will: will === undefined ? undefined : packetOfText('wills', will, 1, false),
      keepAliveMs: keepAliveSeconds * 1_000,
      connectTimeoutMs: 5_000,
    })
  }

  connected(): void {
    this.up = true
  }
  closed(): void {
    this.log.push('closed')
  }
  received(connection: Connection, packet: Packet, retained: boolean, qos: 0 | 1): void {
    const text = packet.empty ? '' : String(packet.body)
    this.log.push(`${packet.topic}=${text}${retained ? ' retained' : ''}${qos === 1 ? ' qos1' : ''}`)
    if (this.#held === undefined) connection.took(qos)
    else if (qos === 1) this.#held++
  }
  subscribed(): void {
    this.log.push('suback')
  }
  acked(): void {
    this.log.push('puback')
  }

  subscribe(filter: string, qos: 0 | 1 = 1): void {
    this.connection.subscribe([{ topic: filter, qos }], ++this.#tokens)
  }
  publish(topic: string, text: string, { qos = 0, retain = false }: { qos?: 0 | 1; retain?: boolean } = {}) {
    this.connection.publish(packetOfText(topic, text, qos, retain), ++this.#tokens)
  }
  disconnect(): void {
    this.connection.disconnect()
  }
  drop(): void {
    this.connection.drop()
  }
  silence(): void {
    this.#link.setSilent(true)
  }
  releaseAcks(): void {
    for (let held = this.#held ?? 0; held > 0; held--) this.connection.took(1)
    this.#held = undefined
  }
}

export function virtualBed(variant: Variant, seed: string): Bed {
  const engine = new Engine({ seed })
  const broker = new Broker(engine, variant)
  const until = async (client: ScriptClient, condition: () => boolean): Promise<void> => {
    const endMs = engine.nowMs + UNTIL_MS_MAX
    while (!condition()) {
      if (engine.nowMs >= endMs)
        throw new Error(`not within ${UNTIL_MS_MAX} ms; saw ${client.log.join(', ')}`)
      engine.runUntil(engine.nowMs + LOOK_EVERY_MS)
    }
  }
  return {
    variant,
    until,
    async connect(name, options = {}) {
      const client = new VirtualClient(engine, broker, name, options)
      await until(client, () => client.up)
      return client
    },
  }
}
