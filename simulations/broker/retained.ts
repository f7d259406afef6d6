/**
 * Retained messages: what subscribers are given, and what a crash would leave of it. A change is visible when
 * `apply` is called; it is durable when its commit has come. What was acknowledged and is lost is reported, because no
 * guarantee covers it.
 */
import type { Address } from '../../shared/protocol/topics.ts'
import type { Packet } from './packet.ts'

interface Undurable {
  readonly packet: Packet
  readonly before: Packet | undefined
}

export class Retained {
  readonly #current = new Map<string, Packet>()
  /** The same by mesh and route: what a protocol's wildcard filter matches, in the same order. */
  readonly #byRoute = new Map<string, Map<string, Packet>>()
  /** Visible and acknowledged, not yet durable: oldest first. */
  #undurable: Undurable[] = []

  get size(): number {
    return this.#current.size
  }

  get(topic: string): Packet | undefined {
    return this.#current.get(topic)
  }

  all(): IterableIterator<Packet> {
    return this.#current.values()
  }

  /** What `address`, a filter of one route and any id and page, matches. */
  ofRoute(address: Address): Iterable<Packet> {
    return this.#byRoute.get(routeKey(address))?.values() ?? []
  }

  #put(packet: Packet): void {
    this.#current.set(packet.topic, packet)
    if (packet.address === undefined) return
    const key = routeKey(packet.address)
    let packets = this.#byRoute.get(key)
    if (packets === undefined) {
      packets = new Map()
      this.#byRoute.set(key, packets)
    }
    packets.set(packet.topic, packet)
  }

  #remove(packet: Packet): void {
    this.#current.delete(packet.topic)
    if (packet.address !== undefined) this.#byRoute.get(routeKey(packet.address))?.delete(packet.topic)
  }

  /** Makes a change visible; durable at once, or when `settle` is called for it. */
  apply(packet: Packet, durable: boolean): void {
    if (!durable) this.#undurable.push({ packet, before: this.#current.get(packet.topic) })
    if (packet.empty) this.#remove(packet)
    else this.#put(packet)
  }

  /** The oldest change that was not durable is now. */
  settle(): void {
    this.#undurable.shift()
  }

  /** Everything is durable now. */
  settleAll(): void {
    this.#undurable = []
  }

  /** A crash with the store intact: back to what was durable. Returns the topics whose acknowledged change is lost. */
  crash(): string[] {
    const lost = this.#undurable
    this.#undurable = []
    for (const { packet, before } of [...lost].reverse()) {
      if (before === undefined) this.#remove(packet)
      else this.#put(before)
    }
    return lost.map(({ packet }) => packet.topic)
  }

  wipe(): void {
    this.#current.clear()
    this.#byRoute.clear()
    this.#undurable = []
  }
}

const routeKey = ({ mesh, route }: Address): string => `${mesh}/${route}`
