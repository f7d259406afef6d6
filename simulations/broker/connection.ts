/**
 * One MQTT connection, both ends of it. It is TCP: first in, first out in each direction, nothing lost while it
 * lives, and neither side learns at once that the other is gone.
 *
 * Pings are not simulated one by one. While all is well they would all succeed; so keep-alive timers are armed
 * only when something fails (`assess`), with the phase that the pings would have had.
 */
import type { Random } from '../../shared/random/random.ts'
import { type Engine, US_PER_MS } from '../engine/engine.ts'
import { type Handle, NO_EVENT, type Target } from '../engine/queue.ts'
import type { Broker } from './broker.ts'
import type { Direction, Link } from './link.ts'
import type { Packet } from './packet.ts'

/** The client's program. Nothing is called back within a call to the connection, only by later events. */
export interface Endpoint {
  connected(connection: Connection): void
  /** Closed or never made, and not by the client itself. */
  closed(connection: Connection, reason: string): void
  /** The receiver calls `connection.took(qos)` once it has acted on the message. */
  received(connection: Connection, packet: Packet, retained: boolean, qos: 0 | 1): void
  subscribed(connection: Connection, token: number): void
  acked(connection: Connection, token: number): void
}

export interface Filter {
  readonly topic: string
  readonly qos: 0 | 1
}

export interface ConnectionOptions {
  readonly clientId: string
  readonly will: Packet | undefined
  readonly keepAliveMs: number
  readonly connectTimeoutMs: number
}

export const HELD_PACKETS_MAX = 20_000
/** After a block TCP's next try comes within this time. */
const RETRY_MS_MAX = 200
/** A broker that misses an acknowledgement sends a message again after a time like this. */
const REPEAT_MS_MIN = 20
const REPEAT_MS_MAX = 3_000
/** Spreads the delays of uneven connections evenly, without drawing (a fraction of the golden ratio). */
const UNEVEN_STEP = 0.618_033_988_75

export const Up = { connect: 1, publish: 2, subscribe: 3, unsubscribe: 4, disconnect: 5, gone: 6 } as const
export const Down = { connack: 11, publish: 12, puback: 13, suback: 14, closed: 15 } as const
const Local = { connectTimeout: 21, clientExpiry: 22, brokerExpiry: 23, repeat: 24 } as const

/** Flags of a delivered message, in the event's number. */
const RETAINED = 1
const QOS_1 = 2

interface Held {
  readonly kind: number
  readonly arg: unknown
  readonly n: number
}

export class Connection implements Target {
  readonly serial: number
  readonly clientId: string
  readonly will: Packet | undefined
  readonly endpoint: Endpoint
  readonly link: Link
  /** The server of a cluster it is connected to. */
  readonly server: number
  readonly keepAliveMs: number
  /** What the endpoint calls it. */
  readonly tag: string
  /** The client's view. */
  clientState: 'connecting' | 'open' | 'closed' = 'connecting'
  /** The broker's view. */
  brokerState: 'none' | 'open' | 'closed' = 'none'
  /** Filters at the broker, so that they can be removed. */
  readonly filters = new Map<string, 0 | 1>()
  /** QoS 1 messages sent and not yet acknowledged by the client. */
  unacked = 0
  dropped = 0
  /** When what the broker has accepted from it will be committed. */
  commitUs = 0
  /** The last packet that was delivered to it, to give one copy where the broker does. */
  lastDelivered: Packet | undefined
  severed = false
  /** It broke: nothing arrives any more but the news of that. */
  #broken = false
  readonly #unevenness: { readonly up: number; readonly down: number }

  readonly #engine: Engine
  readonly #broker: Broker
  readonly #random: Random
  #lastUpUs = 0
  #upArrivalUs = 0
  #downArrivalUs = 0
  #heldUp: Held[] = []
  #heldDown: Held[] = []
  #connectTimer: Handle = NO_EVENT
  #clientTimer: Handle = NO_EVENT
  #brokerTimer: Handle = NO_EVENT

  constructor(
    engine: Engine,
    broker: Broker,
    link: Link,
    endpoint: Endpoint,
    tag: string,
    random: Random,
    options: ConnectionOptions,
  ) {
    this.serial = engine.serial()
    this.#engine = engine
    this.#broker = broker
    this.#random = random
    this.link = link
    this.endpoint = endpoint
    this.tag = tag
    this.clientId = options.clientId
    this.will = options.will
    this.keepAliveMs = options.keepAliveMs
    this.server = broker.serverFor(this.clientId)
    const nth = this.serial * UNEVEN_STEP
    this.#unevenness = { up: nth % 1, down: (nth + UNEVEN_STEP / 2) % 1 }
    link.connections.add(this)
    this.#connectTimer = engine.after(options.connectTimeoutMs, this, Local.connectTimeout)
    this.#send('up', Up.connect, undefined, 0)
  }

  // ---- what the client does ----

  publish(packet: Packet, token = -1): void {
    if (this.clientState === 'open') this.#send('up', Up.publish, packet, token)
  }

  subscribe(filters: readonly Filter[], token: number): void {
    if (this.clientState === 'open') this.#send('up', Up.subscribe, filters, token)
  }

  unsubscribe(topics: readonly string[]): void {
    if (this.clientState === 'open') this.#send('up', Up.unsubscribe, topics, 0)
  }

  /** A clean DISCONNECT: no will. */
  disconnect(): void {
    this.#leave(Up.disconnect)
  }

  /** The socket is closed without DISCONNECT, as a dying process does: the broker sends the will. */
  drop(): void {
    this.#leave(Up.gone)
  }

  /** The host lost power: nothing is sent at all, and the broker finds out by the keep-alive. */
  vanish(): void {
    if (this.clientState === 'closed') return
    this.clientState = 'closed'
    this.severed = true
    this.assess()
  }

  /** The client has acted on a message, so its acknowledgement is on the way. */
  took(qos: 0 | 1): void {
    if (qos === 1) this.unacked--
  }

  // ---- what the broker does ----

  toClient(kind: number, arg: unknown, n: number, extraMs = 0): void {
    this.#send('down', kind, arg, n, extraMs)
  }

  /** Sends a message, or drops it when too many wait for an acknowledgement. */
  deliver(packet: Packet, qos: 0 | 1, retained: boolean, extraMs = 0): boolean {
    if (qos === 1) {
      if (this.unacked >= this.#broker.variant.queueMessagesMax) {
        this.dropped++
        return false
      }
      this.unacked++
    } else if (this.link.lossShare > 0 && this.#random.chance(this.link.lossShare)) {
      this.dropped++
      return false
    }
    const flags = (retained ? RETAINED : 0) | (qos === 1 ? QOS_1 : 0)
    this.#send('down', Down.publish, packet, flags, extraMs)
    if (qos === 1 && this.link.repeatShare > 0 && this.#random.chance(this.link.repeatShare)) {
      this.#engine.after(
        this.#random.between(REPEAT_MS_MIN, REPEAT_MS_MAX),
        this,
        Local.repeat,
        packet,
        flags,
      )
    }
    return true
  }

  // ---- what happens on the way ----

  /** Arms or disarms the keep-alive timers by what fails now. */
  assess(): void {
    const { link } = this
    const toBroker = !this.severed && link.upBlocks === 0
    const toClient = !this.severed && link.downBlocks === 0
    const heard = toBroker && !link.hostSilent && this.clientState !== 'closed'
    if (this.brokerState === 'open' && !heard && !(this.clientState === 'closed' && toBroker))
      this.#armBroker()
    else this.#brokerTimer = this.#disarm(this.#brokerTimer)
    const answered = toBroker && toClient
    if (this.clientState === 'open' && !answered && !link.hostSilent) this.#armClient()
    else this.#clientTimer = this.#disarm(this.#clientTimer)
  }

  /** The connection is dead without either side knowing, like one that a NAT forgot. */
  sever(): void {
    this.severed = true
    this.#heldUp = []
    this.#heldDown = []
    this.assess()
  }

  /** It breaks: what is under way in it is lost, and both ends learn that it has. */
  cut(): void {
    if (this.clientState === 'closed' || this.severed) return
    const learn = this.link.upBlocks === 0 && this.link.downBlocks === 0
    this.sever()
    if (!learn) return
    this.#broken = true
    this.#engine.after(this.link.delayMs(), this, Up.gone)
    this.#engine.after(this.link.delayMs(), this, Down.closed, 'connection reset')
  }

  /** Something on the way resets it: the client learns it, and the broker sees the socket close. */
  reset(): void {
    if (this.clientState === 'closed') return
    this.#send('up', Up.gone, undefined, 0)
    this.#send('down', Down.closed, 'connection reset', 0)
  }

  /** Lets what waited in a blocked direction flow. */
  flush(direction: Direction): void {
    const held = direction === 'up' ? this.#heldUp : this.#heldDown
    if (direction === 'up') this.#heldUp = []
    else this.#heldDown = []
    if (held.length === 0) return
    const retryMs = this.#random.between(0, RETRY_MS_MAX)
    for (const { kind, arg, n } of held) this.#send(direction, kind, arg, n, retryMs)
  }

  /** Packets that wait for a block to end. */
  get held(): number {
    return this.#heldUp.length + this.#heldDown.length
  }

  on(kind: number, arg: unknown, n: number): void {
    if (this.#broken && kind < Local.connectTimeout && kind !== Up.gone && kind !== Down.closed) return
    if (kind < Down.connack) this.#broker.handle(this, kind, arg, n)
    else if (kind < Local.connectTimeout) this.#atClient(kind, arg, n)
    else if (kind === Local.repeat) this.#repeat(arg as Packet, n)
    else this.#onTimer(kind)
  }

  /** The broker has closed its end. */
  brokerClosed(reason: string): void {
    this.brokerState = 'closed'
    this.#brokerTimer = this.#disarm(this.#brokerTimer)
    if (this.clientState !== 'closed') this.#send('down', Down.closed, reason, 0)
    this.#forget()
  }

  #leave(kind: number): void {
    if (this.clientState === 'closed') return
    this.#closeClient()
    this.#send('up', kind, undefined, 0)
    this.assess()
  }

  #closeClient(): void {
    this.clientState = 'closed'
    this.#heldDown = []
    this.#connectTimer = this.#disarm(this.#connectTimer)
    this.#clientTimer = this.#disarm(this.#clientTimer)
    this.#forget()
  }

  /** A link need not know a connection that both ends have closed. */
  #forget(): void {
    if (this.clientState === 'closed' && this.brokerState === 'closed') this.link.connections.delete(this)
  }

  #send(direction: Direction, kind: number, arg: unknown, n: number, extraMs = 0): void {
    if (this.severed) return
    const up = direction === 'up'
    if (up) this.#lastUpUs = this.#engine.nowUs
    if ((up ? this.link.upBlocks : this.link.downBlocks) > 0) {
      const held = up ? this.#heldUp : this.#heldDown
      if (held.length >= HELD_PACKETS_MAX) this.sever()
      else held.push({ kind, arg, n })
      return
    }
    const { nowUs } = this.#engine
    const handledUs = (this.#broker.cpu?.delayUs(nowUs) ?? 0) + (this.link.cpu?.delayUs(nowUs) ?? 0)
    const unevenMs = this.link.unevenMs === 0 ? 0 : this.link.unevenMs * this.#unevenness[direction]
    const onTheWayMs = this.link.delayMs() + unevenMs + extraMs
    const arrivalUs = nowUs + Math.ceil(onTheWayMs * US_PER_MS + handledUs)
    if (up) this.#upArrivalUs = Math.max(this.#upArrivalUs, arrivalUs)
    else this.#downArrivalUs = Math.max(this.#downArrivalUs, arrivalUs)
    this.#engine.at(up ? this.#upArrivalUs : this.#downArrivalUs, this, kind, arg, n)
  }

  #atClient(kind: number, arg: unknown, n: number): void {
    if (this.clientState === 'closed') return
    if (kind === Down.publish) {
      const qos = (n & QOS_1) === 0 ? 0 : 1
      this.endpoint.received(this, arg as Packet, (n & RETAINED) !== 0, qos)
    } else if (kind === Down.puback) this.endpoint.acked(this, n)
    else if (kind === Down.suback) this.endpoint.subscribed(this, n)
    else if (kind === Down.connack) {
      this.clientState = 'open'
      this.#connectTimer = this.#disarm(this.#connectTimer)
      this.assess()
      this.endpoint.connected(this)
    } else this.#lose(arg as string)
  }

  /** MQTT 3.1.1, 4.4: the receiver cannot know whether it is a message once more or a new one that is the same. */
  #repeat(packet: Packet, flags: number): void {
    if (this.brokerState !== 'open' || this.unacked >= this.#broker.variant.queueMessagesMax) return
    this.unacked++
    this.#send('down', Down.publish, packet, flags)
  }

  #onTimer(kind: number): void {
    if (kind === Local.brokerExpiry) {
      this.#brokerTimer = NO_EVENT
      this.#broker.expire(this)
      return
    }
    if (kind === Local.connectTimeout) this.#connectTimer = NO_EVENT
    else this.#clientTimer = NO_EVENT
    if (this.clientState === 'closed') return
    // A client that gives up closes its socket, which the broker sees if anything gets through.
    const reason = kind === Local.connectTimeout ? 'connect timeout' : 'keep-alive timeout'
    this.#send('up', Up.gone, undefined, 0)
    this.#lose(reason)
    this.assess()
  }

  #lose(reason: string): void {
    this.#closeClient()
    this.endpoint.closed(this, reason)
  }

  /** MQTT 3.1.1, 3.1.2.10: the broker waits one and a half keep-alives from the last packet. */
  #armBroker(): void {
    if (this.#brokerTimer !== NO_EVENT) return
    const silentMs = Math.min(
      (this.#engine.nowUs - this.#lastUpUs) / US_PER_MS,
      this.#random.float() * this.keepAliveMs,
    )
    this.#brokerTimer = this.#engine.after(1.5 * this.keepAliveMs - silentMs, this, Local.brokerExpiry)
  }

  /** The next ping goes out within a keep-alive; half a keep-alive later its answer is missing. */
  #armClient(): void {
    if (this.#clientTimer !== NO_EVENT) return
    const delayMs = (this.#random.float() + 0.5) * this.keepAliveMs
    this.#clientTimer = this.#engine.after(delayMs, this, Local.clientExpiry)
  }

  #disarm(handle: Handle): Handle {
    if (handle !== NO_EVENT) this.#engine.cancel(handle)
    return NO_EVENT
  }
}
