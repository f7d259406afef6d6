/**
 * Retained messages: what subscribers are given, and what a crash would leave of it. A change is visible when
 * `apply` is called; it is durable when its commit has come. What was acknowledged and is lost is reported, because no
 * guarantee covers it.
 */
import type { Packet } from './packet.ts'

interface Undurable {
  readonly topic: string
  readonly before: Packet | undefined
}

export class Retained {
  readonly #current = new Map<string, Packet>()
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

  /** Makes a change visible; durable at once, or when `settle` is called for it. */
  apply(packet: Packet, durable: boolean): void {
    if (!durable) this.#undurable.push({ topic: packet.topic, before: this.#current.get(packet.topic) })
    if (packet.empty) this.#current.delete(packet.topic)
    else this.#current.set(packet.topic, packet)
  }

  /** The oldest change that was not durable is now. */
  settle(): void {
    this.#undurable.shift()
  }

  /** A crash with the store intact: back to what was durable. Returns the topics whose acknowledged change is lost. */
  crash(): string[] {
    const lost = this.#undurable
    this.#undurable = []
    for (const { topic, before } of [...lost].reverse()) {
      if (before === undefined) this.#current.delete(topic)
      else this.#current.set(topic, before)
    }
    return lost.map(({ topic }) => topic)
  }

  wipe(): void {
    this.#current.clear()
    this.#undurable = []
  }
}
