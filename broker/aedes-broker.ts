/** aedes with the broker's own hooks. */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Aedes, type AuthenticateError } from 'aedes'
import { CoveyError } from '../shared/errors/errors.ts'
import { refuseConnect, refuseFilter, sendRefusal } from './admission.ts'
import { checkInside, type InsideAedes, type InsideClient } from './aedes-inside.ts'
import { complaintOf } from './client-errors.ts'
import type { Complaints } from './complaints.ts'
import type { Deliveries } from './delivery.ts'
import type { Limits } from './limits.ts'
import type { Counters } from './metrics.ts'
import { guardPackets } from './packet-guard.ts'
import type { BrokerPersistence } from './persistence.ts'
import type { Publishing } from './publishing.ts'
import type { Guard } from './security.ts'

export interface Wiring {
  readonly limits: Limits
  readonly persistence: BrokerPersistence
  readonly publishing: Publishing
  readonly deliveries: Deliveries
  readonly complaints: Complaints
  readonly counters: Counters
  readonly guard: Guard
}

/** Hands a connection to aedes, guarded before its first byte is read. */
export function takeIn(
  aedes: InsideAedes,
  stream: Duplex,
  request: IncomingMessage | undefined,
  { limits, deliveries }: { limits: Limits; deliveries: Deliveries },
): void {
  const client = checkInside(aedes.handle(stream, request))
  guardPackets(client, limits)
  deliveries.attach(client)
}

export async function createAedes(wiring: Wiring): Promise<InsideAedes> {
  const { limits, persistence, publishing, deliveries, complaints, counters, guard } = wiring
  const aedes = (await Aedes.createBroker({
    persistence,
    // No bound here: beyond it aedes stops delivering to everyone. The bounds are per client, in delivery.ts.
    concurrency: 0,
    drainTimeout: 0,
    connectTimeout: limits.connectTimeoutMs,
    queueLimit: limits.beforeConnackPacketsMax,
    maxClientsIdLength: limits.clientIdCharsMax,
    maxTopicLevels: limits.topicLevelsMax,
    preConnect(client, packet, done) {
      const refusal = refuseConnect(packet, limits)
      if (refusal === undefined) done(null, true)
      else
        sendRefusal(client as unknown as InsideClient, refusal.returnCode, () => done(refusal.error, false))
    },
    authenticate(client, user, password, done) {
      const inside = client as unknown as InsideClient
      guard.authenticate(
        inside,
        () => aedes.clients[client.id],
        user,
        password,
        (refusal) => {
          if (refusal === undefined) done(null, true)
          else
            done(Object.assign(refusal.error, { returnCode: refusal.returnCode }) as AuthenticateError, false)
        },
      )
    },
    authorizePublish: (client, packet, done) =>
      publishing.authorize(client as unknown as InsideClient | null, packet, done),
    authorizeSubscribe(client, subscription, done) {
      const inside = client as unknown as InsideClient
      const error =
        refuseFilter(inside, subscription.topic, limits) ?? guard.maySubscribe(inside, subscription.topic)
      if (error === undefined) {
        done(null, subscription)
        return
      }
      if (error.code === 'E_DENIED') counters.denied += 1
      complaints.about(error, { clientId: client.id, filter: subscription.topic })
      done(null, null)
    },
    authorizeForward(_client, packet) {
      counters.messagesOut += 1
      return packet
    },
  })) as unknown as InsideAedes
  aedes.on('subscribe', (subscriptions, client) =>
    deliveries.subscribed(client as unknown as InsideClient, subscriptions),
  )
  aedes.on('clientDisconnect', (client) => {
    if (!client.clean) persistence.wentOffline(client.id)
  })
  const held = (client: { id: string; conn: object }, error: Error): void => {
    const complaint = complaintOf(error)
    if (complaint === undefined) return
    const { remoteAddress } = client.conn as { remoteAddress?: string }
    complaints.about(complaint, { clientId: client.id, address: remoteAddress })
  }
  aedes.on('clientError', held)
  aedes.on('connectionError', held)
  // Not in aedes' types; without a listener it would end the process.
  ;(aedes as unknown as EventEmitter).on('error', (error: Error) => {
    complaints.about(new CoveyError('E_PACKET', 'aedes reports an error', { cause: error }), {}, 'error')
  })
  return aedes
}
