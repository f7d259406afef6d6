/**
 * The way out to one client: retained messages before live ones, and slow readers.
 *
 * Two things of aedes are replaced here, per client.
 *
 * A new subscription gets the retained messages one by one while live ones go straight out, so a live message
 * (a marker that says "that was all") can overtake them. Here what matches is fixed when the subscription is
 * acknowledged, and live messages are parked until it has been written.
 *
 * aedes lets a publisher wait for every receiver, and delivers at most 100 messages at a time: one frozen dashboard
 * would stop the mesh for a minute. Here a slow reader holds publishers back for `stallMs` at most; after that its
 * messages pile up in its own bounded buffer, and when that is full or the time is up the connection is closed.
 */
import type { Deliver, InsideClient, Publish } from './aedes-inside.ts'
import { limitReached } from './complaints.ts'
import type { Limits } from './limits.ts'
import type { Retained, RetainedTree } from './retained.ts'

/** Retained messages on their way to a client at one time: enough to share a turn of the event loop. */
const REPLAY_WINDOW = 64

interface Sink {
  /** aedes' own function for one retained message; it only happens to sit in a stream. */
  _transform(message: object, encoding: string, done: () => void): void
}

interface Parked {
  readonly deliver: Deliver
  readonly packet: Publish
  /** Set when the publisher still waits for it. */
  readonly done: (() => void) | undefined
}

class Lane {
  readonly #client: InsideClient
  readonly #limits: Limits
  #replays = 0
  #parked: Parked[] = []
  #parkedBytes = 0
  /** Whether some publisher waits for a parked message. */
  #holdsBack = false
  /** Who waits until the socket takes more. */
  #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined
  #stalled = false

  constructor(client: InsideClient, limits: Limits) {
    this.#client = client
    this.#limits = limits
    client.deliver0 = this.#wrap(client.deliver0)
    client.deliverQoS = this.#wrap(client.deliverQoS)
    client.waitForDrain = (done) => this.#waitForDrain(() => done(null, client))
    client.conn.on('drain', () => this.#drained())
    client.conn.once('close', () => this.#closed())
  }

  play(messages: readonly { message: Retained; qos: 0 | 1 | 2 }[], sink: Sink): void {
    if (messages.length === 0) return
    if (this.#replays >= this.#limits.replaysPerClientMax) {
      this.#client.emit('error', limitReached('replaysPerClientMax', 'too many subscriptions at once'))
      return
    }
    this.#replays += 1
    let next = 0
    let left = messages.length
    const step = (): void => {
      const entry = messages[next]
      if (entry === undefined || this.#client.closed) return
      next += 1
      const { topic, payload } = entry.message
      sink._transform({ cmd: 'publish', topic, payload, qos: entry.qos }, '', written)
    }
    const written = (): void => {
      left -= 1
      if (left > 0) step()
      else this.#played()
    }
    for (let i = 0; i < REPLAY_WINDOW; i++) step()
  }

  #wrap(deliver: Deliver): Deliver {
    return (packet, done) => {
      if (this.#client.closed) setImmediate(done)
      // aedes marks retained messages on their way by taking their broker's name off.
      else if (packet.brokerId === null) deliver(packet, () => this.#whenWritable(done))
      else if (this.#replays === 0) deliver(packet, done)
      else this.#park(deliver, packet, done)
    }
  }

  #park(deliver: Deliver, packet: Publish, done: () => void): void {
    const { parkedPerClientMax, outgoingBytesPerClientMax } = this.#limits
    this.#parkedBytes += packet.payload.length
    const room = this.#parked.length < parkedPerClientMax && this.#parkedBytes < outgoingBytesPerClientMax
    this.#parked.push({ deliver, packet, done: room ? undefined : done })
    if (room) setImmediate(done)
    else {
      this.#holdsBack = true
      if (this.#stalled) this.#tooMuchParked()
    }
  }

  /** Publishers wait for a reader that takes its retained messages, not for one that takes nothing. */
  #tooMuchParked(): void {
    this.#client.emit('error', limitReached('parkedPerClientMax', 'the client reads too slowly'))
  }

  #played(): void {
    this.#replays -= 1
    if (this.#replays > 0) return
    const parked = this.#parked
    this.#parked = []
    this.#parkedBytes = 0
    this.#holdsBack = false
    for (const { deliver, packet, done } of parked) deliver(packet, done ?? (() => {}))
  }

  /** Retained messages keep the pace of the reader, however slow: nobody waits for them. */
  #whenWritable(done: () => void): void {
    if (this.#client.conn.writableNeedDrain) this.#client.conn.once('drain', done)
    else done()
  }

  #waitForDrain(done: () => void): void {
    const { conn } = this.#client
    if (conn.writableLength > this.#limits.outgoingBytesPerClientMax) {
      setImmediate(done)
      this.#client.emit('error', limitReached('outgoingBytesPerClientMax', 'the client reads too slowly'))
      return
    }
    if (this.#stalled) {
      setImmediate(done)
      return
    }
    this.#waiting.push(done)
    if (this.#timer === undefined) this.#after(this.#limits.stallMs, () => this.#stall())
  }

  #stall(): void {
    this.#stalled = true
    this.#release()
    if (this.#holdsBack) {
      this.#tooMuchParked()
      return
    }
    this.#after(this.#limits.drainTimeoutMs, () => {
      this.#client.emit(
        'error',
        limitReached('drainTimeoutMs', 'the client has not read anything for too long'),
      )
    })
  }

  #after(ms: number, run: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(run, ms)
    this.#timer.unref()
  }

  #drained(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#stalled = false
    this.#release()
  }

  #release(): void {
    for (const done of this.#waiting.splice(0)) setImmediate(done)
  }

  #closed(): void {
    this.#drained()
    for (const { done } of this.#parked.splice(0)) done?.()
  }
}

export class Deliveries {
  readonly #limits: Limits
  readonly #retained: RetainedTree
  readonly #lanes = new WeakMap<InsideClient, Lane>()
  #subscribing: { client: InsideClient; granted: Map<string, number> } | undefined

  constructor(limits: Limits, retained: RetainedTree) {
    this.#limits = limits
    this.#retained = retained
  }

  /** To be called before the client's first packet is read. */
  attach(client: InsideClient): void {
    this.#lanes.set(client, new Lane(client, this.#limits))
  }

  /**
   * aedes asks for retained messages without saying for whom, but announces the subscription in the same turn,
   * right before. The granted QoS is taken from there too: aedes sends retained messages of QoS 1 to a wildcard
   * subscription of QoS 0 at QoS 1, against [MQTT-3.8.4-6].
   */
  subscribed(client: InsideClient, subscriptions: readonly { topic: string; qos: number }[]): void {
    this.#subscribing = { client, granted: new Map(subscriptions.map(({ topic, qos }) => [topic, qos])) }
  }

  /** What aedes takes for a stream of retained messages. */
  replay(filters: readonly string[]): { pipe(sink: unknown): unknown } {
    const subscribing = this.#subscribing
    this.#subscribing = undefined
    return {
      pipe: (sink) => {
        if (subscribing === undefined) return sink
        const { client, granted } = subscribing
        const messages = filters.flatMap((filter) => {
          const max = granted.get(filter) ?? 0
          return this.#retained
            .matching(filter)
            .map((message) => ({ message, qos: atMost(message.qos, max) }))
        })
        this.#lanes.get(client)?.play(messages, sink as Sink)
        return sink
      },
    }
  }
}

const atMost = (qos: 0 | 1 | 2, max: number): 0 | 1 | 2 => (qos <= max ? qos : max === 1 ? 1 : 0)
