/**
 * Subscription filters: an index that finds the filters a topic matches, and the question whether two filters can
 * match one topic.
 */

interface Node<V> {
  children: Map<string, Node<V>> | undefined
  /** Values of the filter that ends here, by owner. */
  values: Map<string, V> | undefined
}

const newNode = <V>(): Node<V> => ({ children: undefined, values: undefined })

/** Filters with an owner each; `match` costs by the depth of the topic, not by the number of filters. */
export class FilterIndex<V> {
  readonly #root = newNode<V>()
  #count = 0

  get count(): number {
    return this.#count
  }

  set(filter: string, owner: string, value: V): void {
    let node = this.#root
    for (const level of filter.split('/')) {
      node.children ??= new Map()
      let child = node.children.get(level)
      if (child === undefined) {
        child = newNode()
        node.children.set(level, child)
      }
      node = child
    }
    node.values ??= new Map()
    if (!node.values.has(owner)) this.#count += 1
    node.values.set(owner, value)
  }

  delete(filter: string, owner: string): void {
    if (this.#remove(this.#root, filter.split('/'), 0, owner)) this.#count -= 1
  }

  /** Calls `each` for every filter that matches; an owner with several filters is named several times. */
  match(topic: string, each: (owner: string, value: V) => void): void {
    if (this.#count > 0) visit(this.#root, topic.split('/'), 0, each)
  }

  #remove(node: Node<V>, levels: readonly string[], depth: number, owner: string): boolean {
    const level = levels[depth]
    if (level === undefined) {
      const removed = node.values?.delete(owner) ?? false
      if (node.values?.size === 0) node.values = undefined
      return removed
    }
    const child = node.children?.get(level)
    if (child === undefined) return false
    const removed = this.#remove(child, levels, depth + 1, owner)
    if (child.children === undefined && child.values === undefined) {
      node.children?.delete(level)
      if (node.children?.size === 0) node.children = undefined
    }
    return removed
  }
}

function visit<V>(
  node: Node<V>,
  levels: readonly string[],
  depth: number,
  each: (owner: string, value: V) => void,
): void {
  const level = levels[depth]
  // A leading wildcard does not match `$` topics [MQTT-4.7.2-1]; `a/#` matches `a` too.
  const wild = !(depth === 0 && level?.startsWith('$'))
  if (wild) emit(node.children?.get('#'), each)
  if (level === undefined) {
    emit(node, each)
    return
  }
  const child = node.children?.get(level)
  if (child !== undefined) visit(child, levels, depth + 1, each)
  const any = wild ? node.children?.get('+') : undefined
  if (any !== undefined) visit(any, levels, depth + 1, each)
}

function emit<V>(node: Node<V> | undefined, each: (owner: string, value: V) => void): void {
  if (node?.values === undefined) return
  for (const [owner, value] of node.values) each(owner, value)
}

/** Whether some topic matches both filters. */
export function filtersOverlap(one: string, other: string): boolean {
  const a = one.split('/')
  const b = other.split('/')
  for (let i = 0; ; i++) {
    const x = a[i]
    const y = b[i]
    if (x === '#' || y === '#') return true
    if (x === undefined || y === undefined) return x === y
    if (x !== y && x !== '+' && y !== '+') return false
  }
}
