/**
 * The way of a publish: refuse, commit, deliver, acknowledge, in this order.
 *
 * aedes calls `authorizePublish` first of all, and would then acknowledge *before* it stores and delivers. So the
 * broker takes the publish over there and does not call back; instead it does the rest itself and tells aedes
 * (`_nextBatch`) that the packet is done. While packets of a read chunk are not done aedes does not read on from
 * that client: that is the backpressure of a slow disk.
 */
import { type IPubackPacket, type IPubrecPacket, writeToStream } from 'mqtt-packet'
import { CoveyError } from '../shared/errors/errors.ts'
import { parseTopic } from '../shared/protocol/topics.ts'
import type { InsideAedes, InsideClient, Publish } from './aedes-inside.ts'
import { type Complaints, limitReached } from './complaints.ts'
import type { GroupCommit } from './group-commit.ts'
import type { Limits } from './limits.ts'
import type { Counters } from './metrics.ts'
import { asBuffer, type BrokerPersistence } from './persistence.ts'
import { PublishLines } from './publish-line.ts'
import { RetainedRoom } from './retained-room.ts'
import { qos2Reached } from './sessions.ts'

export interface PublishingParts {
  readonly limits: Limits
  readonly persistence: BrokerPersistence
  /** Absent when the broker runs in memory only. */
  readonly commit: GroupCommit | undefined
  readonly complaints: Complaints
  readonly counters: Counters
  /** Why this client may not publish there; `undefined` when it may. */
  readonly mayPublish: (client: InsideClient, topic: string) => CoveyError | undefined
}

export class Publishing {
  readonly #parts: PublishingParts
  readonly #lines = new PublishLines()
  /** Connections of which a commit failed; what they still have waiting is not written. */
  readonly #failed = new WeakSet<InsideClient>()
  readonly #room: RetainedRoom
  #stopped = false
  aedes: InsideAedes | undefined

  constructor(parts: PublishingParts) {
    this.#parts = parts
    this.#room = new RetainedRoom(parts.limits, parts.persistence.retained)
  }

  /** The hook of aedes; `done` is only called for wills. */
  authorize(client: InsideClient | null, packet: Publish, done: (error?: Error | null) => void): void {
    if (client === null) done(new CoveyError('E_TOPIC', 'a publish without a client'))
    else if (packet === client.will) this.#will(client, packet, done)
    else this.#publish(client, packet)
  }

  /** From here on publishes are ignored, which is to say not acknowledged; what waits goes on, and so do wills. */
  stop(): void {
    this.#stopped = true
  }

  #publish(client: InsideClient, packet: Publish): void {
    if (this.#stopped) return
    const { counters, complaints, commit } = this.#parts
    counters.messagesIn += 1
    const refusal = this.refuse(client, packet)
    if (refusal !== undefined) {
      // MQTT 3.1.1 can only say no by closing the connection. A publisher at QoS 1 waits for an acknowledgement
      // that means "accepted" and must not get it. At QoS 0 nothing was promised, so an unknown topic of the
      // protocol (a newer agent's, say) is dropped and the connection lives.
      counters.dropped += 1
      if (refusal.code === 'E_TOPIC' && packet.qos === 0) {
        complaints.about(refusal, { clientId: client.id, topic: packet.topic })
        setImmediate(client._nextBatch)
      } else client.emit('error', refusal)
      return
    }
    if (packet.qos === 2 && !this.#receive(client, packet)) return
    const release = (): void => this.#deliver(client, packet)
    if (!packet.retain || commit === undefined) {
      this.#lines.pass(client.id, release)
      return
    }
    let error: CoveyError | undefined
    const ready = this.#lines.wait(client.id, () =>
      error === undefined ? release() : this.#fail(client, error),
    )
    const { topic, qos } = packet
    const settle = this.#room.hold(topic, packet.payload.length)
    commit.add(
      { topic, payload: asBuffer(packet.payload), qos },
      () => !this.#failed.has(client),
      (failure) => {
        settle()
        error = failure
        ready()
      },
    )
  }

  /** A will has no one to refuse it to, and no acknowledgement: it is delivered even when it could not be committed. */
  #will(client: InsideClient, will: Publish, done: (error?: Error | null) => void): void {
    const { commit, complaints } = this.#parts
    const refusal = this.refuse(client, will)
    if (refusal !== undefined) {
      complaints.about(refusal, { clientId: client.id, topic: will.topic, will: true })
      done(refusal)
      return
    }
    if (!will.retain || commit === undefined) {
      this.#lines.pass(client.id, () => done(null))
      return
    }
    const ready = this.#lines.wait(client.id, () => done(null))
    const { topic, qos } = will
    const settle = this.#room.hold(topic, will.payload.length)
    commit.add(
      { topic, payload: asBuffer(will.payload), qos },
      () => true,
      (error) => {
        settle()
        if (error !== undefined) complaints.about(error, { clientId: client.id, topic, will: true }, 'error')
        ready()
      },
    )
  }

  #deliver(client: InsideClient, packet: Publish): void {
    let now = true
    this.aedes?.publish(packet, client, (error) => {
      // Called within the parser's loop, reading on would make the parser enter itself.
      if (now) setImmediate(client._nextBatch, error ?? undefined)
      else client._nextBatch(error ?? undefined)
    })
    now = false
    if (packet.qos > 0)
      this.#acknowledge(client, packet.qos === 1 ? 'puback' : 'pubrec', packet.messageId ?? 0)
  }

  #acknowledge(client: InsideClient, cmd: 'puback' | 'pubrec', messageId: number): void {
    if (client.closed || client.conn.destroyed) return
    const packet: IPubackPacket | IPubrecPacket = { cmd, messageId }
    const room = writeToStream(packet, client.conn)
    if (!room) client.waitForDrain(() => {})
  }

  /** False when the publish needs no delivery: it is a repetition, or was refused. */
  #receive(client: InsideClient, packet: Publish): boolean {
    const messageId = packet.messageId ?? 0
    const receipt = this.#parts.persistence.receive(client.id, messageId)
    if (receipt === 'new') return true
    if (receipt === 'refused') client.emit('error', qos2Reached(this.#parts.limits.qos2PerClientMax))
    else {
      this.#lines.pass(client.id, () => {
        this.#acknowledge(client, 'pubrec', messageId)
        setImmediate(client._nextBatch)
      })
    }
    return false
  }

  #fail(client: InsideClient, error: CoveyError): void {
    this.#parts.counters.dropped += 1
    if (this.#failed.has(client)) return
    this.#failed.add(client)
    if (client.closed) this.#parts.complaints.about(error, { clientId: client.id }, 'error')
    else client.emit('error', error)
  }

  /** Why a publish or will is not taken; `undefined` when it is. */
  refuse(client: InsideClient, packet: Publish): CoveyError | undefined {
    const { limits, mayPublish } = this.#parts
    const { topic } = packet
    const malformed = refuseTopic(topic, limits)
    if (malformed !== undefined) return malformed
    if (packet.payload.length > limits.payloadBytesMax) {
      return new CoveyError(
        'E_TOO_LARGE',
        `a payload of ${packet.payload.length} bytes on ${topic}; at most ${limits.payloadBytesMax} are taken`,
      )
    }
    if (topic.startsWith('covey/') && parseTopic(topic) === undefined) {
      return new CoveyError('E_TOPIC', `${topic} is no topic of the protocol`)
    }
    return mayPublish(client, topic) ?? this.#refuseForRoom(client, packet)
  }

  #refuseForRoom(client: InsideClient, packet: Publish): CoveyError | undefined {
    const { limits, commit } = this.#parts
    if (this.#lines.waiting(client.id) >= limits.inFlightPerClientMax) {
      return limitReached('inFlightPerClientMax', 'too many publishes of one client wait for their commit')
    }
    if (!packet.retain) return undefined
    if ((commit?.count ?? 0) >= limits.commitQueueMax) {
      return limitReached('commitQueueMax', 'too many publishes wait')
    }
    if ((commit?.bytes ?? 0) > limits.commitQueueBytesMax) {
      return limitReached('commitQueueBytesMax', 'too much waits')
    }
    return this.#room.refuse(client.id, packet.topic, packet.payload.length)
  }
}

/** Why a topic cannot be published on; wildcards and levels are judged too, because aedes does not for wills. */
export function refuseTopic(topic: string, limits: Limits): CoveyError | undefined {
  if (topic.length === 0 || /[+#\0\ufffd]/.test(topic)) {
    return new CoveyError('E_TOPIC', `the topic ${JSON.stringify(topic.slice(0, 80))} is not well formed`)
  }
  if (topic.length > limits.topicCharsMax) {
    return new CoveyError(
      'E_TOPIC',
      `a topic of ${topic.length} characters; at most ${limits.topicCharsMax} are taken`,
    )
  }
  if (topic.split('/').length > limits.topicLevelsMax) {
    return new CoveyError(
      'E_TOPIC',
      `a topic with too many levels; at most ${limits.topicLevelsMax} are taken`,
    )
  }
  if (topic.startsWith('$')) return new CoveyError('E_TOPIC', `${topic} belongs to the broker itself`)
  return undefined
}
