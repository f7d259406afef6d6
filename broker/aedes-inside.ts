/**
 * What the broker uses of aedes beyond its published types, in one place.
 *
 * aedes is pinned to one exact version because of these. `checkInside` runs on every new connection, so a version
 * that renames one of them fails at its first client instead of losing messages.
 */
import type { Duplex } from 'node:stream'
import type { Aedes, Client } from 'aedes'
import type { IPublishPacket } from 'mqtt-packet'
import { invariant } from '../shared/errors/errors.ts'

/** A PUBLISH or a will; a will has no `cmd` and no message id. */
export type Publish = Pick<IPublishPacket, 'topic' | 'payload' | 'qos' | 'retain'> & {
  cmd?: 'publish'
  messageId?: number
  dup?: boolean
  brokerId?: string | null
  brokerCounter?: number
}

export type Deliver = (packet: Publish, done: (error?: Error | null) => void) => void

/** The packet parser of a client (mqtt-packet). It works through the four steps of a packet in a loop. */
export interface ClientParser {
  packet: { cmd: string; length: number }
  error: Error | null
  parse(chunk: Buffer): number
  _parseLength(): boolean
  _emitError(error: Error): void
}

export type InsideClient = Omit<Client, 'conn' | 'id'> & {
  id: string
  conn: Duplex & { remoteAddress?: string }
  /** The will while it may still be sent. */
  will: Publish | null
  /** The will of a CONNECT that is still being judged. */
  _will: Publish | null | undefined
  /** aedes reads the next chunk of a client when this was called once for each packet of the last. */
  _nextBatch: (error?: Error) => void
  _parser: ClientParser
  subscriptions: Record<string, { qos: number }>
  deliver0: Deliver
  deliverQoS: Deliver
  waitForDrain: (done: (error: Error | null, client: InsideClient) => void) => void
}

export type InsideAedes = Omit<Aedes, 'clients'> & {
  clients: Record<string, InsideClient>
  publish(packet: Publish, client: InsideClient | null, done: (error?: Error | null) => void): void
}

/** @throws InvariantError when aedes no longer has what this broker builds on. */
export function checkInside(client: Client): InsideClient {
  const inside = client as unknown as InsideClient
  for (const name of ['_nextBatch', 'deliver0', 'deliverQoS', 'waitForDrain'] as const) {
    invariant(
      typeof inside[name] === 'function',
      () => `aedes clients have no ${name}; is aedes still 1.2.0?`,
    )
  }
  for (const name of ['parse', '_parseLength', '_emitError'] as const) {
    invariant(typeof inside._parser?.[name] === 'function', () => `mqtt-packet's parser has no ${name}`)
  }
  return inside
}
