/**
 * Live streams of what changes in a mesh. Each starts with what is retained, goes on until its reader stops
 * (`break`), its signal is aborted or the client is closed, and holds at most `WATCH_ITEMS_MAX` unread items:
 * of a task or device only the newest is kept; of logs and events the oldest are dropped and counted in `dropped`.
 */

import type { Incoming } from '../shared/protocol/codec.ts'
import type { MeshEvent, TaskLog, TaskStatus } from '../shared/protocol/schemas/index.ts'
import type { Route, Topics } from '../shared/protocol/topics.ts'
import { BoundedQueue } from './bounded-queue.ts'
import { type Device, mergeDevice } from './device.ts'
import { bodyOf, readMessage } from './incoming.ts'
import type { Link } from './link.ts'

export interface WatchOptions {
  readonly signal?: AbortSignal
}

/** A task's newest status; `undefined` when the mesh has forgotten it. */
export interface TaskChange {
  readonly id: string
  readonly status: TaskStatus | undefined
}

export class Watch {
  readonly #link: Link
  readonly #topics: Topics
  readonly #open = new Set<{ end(): void }>()

  constructor(link: Link, topics: Topics) {
    this.#link = link
    this.#topics = topics
  }

  /** Every status of every task, or of one. */
  tasks(options: WatchOptions & { id?: string } = {}): BoundedQueue<TaskChange> {
    const { id } = options
    const filters: [string, 0 | 1][] =
      id === undefined ? [[this.#topics.all('status'), 0]] : [[this.#topics.of('status', id), 1]]
    return this.#watch(filters, options.signal, (message, push) => {
      if (message.route !== 'status' || 'rejection' in message) return
      push({ id: message.id, status: bodyOf(message, 'status') }, message.id)
    })
  }

  /** Every device, or some, with all that is known of it, again after each of its messages, heartbeats included. */
  devices(options: WatchOptions & { ids?: readonly string[] } = {}): BoundedQueue<Device> {
    const known = new Map<string, Device>()
    const filters = (['state', 'desired', 'load'] as const).flatMap((route) => {
      const topics = options.ids?.map((id) => this.#topics.of(route, id)) ?? [this.#topics.all(route)]
      return topics.map((topic): [string, 0] => [topic, 0])
    })
    return this.#watch(filters, options.signal, (message, push) => {
      const device = mergeDevice(known, message)
      if (device !== undefined) push(device, device.id)
    })
  }

  /** The coordinator's decisions, as they are taken. */
  events(options: WatchOptions = {}): BoundedQueue<MeshEvent> {
    return this.#bodies('events', undefined, options)
  }

  /** A task's output, as it comes. */
  log(id: string, options: WatchOptions = {}): BoundedQueue<TaskLog> {
    return this.#bodies('log', id, options)
  }

  /** Ends all streams. */
  close(): void {
    for (const queue of [...this.#open]) queue.end()
  }

  #bodies<R extends 'events' | 'log'>(route: R, id: string | undefined, options: WatchOptions) {
    type Body = R extends 'events' ? MeshEvent : TaskLog
    return this.#watch<Body>([[this.#topics.of(route as Route, id), 0]], options.signal, (message, push) => {
      const body = bodyOf(message, route)
      if (body !== undefined) push(body as unknown as Body)
    })
  }

  #watch<T>(
    filters: readonly [string, 0 | 1][],
    signal: AbortSignal | undefined,
    take: (message: Incoming, push: (item: T, key?: string) => void) => void,
  ): BoundedQueue<T> {
    const stops: (() => void)[] = []
    const abort = () => queue.end()
    const queue = new BoundedQueue<T>(() => {
      for (const stop of stops) stop()
      signal?.removeEventListener('abort', abort)
      this.#open.delete(queue)
    })
    this.#open.add(queue)
    const push = (item: T, key?: string) => queue.push(item, key)
    for (const [filter, qos] of filters) {
      stops.push(
        this.#link.listen(filter, qos, {
          message: (topic, payload, retained) => {
            const message = readMessage(this.#topics, topic, payload, retained)
            if (message !== undefined) take(message, push)
          },
          refused: (error) => queue.end(error),
        }),
      )
    }
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort, { once: true })
    return queue
  }
}
