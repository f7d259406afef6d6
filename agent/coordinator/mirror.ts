/**
 * The warm copy: what candidates follow all the time, so that the one that is elected need not read the mesh
 * first. It keeps the last message of every retained topic that matters to a coordinator, and judges nothing.
 */

import type { Subscription } from '../../shared/ports.ts'
import { sameAttempt } from '../../shared/protocol/attempt.ts'
import type { Incoming } from '../../shared/protocol/codec.ts'
import { type Desired, type DeviceState, isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { Route } from '../../shared/protocol/topics.ts'
import type { Context } from '../core/context.ts'
import { CANDIDATES_MAX } from '../core/options.ts'
import { Leaders } from '../election/rank.ts'
import { PageIndex } from './page-index.ts'

/**
 * Specs that are asked for through the seat because they are in doubt: one subscription each, and a broker may allow
 * a connection 1,000. Beyond it the oldest is believed: a task that ended is then run again, but none is lost.
 */
const DOUBTFUL_MAX = 500
/** Retained messages come this soon after their subscription, or after one another, however slow the broker. */
const TRAILING_MS_MAX = 30_000

type Of<R extends Route> = Extract<Incoming, { route: R }>

export class Mirror {
  readonly specs = new Map<string, Of<'spec'>>()
  /** Ids of specs that may have been cleared on the broker: what has been heard of them came in an unlikely order. */
  readonly doubtful = new Set<string>()
  readonly statuses = new Map<string, Of<'status'>>()
  readonly states = new Map<string, Of<'state'>>()
  readonly desired = new Map<string, Of<'desired'>>()
  /** Pages of results, by task. */
  readonly pages = new Map<string, Map<string, PageIndex>>()
  config: Of<'config'> | undefined
  /** When the last retained message of the copy came, on the monotonic clock. */
  lastRetainedMs = Number.NEGATIVE_INFINITY
  /** The first of those who may become coordinator. */
  readonly leaders = new Leaders(CANDIDATES_MAX, () => this.readableStates())
  /** Topics that spoke since the subscription, while retained messages may still trail. */
  #spoken: Set<string> | undefined
  #clearedMs = 0
  /** When the broker granted the copy's subscriptions; `undefined` while it is not being followed. */
  followedSinceMs: number | undefined

  /** What a candidate subscribes to beyond what every agent does. */
  static subscriptions(context: Context): readonly Subscription[] {
    const { topics } = context
    // QoS 0 on purpose: a restore at QoS 1 exceeds the queues of stock brokers, which then drop the rest.
    return [
      { topic: topics.of('death'), qos: 1 },
      { topic: topics.of('marker'), qos: 0 },
      { topic: topics.of('config'), qos: 0 },
      { topic: topics.all('state'), qos: 0 },
      { topic: topics.all('desired'), qos: 0 },
      { topic: topics.all('spec'), qos: 0 },
      { topic: topics.all('status'), qos: 0 },
      { topic: topics.ofPage('+', '+'), qos: 0 },
    ]
  }

  /** What the operator wants of a device. */
  wish(id: string): Desired | undefined {
    const message = this.desired.get(id)
    return message !== undefined && 'body' in message ? message.body : undefined
  }

  /**
   * Takes a message in.
   * @returns false when it is older than what is known already, and must not be acted upon
   */
  apply(message: Incoming, nowMs: number): boolean {
    if (this.#overtaken(message, nowMs) || this.#outlived(message)) {
      // What is retained still trails, and others may come that nothing has overtaken.
      this.lastRetainedMs = nowMs
      return false
    }
    switch (message.route) {
      case 'spec':
        keep(this.specs, message)
        this.doubtful.delete(message.id)
        break
      case 'status':
        keep(this.statuses, message)
        this.#doubt(message)
        break
      case 'state':
        this.#keepState(message)
        break
      case 'desired':
        keep(this.desired, message)
        break
      case 'results':
        this.#keepPage(message)
        break
      case 'config':
        this.config = 'empty' in message ? undefined : message
        break
      default:
        return true
    }
    if (message.retained) this.lastRetainedMs = nowMs
    return true
  }

  /**
   * Brokers that stream what is retained let live messages overtake it: a retained message on a topic that has
   * spoken since the subscription is from before. Remembered until what is retained has been quiet for long. What
   * comes before the SUBACK was asked for by an earlier subscription and proves nothing about this one.
   */
  #overtaken(message: Incoming, nowMs: number): boolean {
    if (this.#spoken === undefined || this.followedSinceMs === undefined) return false
    const key = `${message.route}/${message.id}/${message.page ?? ''}`
    if (message.retained) return this.#spoken.has(key)
    if (nowMs - Math.max(this.#clearedMs, this.lastRetainedMs) > TRAILING_MS_MAX) this.#spoken = undefined
    else this.#spoken.add(key)
    return false
  }

  /**
   * Of two streams of what is retained, of two subscriptions, the older may come last. An attempt that has ended goes on
   * in no status of the same reign, so one that says so is from before.
   */
  #outlived(message: Incoming): boolean {
    if (message.route !== 'status' || !message.retained || !('body' in message)) return false
    const known = this.statuses.get(message.id)
    if (known === undefined || !('body' in known)) return false
    const { body: ended } = known
    const { body: found } = message
    const sameReign = ended.term === found.term && ended.agent === found.agent
    const goesOn = isTerminal(ended.state) && !isTerminal(found.state)
    return sameReign && goesOn && sameAttempt(ended.attempt, found.attempt)
  }

  /**
   * A status is cleared long after its task's spec. If the copy has a spec then, it came after its own clearing, by
   * another server of a cluster, or was submitted again just now: only the broker can tell.
   */
  #doubt(message: Of<'status'>): void {
    const { id } = message
    if (!('empty' in message) || !this.specs.has(id)) {
      this.doubtful.delete(id)
      return
    }
    this.doubtful.add(id)
    if (this.doubtful.size <= DOUBTFUL_MAX) return
    const [oldest = ''] = this.doubtful
    this.doubtful.delete(oldest)
  }

  #keepPage(message: Of<'results'>): void {
    const { id, page: name = '' } = message
    let pages = this.pages.get(id)
    if ('body' in message) {
      if (pages === undefined) {
        pages = new Map()
        this.pages.set(id, pages)
      }
      pages.set(name, new PageIndex(message.body))
    } else if ('empty' in message) {
      pages?.delete(name)
      if (pages?.size === 0) this.pages.delete(id)
    }
  }

  /** The last readable state of every device. */
  *readableStates(): IterableIterator<readonly [string, DeviceState]> {
    for (const [id, message] of this.states) if ('body' in message) yield [id, message.body]
  }

  /** Takes in a device's state that was read again because the one known was wrong. */
  correct(message: Incoming): void {
    if (message.route === 'state') this.#keepState(message)
  }

  #keepState(message: Of<'state'>): void {
    keep(this.states, message)
    this.leaders.changed(message.id, 'body' in message ? message.body : undefined)
  }

  /** How long nothing that was retained has come; `undefined` while the copy is not being followed. */
  quietMs(nowMs: number): number | undefined {
    if (this.followedSinceMs === undefined) return undefined
    return nowMs - Math.max(this.followedSinceMs, this.lastRetainedMs)
  }

  /** A new connection reads everything anew; what was cleared meanwhile must not linger. */
  clear(nowMs: number): void {
    // Also on the same connection: between two subscriptions a topic may have spoken unheard, so what is retained
    // then counts. A state that an earlier subscription delivers late is found by the device's heartbeats.
    this.#spoken = new Set()
    this.#clearedMs = nowMs
    this.followedSinceMs = undefined
    this.specs.clear()
    this.doubtful.clear()
    this.statuses.clear()
    this.pages.clear()
    this.states.clear()
    this.leaders.clear()
    this.desired.clear()
    this.config = undefined
  }
}

function keep<M extends Incoming>(map: Map<string, M>, message: M): void {
  if ('empty' in message) map.delete(message.id)
  else map.set(message.id, message)
}
