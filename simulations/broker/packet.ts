/**
 * A published message inside the simulator. Content travels by reference and is never serialised; it is
 * frozen, so that a core that changes what it has sent throws instead of confusing others.
 */
import type { AgentInput, LinkName, Outgoing } from '../../shared/ports.ts'
import { decode, type Incoming } from '../../shared/protocol/codec.ts'
import type { Address, Route } from '../../shared/protocol/topics.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'

type MessageInput = Extract<AgentInput, { in: 'message' }>
type Content = { readonly body: unknown } | { readonly rejection: unknown } | { readonly empty: true }

export class Packet {
  readonly topic: string
  readonly qos: 0 | 1
  readonly retain: boolean
  /** `undefined` on topics that are none of the protocol's. */
  readonly address: Address | undefined
  readonly content: Content
  /** What receivers are given, made when first wanted: one object however many receive it. */
  readonly #inputs: (MessageInput | undefined)[] = [undefined, undefined, undefined, undefined]
  #live: Incoming | undefined
  #retained: Incoming | undefined

  constructor(topic: string, qos: 0 | 1, retain: boolean, address: Address | undefined, content: Content) {
    this.topic = topic
    this.qos = qos
    this.retain = retain
    this.address = address
    this.content = content
  }

  get empty(): boolean {
    return 'empty' in this.content
  }

  get route(): Route | undefined {
    return this.address?.route
  }

  /** The body, when it has one that could be read. */
  get body(): unknown {
    return 'body' in this.content ? this.content.body : undefined
  }

  /** The message as a client decodes it; `undefined` when the topic is none of the protocol's. */
  incoming(retained: boolean): Incoming | undefined {
    const made = retained ? this.#retained : this.#live
    if (made !== undefined || this.address === undefined) return made
    const { route, id } = this.address
    const incoming = Object.freeze({ route, id: id ?? '', retained, ...this.content }) as unknown as Incoming
    if (retained) this.#retained = incoming
    else this.#live = incoming
    return incoming
  }

  /** The message as an agent's input. */
  input(link: LinkName, retained: boolean): MessageInput | undefined {
    const index = (link === 'seat' ? 2 : 0) + (retained ? 1 : 0)
    const made = this.#inputs[index]
    if (made !== undefined) return made
    const message = this.incoming(retained)
    if (message === undefined) return undefined
    const input = Object.freeze({ in: 'message', link, message } as const)
    this.#inputs[index] = input
    return input
  }
}

/** Topics that are remembered taken apart; beyond it all are forgotten and taken apart anew. */
const REMEMBERED_TOPICS_MAX = 500_000
const addresses = new Map<string, Address | undefined>()

/** The address of a topic; agents publish on few topics very often. */
function addressOf(topic: string): Address | undefined {
  const known = addresses.get(topic)
  if (known !== undefined || addresses.has(topic)) return known
  const address = parseTopic(topic)
  if (addresses.size >= REMEMBERED_TOPICS_MAX) addresses.clear()
  addresses.set(topic, address)
  return address
}

/** What a core publishes, as a packet. */
export function packetOf(message: Outgoing): Packet {
  const content: Content = message.body === null ? EMPTY : { body: freezeDeep(message.body) }
  return new Packet(message.topic, message.qos, message.retain, addressOf(message.topic), content)
}

const EMPTY = Object.freeze({ empty: true } as const)

/** What a stock client publishes: any text on any topic. An empty text clears a retained topic. */
export function packetOfText(topic: string, text: string, qos: 0 | 1, retain: boolean): Packet {
  const address = parseTopic(topic)
  if (text === '') return new Packet(topic, qos, retain, address, EMPTY)
  if (address === undefined) return new Packet(topic, qos, retain, undefined, { body: text })
  // ASCII is what the simulator's clients write, so characters are bytes.
  const {
    route: _route,
    id: _id,
    retained: _retained,
    ...content
  } = decode(address, text, text.length, false)
  return new Packet(topic, qos, retain, address, freezeDeep(content) as Content)
}

/** Freezes a JSON-like value and all that it holds; what is frozen already is taken to be so all the way. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  if (Array.isArray(value)) for (const item of value) freezeDeep(item)
  else for (const key in value) freezeDeep(value[key])
  return value
}
