/**
 * One MQTT connection, from its CONNECT to its end. It never reconnects: link.ts opens a fresh one, because
 * mqtt.js would resend its outgoing store and so repeat what its caller has given up.
 */
import type { Socket } from 'node:net'
import { connect as connectMqtt, type MqttClient } from 'mqtt'
import { CoveyError } from '../shared/errors/errors.ts'
import type { BrokerUrl } from './broker-url.ts'

export const KEEPALIVE_S = 20

export interface ConnectionOptions {
  readonly url: BrokerUrl
  readonly clientId: string
  readonly username?: string
  readonly password?: string
  /** The certificate authority's certificate, PEM. */
  readonly ca?: string
  /** Limit for everything from the first packet to CONNACK. */
  readonly timeoutMs: number
}

export interface ConnectionEvents {
  message(topic: string, payload: Buffer, retained: boolean): void
  /** Once, when an open connection ends otherwise than by `close`. */
  lost(reason: string): void
}

/** The connection ended before the broker answered; link.ts tries again on the next one. */
export class ConnectionLost extends Error {}

export interface Connection {
  /** Resolves on SUBACK. @throws CoveyError E_BROKER_REFUSED when it is denied, ConnectionLost */
  subscribe(filter: string, qos: 0 | 1): Promise<void>
  /** Resolves on UNSUBACK. @throws ConnectionLost */
  unsubscribe(filter: string): Promise<void>
  /** Resolves on PUBACK (QoS 1) or when it was handed to the socket (QoS 0). @throws ConnectionLost */
  publish(topic: string, payload: string, qos: 0 | 1, retain: boolean): Promise<void>
  /** Sends DISCONNECT after what is under way, within a second; never rejects. */
  close(): Promise<void>
}

/**
 * Opens a connection with a clean session.
 *
 * @throws CoveyError E_BROKER_UNREACHABLE, E_BROKER_REFUSED
 */
export function openConnection(options: ConnectionOptions, events: ConnectionEvents): Promise<Connection> {
  const { url } = options
  const mqtt = connectMqtt(url.href, {
    clientId: options.clientId,
    clean: true,
    protocolVersion: 4,
    keepalive: KEEPALIVE_S,
    // Ours comes first, and says more.
    connectTimeout: options.timeoutMs + 1_000,
    reconnectPeriod: 0,
    // Keeps 65,536 prepared buffers out of memory (`writeToStream.cacheNumbers = false`).
    writeCache: false,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  })
  // Without it every small exchange waits for a delayed acknowledgement: 40 ms.
  ;(mqtt.stream as unknown as Partial<Socket>).setNoDelay?.(true)

  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    const fail = (error: CoveyError) => {
      clearTimeout(timer)
      mqtt.removeAllListeners()
      mqtt.on('error', () => {}) // what a dying socket still says is of no more use
      mqtt.end(true)
      reject(error)
    }
    const timer = setTimeout(
      () => fail(unreachable(url, `no answer within ${options.timeoutMs} ms`)),
      options.timeoutMs,
    )
    mqtt.on('error', (error) => {
      failure = error
      // CONNACK with a return code comes as an error that carries the code as a number.
      const code = (error as { code?: unknown }).code
      if (typeof code === 'number') fail(refused(options, code, error))
      else fail(isCertificateError(code) ? untrusted(url, error) : unreachable(url, explain(error), error))
    })
    mqtt.on('close', () => {
      fail(unreachable(url, failure?.message ?? 'the connection was closed before it was accepted'))
    })
    mqtt.on('connect', () => {
      clearTimeout(timer)
      mqtt.removeAllListeners('error')
      mqtt.removeAllListeners('close')
      resolve(new MqttConnection(mqtt, events))
    })
  })
}

class MqttConnection implements Connection {
  readonly #mqtt: MqttClient
  /** What waits for an answer of the broker, to be rejected when the connection ends. */
  readonly #waiting = new Set<(error: Error) => void>()
  #ended: Error | undefined

  constructor(mqtt: MqttClient, events: ConnectionEvents) {
    this.#mqtt = mqtt
    let reason = 'the broker closed the connection'
    mqtt.on('message', (topic, payload, packet) => events.message(topic, payload, packet.retain))
    mqtt.on('error', (error) => {
      reason = reasonOf(error)
    })
    mqtt.on('close', () => {
      if (this.#end(reason)) {
        mqtt.end(true)
        events.lost(reason)
      }
    })
  }

  subscribe(filter: string, qos: 0 | 1): Promise<void> {
    return this.#request((done) => {
      this.#mqtt.subscribe(filter, { qos }, (error, granted) => {
        const denied = error !== null || granted?.some((grant) => grant.qos === 128) === true
        done(denied ? denial(`subscribing to ${filter}`, error) : undefined)
      })
    })
  }

  unsubscribe(filter: string): Promise<void> {
    return this.#request((done) => {
      this.#mqtt.unsubscribe(filter, (error) =>
        done(error == null ? undefined : denial(`unsubscribing from ${filter}`, error)),
      )
    })
  }

  publish(topic: string, payload: string, qos: 0 | 1, retain: boolean): Promise<void> {
    return this.#request((done) => {
      this.#mqtt.publish(topic, payload, { qos, retain }, (error) => {
        done(error == null ? undefined : denial(`publishing on ${topic}`, error))
      })
    })
  }

  close(): Promise<void> {
    this.#end('the client was closed')
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#mqtt.end(true, () => resolve()), 1_000)
      this.#mqtt.end(false, () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #request(send: (done: (error: Error | undefined) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      this.#waiting.add(reject)
      send((error) => {
        this.#waiting.delete(reject)
        if (error === undefined) resolve()
        else reject(this.#ended ?? (this.#isGone ? new ConnectionLost('the connection was closed') : error))
      })
    })
  }

  /** mqtt.js fails what waits right before it says that the connection is closed: that is no denial. */
  get #isGone(): boolean {
    return this.#mqtt.stream.destroyed
  }

  /** False when it had ended before. */
  #end(reason: string): boolean {
    if (this.#ended !== undefined) return false
    this.#ended = new ConnectionLost(reason)
    for (const reject of this.#waiting) reject(this.#ended)
    this.#waiting.clear()
    return true
  }
}

function denial(action: string, error: Error | null): CoveyError {
  return new CoveyError('E_BROKER_REFUSED', `the broker refuses ${action}`, {
    remedy: 'Give this user a role that may do it: covey passwd FILE USER --role …',
    cause: error,
  })
}

function unreachable(url: BrokerUrl, reason: string, cause?: Error): CoveyError {
  return new CoveyError('E_BROKER_UNREACHABLE', `no broker at ${url.href}: ${reason}`, { cause })
}

const RETURN_CODES: Readonly<Record<number, string>> = {
  1: 'it does not speak MQTT 3.1.1',
  3: 'it is not available',
  4: 'user name or password are wrong',
  5: 'it wants valid credentials',
}

const BAD_IDENTIFIER = 2
const BAD_CREDENTIALS = [4, 5]

function refused({ url, clientId, username }: ConnectionOptions, code: number, cause: Error): CoveyError {
  const refusal = (why: string, remedy?: string): CoveyError =>
    new CoveyError(
      'E_BROKER_REFUSED',
      `the broker at ${url.href} refused the connection: ${why}`,
      remedy === undefined ? { cause } : { remedy, cause },
    )
  if (code === BAD_IDENTIFIER) {
    return refusal(
      `it does not take the client id ${clientId} of ${clientId.length} characters`,
      'See the broker’s log for what is wrong with the client id; it may be too long for that broker',
    )
  }
  if (username === undefined && BAD_CREDENTIALS.includes(code)) {
    return refusal(
      'it wants a user name and password',
      'Give --username with --password-file, or COVEY_USERNAME and COVEY_PASSWORD',
    )
  }
  return refusal(RETURN_CODES[code] ?? `return code ${code}`)
}

function isCertificateError(code: unknown): boolean {
  return typeof code === 'string' && /CERT|ISSUER|SIGNATURE|ALTNAME/.test(code)
}

function untrusted(url: BrokerUrl, cause: Error): CoveyError {
  return new CoveyError(
    'E_BROKER_REFUSED',
    `the certificate of ${url.href} is not trusted: ${cause.message}`,
    {
      remedy: 'Give the certificate of its authority with --ca FILE, and the host name that it was made for',
      cause,
    },
  )
}

/** What the system reports has a code; without one it is what came over the wire that made no sense. */
function explain(error: Error): string {
  const reason = reasonOf(error)
  if ((error as NodeJS.ErrnoException).code !== undefined || /timeout/i.test(reason)) return reason
  return `what answers there does not speak MQTT (${reason})`
}

/** An AggregateError (a name with several addresses) has no message of its own. */
function reasonOf(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined
  return (inner ?? error).message || error.name
}
