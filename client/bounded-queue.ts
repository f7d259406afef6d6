/**
 * An async iterator that never holds more than a fixed number of items. What a slow reader has not taken yet is
 * replaced by newer news of the same key; without keys, and when all keys differ, the oldest is dropped and counted.
 */
export const WATCH_ITEMS_MAX = 10_000

export class BoundedQueue<T> implements AsyncIterableIterator<T> {
  readonly #items = new Map<unknown, T>()
  readonly #itemsMax: number
  readonly #onEnd: () => void
  #waiting: { resolve: (result: IteratorResult<T>) => void; reject: (error: unknown) => void } | undefined
  #ended = false
  #failure: { error: unknown } | undefined
  #serial = 0
  /** How many items the reader never saw because it was too slow. */
  dropped = 0

  constructor(onEnd: () => void, itemsMax: number = WATCH_ITEMS_MAX) {
    this.#onEnd = onEnd
    this.#itemsMax = itemsMax
  }

  /** Adds an item; with a key it takes the place of an unread one with the same key. */
  push(item: T, key?: string): void {
    if (this.#ended) return
    if (this.#waiting !== undefined) {
      const { resolve } = this.#waiting
      this.#waiting = undefined
      resolve({ value: item, done: false })
      return
    }
    this.#items.set(key ?? ++this.#serial, item)
    if (this.#items.size > this.#itemsMax) {
      for (const oldest of this.#items.keys()) {
        this.#items.delete(oldest)
        this.dropped++
        break
      }
    }
  }

  /** Ends the iteration after what is queued; with an error it is thrown then. */
  end(error?: unknown): void {
    if (this.#ended) return
    this.#ended = true
    if (error !== undefined) this.#failure = { error }
    this.#onEnd()
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) return
    if (error === undefined) waiting.resolve({ value: undefined, done: true })
    else waiting.reject(error)
  }

  next(): Promise<IteratorResult<T>> {
    for (const [key, value] of this.#items) {
      this.#items.delete(key)
      return Promise.resolve({ value, done: false })
    }
    if (this.#failure !== undefined) {
      const { error } = this.#failure
      this.#failure = undefined
      return Promise.reject(error)
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    if (this.#waiting !== undefined)
      return Promise.reject(new RangeError('next was called before the last one was answered'))
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  return(): Promise<IteratorResult<T>> {
    this.#items.clear()
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
