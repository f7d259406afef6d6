/**
 * Retained messages: what subscribers are given, and what a crash would leave of it. A change is visible when
 * `apply` is called; it is durable when its commit has come. What was acknowledged and is lost is reported, because no
 * guarantee covers it.
 */
import type { Address, Route } from '../../shared/protocol/topics.ts'
import type { Packet } from './packet.ts'

interface Undurable {
  readonly packet: Packet
  readonly before: Packet | undefined
}

export class Retained {
  readonly #current = new Map<string, Packet>()
  /** The same by mesh and route: what a protocol's wildcard filter matches, in the same order. */
  readonly #byRoute = new Map<string, Map<Route, Map<string, Packet>>>()
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
    return this.#ofRoute(address)?.values() ?? []
  }

  #ofRoute({ mesh, route }: Address): Map<string, Packet> | undefined {
    return this.#byRoute.get(mesh)?.get(route)
  }

  #put(packet: Packet): void {
    this.#current.set(packet.topic, packet)
    if (packet.address === undefined) return
    const { mesh, route } = packet.address
    let routes = this.#byRoute.get(mesh)
    if (routes === undefined) {
      routes = new Map()
      this.#byRoute.set(mesh, routes)
    }
    let packets = routes.get(route)
    if (packets === undefined) {
      packets = new Map()
      routes.set(route, packets)
    }
    packets.set(packet.topic, packet)
  }

  #remove(packet: Packet): void {
    this.#current.delete(packet.topic)
    if (packet.address !== undefined) this.#ofRoute(packet.address)?.delete(packet.topic)
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
