/**
 * One connection to the broker: a fresh mqtt.js client that never reconnects and whose session is clean. When it
 * is gone, a new `Link` is made; nothing of an old one (callbacks, events, its store of unsent packets) can
 * reach the next, because a closed link says nothing any more.
 */
import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import mqtt, {
  type IClientOptions,
  type IPublishPacket,
  type ISubscriptionMap,
  type MqttClient,
  type Packet,
} from 'mqtt'
import mqttPacket from 'mqtt-packet'
import { invariant } from '../../shared/errors/errors.ts'
import type { AgentInput, LinkName, Outgoing, Subscription } from '../../shared/ports.ts'
import { decode } from '../../shared/protocol/codec.ts'
import { payloadBytesMax } from '../../shared/protocol/schemas/index.ts'
import type { Topics } from '../../shared/protocol/topics.ts'
import { type BrokerAddress, describeFault } from './broker-address.ts'
import type { ShellLimits } from './limits.ts'
import type { Log } from './log.ts'
import { type Publish, PublishWindow } from './publish-window.ts'

export type Emit = (input: AgentInput) => void

export interface LinkContext {
  readonly address: BrokerAddress
  readonly topics: Topics
  readonly emit: Emit
  readonly log: Log
  readonly limits: ShellLimits
}

interface PendingSubscribe {
  readonly token: number
  readonly topics: readonly string[]
}

/**
 * The payload of a message as text; empty when it clears a retained topic.
 *
 * @throws InvariantError when it is larger than its route allows; cores bound what they send
 */
export function encode(message: Outgoing): string {
  if (message.body === null) return ''
  const text = JSON.stringify(message.body)
  const bytes = Buffer.byteLength(text)
  const bytesMax = payloadBytesMax(message.route)
  invariant(bytes <= bytesMax, () => `${message.topic}: ${bytes} bytes exceed the ${bytesMax} of a payload`)
  return text
}

export class Link {
  readonly name: LinkName
  readonly #clientId: string
  readonly #context: LinkContext
  readonly #client: MqttClient | undefined
  readonly #subscribes = new Map<number, PendingSubscribe>()
  readonly #window: PublishWindow
  #accepted = false
  #closed = false
  #lastError: Error | undefined

  constructor(name: LinkName, clientId: string, will: Outgoing, context: LinkContext) {
    this.name = name
    this.#clientId = clientId
    this.#context = context
    this.#window = new PublishWindow(
      context.limits,
      (publish) => this.#send(publish),
      () => this.#stream?.writableLength ?? 0,
    )
    try {
      this.#client = this.#open(clientId, will)
    } catch (error) {
      // mqtt.js throws for what it can judge without the network, like a CA that is not PEM.
      this.#lastError = error as Error
      this.#fail()
    }
  }

  /** The socket, whatever the transport; mqtt.js knows less of it. */
  get #stream(): Socket | undefined {
    return this.#client?.stream as unknown as Socket | undefined
  }

  get up(): boolean {
    return this.#accepted && !this.#closed
  }

  subscribe(to: readonly Subscription[], token: number): void {
    if (!this.#usable('subscribe')) return
    const client = this.#client as MqttClient
    const map: ISubscriptionMap = {}
    for (const { topic, qos } of to) map[topic] = { qos }
    // The callback would come after retained messages that share a TCP segment with the SUBACK, so the
    // SUBACK itself is awaited (`#onPacket`). Its failure needs no answer: the link is going down then.
    client.subscribe(map, () => undefined)
    this.#subscribes.set(client.getLastMessageId(), { token, topics: Object.keys(map) })
  }

  unsubscribe(topics: readonly string[]): void {
    if (topics.length === 0 || !this.#usable('unsubscribe')) return
    this.#client?.unsubscribe([...topics], () => undefined)
  }

  publish(message: Outgoing, token: number | undefined): void {
    if (!this.#usable('publish')) return
    const payload = this.#encoded(message)
    if (payload === undefined) return
    const { topic, qos, retain } = message
    if (this.#window.offer({ topic, payload, qos, retain, token })) return
    this.#fail(`${this.#window.describe()} at ${this.#context.address.shown}`)
  }

  /**
   * What users send decides on sizes in the end, so a message that came out too large costs itself and not the
   * agent: the one who elected next would meet the same data.
   */
  #encoded(message: Outgoing): string | undefined {
    try {
      return encode(message)
    } catch (error) {
      this.#context.log.error({ link: this.name, err: error }, 'a message was not sent')
      return undefined
    }
  }

  #send({ topic, payload, qos, retain, token }: Publish): void {
    const client = this.#client as MqttClient
    if (qos === 0) {
      client.publish(topic, payload, { qos, retain })
      return
    }
    client.publish(topic, payload, { qos, retain }, (error) => {
      if (this.#closed) return
      if (error === undefined || error === null) {
        if (token !== undefined) this.#context.emit({ in: 'acked', link: this.name, token })
        this.#window.acked()
      } else {
        this.#fail(`publish on ${topic}: ${error.message}`)
      }
    })
  }

  /**
   * Closes it for good; no input comes from it afterwards.
   *
   * @param will true: drop the socket without DISCONNECT, so that the broker sends the will
   * @returns when the socket is closed, at the latest after `linkCloseMs`
   */
  async close(will: boolean): Promise<void> {
    this.#closed = true
    const client = this.#client
    if (client === undefined || client.stream.destroyed) return
    const gone = new Promise<void>((resolve) => client.stream.once('close', () => resolve()))
    if (will || !this.#accepted) {
      client.end(true)
      return gone
    }
    // `client.end()` waits for every PUBACK, without a limit. What was published stands in front of the
    // DISCONNECT in the same stream, so nothing is gained by waiting.
    mqttPacket.writeToStream({ cmd: 'disconnect' }, client.stream as unknown as Socket)
    client.stream.end()
    const limit = setTimeout(() => client.end(true), this.#context.limits.linkCloseMs)
    await gone
    clearTimeout(limit)
    client.end(true)
  }

  #open(clientId: string, will: Outgoing): MqttClient {
    const { address, limits } = this.#context
    const client = mqtt.connect(connectOptions(address, clientId, will, limits))
    // The CONNECT is written already and leaves in the next tick, or when the socket is connected.
    ;(client.stream as unknown as Partial<Socket>).setNoDelay?.(true)
    // mqtt.js swallows errors of the stream that have no code, such as a WebSocket's HTTP answer.
    client.stream.on('error', (error) => {
      this.#lastError ??= error as Error
    })
    client.stream.on('drain', () => {
      if (this.up) this.#window.pump()
    })
    client.on('connect', () => {
      if (this.#closed) return
      this.#accepted = true
      this.#context.emit({ in: 'link-up', link: this.name })
    })
    client.on('error', (error) => {
      this.#lastError = error
      this.#fail()
    })
    client.on('close', () => this.#fail())
    client.on('packetreceive', (packet) => this.#onPacket(packet))
    client.on('message', (topic, payload, packet) => this.#onMessage(topic, payload, packet))
    return client
  }

  #onPacket(packet: Packet): void {
    if (this.#closed || packet.cmd !== 'suback' || packet.messageId === undefined) return
    const pending = this.#subscribes.get(packet.messageId)
    if (pending === undefined) return
    this.#subscribes.delete(packet.messageId)
    const refused = pending.topics.filter((_, index) => (Number(packet.granted[index] ?? 0x80) & 0x80) !== 0)
    const some = refused.length > 0 ? { refused } : {}
    this.#context.emit({ in: 'subscribed', link: this.name, token: pending.token, ...some })
  }

  #onMessage(topic: string, payload: Buffer, packet: IPublishPacket): void {
    if (this.#closed) return
    const { topics, emit, log } = this.#context
    const address = topics.parse(topic)
    if (address === undefined) {
      log.debug({ link: this.name, topic }, 'ignored a message on a topic that the protocol does not know')
      return
    }
    const text =
      payload.length <= payloadBytesMax(address.route) && isUtf8(payload)
        ? payload.toString('utf8')
        : undefined
    emit({ in: 'message', link: this.name, message: decode(address, text, payload.length, packet.retain) })
  }

  /** Effects may be under way for a link that has just gone down; the core learns of that by `link-down`. */
  #usable(action: string): boolean {
    if (this.up) return true
    this.#context.log.debug({ link: this.name, action }, 'ignored: the link is not up')
    return false
  }

  #fail(reason?: string): void {
    if (this.#closed) return
    this.#closed = true
    const fault = { clientId: this.#clientId, error: this.#lastError, accepted: this.#accepted }
    const told = reason ?? describeFault(this.#context.address, fault)
    this.#client?.end(true)
    this.#context.emit({ in: 'link-down', link: this.name, reason: told })
  }
}

function connectOptions(
  address: BrokerAddress,
  clientId: string,
  will: Outgoing,
  limits: ShellLimits,
): IClientOptions {
  const { protocol, host, port, path, username, password, ca } = address
  return {
    protocol,
    host,
    port,
    ...(path === ''
      ? {}
      : { path, wsOptions: { perMessageDeflate: false, handshakeTimeout: limits.connectTimeoutMs } }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(ca === undefined ? {} : { ca }),
    clientId,
    clean: true,
    protocolVersion: 4,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: limits.connectTimeoutMs,
    keepalive: limits.keepaliveSeconds,
    // Sets writeToStream.cacheNumbers to false: mqtt-packet would make 65,536 buffers in advance.
    writeCache: false,
    timerVariant: 'native',
    will: { topic: will.topic, payload: Buffer.from(encode(will)), qos: will.qos, retain: will.retain },
  }
}
