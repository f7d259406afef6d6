/**
 * A published message inside the simulator. Content travels by reference and is never serialised. Where the world
 * wants it, it is frozen, so that a core that changes what it has sent throws instead of confusing others.
 */
import type { AgentInput, LinkName, Outgoing } from '../../shared/ports.ts'
import { decode, type Incoming } from '../../shared/protocol/codec.ts'
import type { Address, Route } from '../../shared/protocol/topics.ts'
import { type RecentTopic, type Topic, topicOf } from './topic.ts'

type MessageInput = Extract<AgentInput, { in: 'message' }>
type Content = { readonly body: unknown } | { readonly rejection: unknown } | { readonly empty: true }

export class Packet {
  readonly of: Topic
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly content: Content
  readonly #frozen: boolean
  /** What receivers are given, made when first wanted: one object however many receive it. */
  #deviceLive: MessageInput | undefined = undefined
  #deviceRetained: MessageInput | undefined = undefined
  #seatLive: MessageInput | undefined = undefined
  #seatRetained: MessageInput | undefined = undefined

  constructor(of: Topic, qos: 0 | 1, retain: boolean, content: Content, frozen: boolean) {
    this.of = of
    this.qos = qos
    this.retain = retain
    this.content = content
    this.#frozen = frozen
  }

  get topic(): string {
    return this.of.text
  }

  /** `undefined` on topics that are none of the protocol's. */
  get address(): Address | undefined {
    return this.of.address
  }

  get empty(): boolean {
    return 'empty' in this.content
  }

  get route(): Route | undefined {
    return this.of.address?.route
  }

  /** The body, when it has one that could be read. */
  get body(): unknown {
    return 'body' in this.content ? this.content.body : undefined
  }

  /** The message as an agent's input; `undefined` when the topic is none of the protocol's. */
  input(link: LinkName, retained: boolean): MessageInput | undefined {
    if (link === 'seat') {
      if (retained) this.#seatRetained ??= this.#input(link, retained)
      else this.#seatLive ??= this.#input(link, retained)
      return retained ? this.#seatRetained : this.#seatLive
    }
    if (retained) this.#deviceRetained ??= this.#input(link, retained)
    else this.#deviceLive ??= this.#input(link, retained)
    return retained ? this.#deviceRetained : this.#deviceLive
  }

  #input(link: LinkName, retained: boolean): MessageInput | undefined {
    const { address } = this.of
    if (address === undefined) return undefined
    const { route, id = '', page } = address
    const { content } = this
    // Nearly all have a body and no page; spelled out because spreading what may have any shape is slow.
    const made =
      'body' in content && page === undefined
        ? { route, id, retained, body: content.body }
        : { route, id, ...(page === undefined ? {} : { page }), retained, ...content }
    const message = made as unknown as Incoming
    const input: MessageInput = { in: 'message', link, message }
    if (!this.#frozen) return input
    Object.freeze(message)
    return Object.freeze(input)
  }
}

/** What a core publishes, as a packet. */
export function packetOf(message: Outgoing, topics: RecentTopic, frozen: boolean): Packet {
  const { body, qos, retain } = message
  const topic = topics.of(message.topic)
  if (body === null) return new Packet(topic, qos, retain, EMPTY, frozen)
  return new Packet(topic, qos, retain, { body: frozen ? freezeDeep(body) : body }, frozen)
}

const EMPTY = Object.freeze({ empty: true } as const)

/** What a stock client publishes: any text on any topic. An empty text clears a retained topic. */
export function packetOfText(topic: string, text: string, qos: 0 | 1, retain: boolean): Packet {
  const of = topicOf(topic)
  if (text === '') return new Packet(of, qos, retain, EMPTY, true)
  if (of.address === undefined) return new Packet(of, qos, retain, { body: text }, true)
  // ASCII is what the simulator's clients write, so characters are bytes.
  const message = decode(of.address, text, text.length, false)
  return new Packet(of, qos, retain, freezeDeep(contentOf(message)), true)
}

function contentOf(message: Incoming): Content {
  if ('body' in message) return { body: message.body }
  return 'rejection' in message ? { rejection: message.rejection } : EMPTY
}

/** Freezes a JSON-like value and all that it holds; what is frozen already is taken to be so all the way. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  if (Array.isArray(value)) for (const item of value) freezeDeep(item)
  else for (const key in value) freezeDeep(value[key])
  return value
}
