/**
 * What a CONNECT must fulfil before anyone asks for its password: an id that can be logged and stored, a will that
 * could be published. aedes looks at neither.
 */
import { type IConnackPacket, type IConnectPacket, writeToStream } from 'mqtt-packet'
import { CoveyError } from '../shared/errors/errors.ts'
import type { InsideClient, Publish } from './aedes-inside.ts'
import { limitReached } from './complaints.ts'
import type { Limits } from './limits.ts'
import { refuseTopic } from './publishing.ts'

/** CONNACK return codes of MQTT 3.1.1. */
export const CONNACK = { identifier: 2, unavailable: 3, badPassword: 4, notAuthorized: 5 } as const

export interface Refusal {
  readonly returnCode: (typeof CONNACK)[keyof typeof CONNACK]
  readonly error: CoveyError
}

/** Why a CONNECT is refused; also holds its keep-alive to the limit, which the standard permits a server. */
export function refuseConnect(packet: IConnectPacket, limits: Limits): Refusal | undefined {
  const { clientId } = packet
  const identifier = (message: string): Refusal => ({
    returnCode: CONNACK.identifier,
    error: new CoveyError('E_ID', message, {
      remedy: `Use a client id of at most ${limits.clientIdCharsMax} printable characters`,
    }),
  })
  if (clientId.length > limits.clientIdCharsMax) {
    return identifier(
      `a client id of ${clientId.length} characters; at most ${limits.clientIdCharsMax} are taken`,
    )
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (/[\u0000-\u001f\u007f\ufffd]/.test(clientId)) return identifier('a client id with control characters')
  if (clientId === '' && packet.clean === false) {
    return identifier('a client without an id asks for a session [MQTT-3.1.3-8]')
  }
  const will = packet.will as Publish | undefined
  const error = will === undefined ? undefined : refuseTopic(will.topic, limits)
  if (error !== undefined) return { returnCode: CONNACK.notAuthorized, error }
  if (!packet.keepalive || packet.keepalive > limits.keepaliveSecondsMax)
    packet.keepalive = limits.keepaliveSecondsMax
  return undefined
}

/** Tells the client why, then runs `then`; at once it would discard what was just written. */
export function sendRefusal(client: InsideClient, returnCode: number, then: () => void): void {
  const connack: IConnackPacket = { cmd: 'connack', returnCode, sessionPresent: false }
  if (!client.conn.destroyed) writeToStream(connack, client.conn)
  setImmediate(then)
}

/** Why a subscription is refused for its form, whoever asks. */
export function refuseFilter(client: InsideClient, filter: string, limits: Limits): CoveyError | undefined {
  if (filter.length > limits.topicCharsMax || /[\0\ufffd]/.test(filter)) {
    return new CoveyError('E_TOPIC', `a filter of ${filter.length} characters is too long or not well formed`)
  }
  // aedes would take it for an ordinary filter that nothing ever matches.
  if (filter.startsWith('$share/')) {
    return new CoveyError('E_TOPIC', `${filter}: shared subscriptions are not of MQTT 3.1.1`)
  }
  const { subscriptionsPerClientMax } = limits
  if (client.subscriptions[filter] === undefined) {
    if (Object.keys(client.subscriptions).length >= subscriptionsPerClientMax) {
      return limitReached('subscriptionsPerClientMax', 'a client has too many subscriptions')
    }
  }
  return undefined
}
