/**
 * Watches a live run from outside, by a connection of its own: what it sees becomes the same figures, and the same
 * check that no task is lost or ends twice, as in a simulated run. It cannot see who sent a message, so a spec that
 * it has not seen before is a submitter's.
 */
import type { MqttClient } from 'mqtt'
import type { Beacon, DeviceState } from '../../shared/protocol/schemas/index.ts'
import { TOPIC_ROOT } from '../../shared/protocol/topics.ts'
import { type Packet, packetOfText } from '../broker/packet.ts'
import type { OnceChecker } from '../checkers/i2-once.ts'
import type { Metrics } from '../scenario/metrics.ts'
import { inTime } from './in-time.ts'
import { connect } from './lasting-connection.ts'
import { LatestTimes } from './latest-times.ts'

const LOAD = /\/devices\/([^/]+)\/load$/
/** Outside the protocol's topics, so that nobody else sees it. */
const PROBE = 'covey-live/probe'
const STORE_PROBE = 'covey-live/store'

/** How long the onlooker's own messages took, in milliseconds. */
export interface ProbeTimes {
  /** Through the broker and back. */
  readonly roundTripMs: readonly number[]
  /** From sending a message that the broker retains to its acknowledgement. */
  readonly storeMs: readonly number[]
}

const SUBMITTER = { tag: 'submitter' } as const

export interface OnlookerContext {
  readonly mesh: string
  readonly metrics: Metrics
  readonly once: OnceChecker
}

export class Onlooker {
  /** Messages that it has seen. */
  messages = 0
  /** Who holds the seat, as the last beacon says. */
  coordinator: string | undefined
  /** When that beacon came, by the monotonic clock in milliseconds. */
  beaconMs = 0
  readonly #roundTripMs = new LatestTimes()
  readonly #storeMs = new LatestTimes()
  readonly #context: OnlookerContext
  readonly #client: MqttClient
  readonly #online = new Set<string>()
  readonly #specs = new Set<string>()
  readonly #submitted = new Set<string>()

  private constructor(client: MqttClient, context: OnlookerContext) {
    this.#client = client
    this.#context = context
    client.on('message', (topic, payload, { qos, retain }) => this.#on(topic, payload, qos, retain))
  }

  /**
   * Resolves when it sees everything that is published from then on.
   *
   * @throws CoveyError E_START when the broker does not answer in time; the signal's reason when that is aborted
   */
  static async open(url: string, context: OnlookerContext, signal: AbortSignal): Promise<Onlooker> {
    const client = await connect(url, 'covey-live-onlooker', signal)
    const onlooker = new Onlooker(client, context)
    try {
      const subscribed = client.subscribeAsync([`${TOPIC_ROOT}/${context.mesh}/#`, PROBE], { qos: 1 })
      await inTime(subscribed, "the onlooker's subscriptions", signal)
      return onlooker
    } catch (error) {
      await onlooker.close()
      throw error
    }
  }

  /** Sends itself a message, and the broker one to retain, to see how long that takes. */
  probe(): void {
    if (!this.#client.connected) return
    const sentMs = performance.now()
    this.#client.publish(PROBE, String(sentMs))
    this.#client.publish(STORE_PROBE, String(sentMs), { qos: 1, retain: true }, (error) => {
      if (error === undefined || error === null) this.#storeMs.add(performance.now() - sentMs)
    })
  }

  /** The times since they were taken last. */
  takeTimes(): ProbeTimes {
    return { roundTripMs: this.#roundTripMs.take(), storeMs: this.#storeMs.take() }
  }

  /** Devices whose last word, or the broker's about them, is that they are online. */
  get devicesUp(): number {
    return this.#online.size
  }

  /** Whether the spec of a task is still there for whoever coordinates next. */
  holdsSpec(task: string): boolean {
    return this.#specs.has(task)
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }

  #on(topic: string, payload: Buffer, qos: number, retain: boolean): void {
    if (topic === PROBE) {
      this.#roundTripMs.add(performance.now() - Number(payload))
      return
    }
    this.messages++
    const { metrics, once } = this.#context
    const heartbeat = LOAD.exec(topic)
    if (heartbeat !== null) {
      metrics.sign(heartbeat[1] as string)
      return
    }
    const packet = packetOfText(topic, payload.toString('utf8'), qos === 0 ? 0 : 1, retain)
    const id = packet.address?.id ?? ''
    if (packet.route === 'spec') this.#onSpec(id, packet)
    else if (packet.route === 'state') this.#onState(id, packet.body as DeviceState | undefined)
    else if (packet.route === 'report') metrics.sign(id)
    else {
      if (packet.route === 'beacon' && packet.body !== undefined) {
        this.coordinator = (packet.body as Beacon).agent
        this.beaconMs = performance.now()
      }
      metrics.message(packet)
      once.accepted(packet, undefined)
    }
  }

  #onSpec(task: string, packet: Packet): void {
    if (packet.empty) {
      this.#specs.delete(task)
      return
    }
    this.#specs.add(task)
    if (this.#submitted.has(task)) return
    this.#submitted.add(task)
    this.#context.metrics.spec(task)
    this.#context.once.accepted(packet, SUBMITTER)
  }

  #onState(device: string, state: DeviceState | undefined): void {
    if (state === undefined) return
    if (state.online) {
      this.#online.add(device)
      this.#context.metrics.sign(device)
    } else this.#online.delete(device)
  }
}
