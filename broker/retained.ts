/**
 * The retained messages in memory: a tree with a node for each topic level.
 *
 * aedes-persistence tests every retained topic against the filter of every subscription; with 20,000 tasks each
 * agent that reconnects would cost 20,000 tests. Here an exact topic costs a look-up per level, and a wildcard
 * visits only the branches it can match.
 */
import { type Holdings, isSubmitted, retainedBytes, type Tally } from './retained-room.ts'

export interface Retained {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
}

interface Node {
  children: Map<string, Node> | undefined
  message: Retained | undefined
}

const newNode = (): Node => ({ children: undefined, message: undefined })

export class RetainedTree implements Holdings {
  readonly #root = newNode()
  readonly #all: Tally = { count: 0, bytes: 0 }
  readonly #submitted: Tally = { count: 0, bytes: 0 }

  get all(): Readonly<Tally> {
    return this.#all
  }

  get submitted(): Readonly<Tally> {
    return this.#submitted
  }

  get count(): number {
    return this.#all.count
  }

  get bytes(): number {
    return this.#all.bytes
  }

  bytesAt(topic: string): number | undefined {
    const message = this.get(topic)
    return message === undefined ? undefined : retainedBytes(topic, message.payload.length)
  }

  /**
   * Stores a message, or removes the topic's when `payload` is empty. The payload is copied: what the parser hands
   * out is a window on a read chunk of up to 64 KiB, which a retained message of 300 bytes would keep alive.
   */
  set(topic: string, payload: Buffer, qos: 0 | 1 | 2): void {
    if (payload.length === 0) {
      this.#delete(topic)
      return
    }
    let node = this.#root
    for (const level of topic.split('/')) {
      node.children ??= new Map()
      let child = node.children.get(level)
      if (child === undefined) {
        child = newNode()
        node.children.set(level, child)
      }
      node = child
    }
    if (node.message !== undefined) this.#tally(node.message, -1)
    const own = Buffer.allocUnsafeSlow(payload.length)
    payload.copy(own)
    node.message = { topic, payload: own, qos }
    this.#tally(node.message, 1)
  }

  get(topic: string): Retained | undefined {
    let node: Node | undefined = this.#root
    for (const level of topic.split('/')) {
      node = node.children?.get(level)
      if (node === undefined) return undefined
    }
    return node.message
  }

  /** What matches a filter now. A leading wildcard does not match `$` topics [MQTT-4.7.2-1]. */
  matching(filter: string): Retained[] {
    const found: Retained[] = []
    collect(this.#root, filter.split('/'), 0, found)
    return found
  }

  #delete(topic: string): void {
    const levels = topic.split('/')
    const path: Node[] = [this.#root]
    for (const level of levels) {
      const next = path.at(-1)?.children?.get(level)
      if (next === undefined) return
      path.push(next)
    }
    const leaf = path.at(-1)
    if (leaf?.message === undefined) return
    this.#tally(leaf.message, -1)
    leaf.message = undefined
    // Empty branches go too, or the tree would keep a node for every task there ever was.
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth]
      const level = levels[depth - 1]
      if (
        node === undefined ||
        level === undefined ||
        node.message !== undefined ||
        node.children !== undefined
      )
        return
      const parent = path[depth - 1]
      parent?.children?.delete(level)
      if (parent?.children?.size === 0) parent.children = undefined
    }
  }

  #tally({ topic, payload }: Retained, sign: 1 | -1): void {
    const bytes = retainedBytes(topic, payload.length)
    for (const tally of isSubmitted(topic) ? [this.#all, this.#submitted] : [this.#all]) {
      tally.count += sign
      tally.bytes += sign * bytes
    }
  }
}

function collect(node: Node, levels: readonly string[], depth: number, found: Retained[]): void {
  const level = levels[depth]
  if (level === undefined) {
    if (node.message !== undefined) found.push(node.message)
    return
  }
  if (level === '#') {
    collectAll(node, depth === 0, found)
    return
  }
  if (level !== '+') {
    const child = node.children?.get(level)
    if (child !== undefined) collect(child, levels, depth + 1, found)
    return
  }
  if (node.children === undefined) return
  for (const [name, child] of node.children) {
    if (depth === 0 && name.startsWith('$')) continue
    collect(child, levels, depth + 1, found)
  }
}

function collectAll(node: Node, atRoot: boolean, found: Retained[]): void {
  if (node.message !== undefined) found.push(node.message)
  if (node.children === undefined) return
  for (const [name, child] of node.children) {
    if (atRoot && name.startsWith('$')) continue
    collectAll(child, false, found)
  }
}
