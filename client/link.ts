/**
 * A connection that lasts: opens a fresh MQTT connection whenever one is lost, subscribes again to whatever is
 * listened to, and publishes until it is acknowledged. Statuses are retained, so nothing that counts is lost
 * between two connections; logs and events (QoS 0) of that time are.
 */
import { randomBytes } from 'node:crypto'
import { CoveyError } from '../shared/errors/errors.ts'
import { backoffMs, Random } from '../shared/random/random.ts'
import { type Connection, ConnectionLost, type ConnectionOptions, openConnection } from './connection.ts'

export const RECONNECT_BASE_MS = 100
export const RECONNECT_CAP_MS = 10_000
/** A connection that was accepted and then kicked sooner than this counts as a failed try. */
const STABLE_MS = 5_000
/** Connections that may break under one publish before it is taken for refused. */
const LOSSES_MAX = 4
/** MQTT 3.1.1 has no word for why, so both causes that a broker may have are named. */
const PUBLISH_REMEDY =
  'The broker’s log says why: with E_DENIED use a user whose role may publish there; with E_BROKER_LIMIT it is full: ' +
  'wait until tasks have ended or withdraw some'

export interface Listener {
  message(topic: string, payload: Buffer, retained: boolean): void
  /** On every SUBACK: the first, and one after each reconnection. What is retained follows it. */
  subscribed?(): void
  /** The broker denies the subscription. */
  refused?(error: CoveyError): void
}

export interface LinkOptions extends Omit<ConnectionOptions, 'clientId'> {
  readonly clientIdPrefix: string
  /** Told of every loss (with the reason) and every recovery (`undefined`). */
  readonly onLink?: (down: string | undefined) => void
}

interface Filter {
  readonly qos: 0 | 1
  readonly listeners: Set<Listener>
}

export class Link {
  readonly #options: LinkOptions
  readonly #random = new Random(randomBytes(16).toString('hex'))
  readonly #filters = new Map<string, Filter>()
  /** The filters among them that have a wildcard; the others are found by their topic. */
  readonly #wildcards = new Set<string>()
  readonly #turns = new Map<string, Promise<void>>()
  readonly #onUp = new Set<() => void>()
  #connection: Connection | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false
  #tries = 0
  #upSinceMs = 0
  /** Why there is no connection at the moment. */
  down: string | undefined

  private constructor(options: LinkOptions) {
    this.#options = options
  }

  /** Connects once. @throws CoveyError E_BROKER_UNREACHABLE, E_BROKER_REFUSED */
  static async open(options: LinkOptions): Promise<Link> {
    const link = new Link(options)
    await link.#connect()
    return link
  }

  /** Listens until the returned function is called. Each call subscribes anew, so that retained messages come. */
  listen(filter: string, qos: 0 | 1, listener: Listener): () => void {
    const known = this.#filters.get(filter)
    const listeners = known?.listeners ?? new Set()
    const entry = { qos: known?.qos === 1 ? 1 : qos, listeners } as const
    listeners.add(listener)
    this.#filters.set(filter, entry)
    if (filter.includes('+')) this.#wildcards.add(filter)
    if (this.#connection !== undefined) this.#subscribe(this.#connection, filter, entry.qos, () => [listener])
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#filters.delete(filter)
      this.#wildcards.delete(filter)
      if (this.#connection !== undefined) this.#unsubscribe(this.#connection, filter)
    }
  }

  /**
   * Publishes at QoS 1 until the broker acknowledges it, on another connection if the first one breaks.
   *
   * @throws whatever the signal was aborted with; CoveyError E_BROKER_REFUSED when this very message seems to be what
   * the broker closes connections for, which is how MQTT 3.1.1 denies a publish, for want of rights or of room; E_BROKER_UNREACHABLE after `close`
   */
  async publish(topic: string, payload: string, retain: boolean, signal: AbortSignal): Promise<void> {
    for (let losses = 0; ; ) {
      signal.throwIfAborted()
      const connection = this.#connection ?? (await this.#up(signal))
      try {
        return await abortable(connection.publish(topic, payload, 1, retain), signal)
      } catch (error) {
        if (!(error instanceof ConnectionLost) || this.#closed) throw error
        if (++losses >= LOSSES_MAX) {
          const message = `the broker closed ${losses} connections in a row when ${topic} was published`
          throw new CoveyError('E_BROKER_REFUSED', message, {
            remedy: PUBLISH_REMEDY,
            cause: error,
          })
        }
      }
    }
  }

  /** Calls back after every reconnection. The returned function ends it. */
  onUp(listener: () => void): () => void {
    this.#onUp.add(listener)
    return () => this.#onUp.delete(listener)
  }

  /** Ends the connection for good. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#filters.clear()
    this.#wildcards.clear()
    this.#onUp.clear()
    await this.#connection?.close()
    this.#connection = undefined
  }

  #up(signal: AbortSignal): Promise<Connection> {
    if (this.#closed) return Promise.reject(new CoveyError('E_BROKER_UNREACHABLE', 'the client was closed'))
    let stop = () => {}
    const up = new Promise<Connection>((resolve) => {
      stop = this.onUp(() => {
        if (this.#connection !== undefined) resolve(this.#connection)
      })
    })
    return abortable(up, signal).finally(() => stop())
  }

  async #connect(): Promise<void> {
    const { clientIdPrefix, onLink, ...rest } = this.#options
    let lost = false
    const connection = await openConnection(
      { ...rest, clientId: `${clientIdPrefix}${this.#random.name(10)}` },
      {
        message: (topic, payload, retained) => this.#dispatch(topic, payload, retained),
        lost: (reason) => {
          lost = true
          if (this.#connection === connection) this.#lost(reason)
        },
      },
    )
    if (this.#closed || lost) {
      await connection.close()
      if (!this.#closed) throw new CoveyError('E_BROKER_UNREACHABLE', 'the connection was lost at once')
      return
    }
    this.#connection = connection
    this.#upSinceMs = performance.now()
    for (const [filter, { qos, listeners }] of this.#filters) {
      this.#subscribe(connection, filter, qos, () => [...listeners])
    }
    if (this.down !== undefined) {
      this.down = undefined
      onLink?.(undefined)
      for (const listener of [...this.#onUp]) listener()
    }
  }

  #lost(reason: string): void {
    this.#connection = undefined
    if (performance.now() - this.#upSinceMs >= STABLE_MS) this.#tries = 0
    this.#retry(reason)
  }

  #retry(reason: string): void {
    if (this.#closed) return
    this.down = reason
    this.#options.onLink?.(reason)
    const delayMs = backoffMs(this.#random, this.#tries++, RECONNECT_BASE_MS, RECONNECT_CAP_MS)
    this.#timer = setTimeout(() => {
      this.#connect().catch((error: Error) => this.#retry(error.message))
    }, delayMs)
  }

  #subscribe(connection: Connection, filter: string, qos: 0 | 1, tell: () => readonly Listener[]): void {
    this.#inTurn(filter, async () => {
      try {
        await connection.subscribe(filter, qos)
        for (const listener of tell()) listener.subscribed?.()
      } catch (error) {
        // A lost connection is not the listener's business: the next one subscribes again.
        if (!(error instanceof CoveyError)) return
        for (const listener of tell()) listener.refused?.(error)
      }
    })
  }

  #unsubscribe(connection: Connection, filter: string): void {
    this.#inTurn(filter, async () => {
      if (this.#filters.has(filter)) return
      try {
        await connection.unsubscribe(filter)
      } catch (error) {
        // With the connection the subscription is gone as well.
        if (!(error instanceof ConnectionLost)) throw error
      }
    })
  }

  /**
   * One exchange a filter at a time: aedes works on packets side by side, so that an UNSUBSCRIBE can take away what
   * the SUBSCRIBE right behind it has just set up.
   */
  #inTurn(filter: string, exchange: () => Promise<void>): void {
    const turn = (this.#turns.get(filter) ?? Promise.resolve()).then(exchange)
    this.#turns.set(filter, turn)
    void turn.finally(() => {
      if (this.#turns.get(filter) === turn) this.#turns.delete(filter)
    })
  }

  #dispatch(topic: string, payload: Buffer, retained: boolean): void {
    this.#tell(topic, topic, payload, retained)
    for (const filter of this.#wildcards) {
      if (matches(filter, topic)) this.#tell(filter, topic, payload, retained)
    }
  }

  #tell(filter: string, topic: string, payload: Buffer, retained: boolean): void {
    const listeners = this.#filters.get(filter)?.listeners
    if (listeners === undefined) return
    for (const listener of [...listeners]) listener.message(topic, payload, retained)
  }
}

/** True when the topic falls under the filter; of the wildcards only `+` occurs here. */
export function matches(filter: string, topic: string): boolean {
  if (filter === topic) return true
  const wild = filter.indexOf('+')
  if (wild < 0) return false
  const end = topic.indexOf('/', wild)
  return (
    topic.startsWith(filter.slice(0, wild)) && (end < 0 ? '' : topic.slice(end)) === filter.slice(wild + 1)
  )
}

/** The promise, or what the signal is aborted with, whichever comes first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.reject(signal.reason)
  }
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
