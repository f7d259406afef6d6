/**
 * How much of the broker's memory each kind of retained message may take.
 *
 * Every spec that is accepted will need a status that ends it, and a retained message that cannot be written is a
 * connection that is closed: a broker filled by submitters would throw the coordinator out again and again, and no
 * task would ever end to make room. So what is submitted (specs, and topics that are none of the protocol's) has a
 * share that leaves more than half of the messages, and half of the bytes, to those who end it.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import { parseTopic } from '../shared/protocol/topics.ts'
import { holdsSeat } from './access.ts'
import { limitReached } from './complaints.ts'
import type { Limits } from './limits.ts'

/** A number of retained messages and what they count for. */
export interface Tally {
  count: number
  bytes: number
}

/** What is asked of the retained messages here. */
export interface Holdings {
  readonly all: Readonly<Tally>
  /** The part of `all` that was submitted. */
  readonly submitted: Readonly<Tally>
  /** What a topic's message counts for; `undefined` when it has none. */
  bytesAt(topic: string): number | undefined
}

/** True for topics of those who bring work, false for those of the mesh, which ends and describes it. */
export function isSubmitted(topic: string): boolean {
  const route = parseTopic(topic)?.route
  return route === undefined || route === 'spec'
}

/** Bytes that one retained message counts for: payload, topic, and about what the maps around it take. */
export function retainedBytes(topic: string, payloadBytes: number): number {
  return payloadBytes + 2 * topic.length + 256
}

export class RetainedRoom {
  readonly #limits: Limits
  readonly #holdings: Holdings
  /** What waits for its commit counts as if all of it were new. That refuses a little early, near a limit only. */
  readonly #waiting = { all: { count: 0, bytes: 0 }, submitted: { count: 0, bytes: 0 } }

  constructor(limits: Limits, holdings: Holdings) {
    this.#limits = limits
    this.#holdings = holdings
  }

  /** Counts a message as if it were there already, until the returned function is called. */
  hold(topic: string, payloadBytes: number): () => void {
    const bytes = retainedBytes(topic, payloadBytes)
    const tallies = isSubmitted(topic) ? [this.#waiting.all, this.#waiting.submitted] : [this.#waiting.all]
    const add = (sign: 1 | -1): void => {
      for (const tally of tallies) {
        tally.count += sign
        tally.bytes += sign * bytes
      }
    }
    add(1)
    return () => add(-1)
  }

  /** Why there is no room for a retained message of that client; `undefined` when there is. */
  refuse(clientId: string, topic: string, payloadBytes: number): CoveyError | undefined {
    if (payloadBytes === 0) return undefined
    const before = this.#holdings.bytesAt(topic)
    const messages = before === undefined ? 1 : 0
    const bytes = retainedBytes(topic, payloadBytes) - (before ?? 0)
    // What replaces a message and is no larger, such as the withdrawal of a task, is never what makes it too much.
    if (messages === 0 && bytes <= 0) return undefined
    // The seat writes a spec too, when it puts back one that somebody overwrote.
    const ofMesh = !isSubmitted(topic) || holdsSeat(clientId, parseTopic(topic)?.mesh ?? '')
    return ofMesh ? this.#refuse(messages, bytes) : this.#refuseSubmitted(topic, messages, bytes)
  }

  #refuseSubmitted(topic: string, messages: number, bytes: number): CoveyError | undefined {
    const { retainedMessagesMax, retainedBytesMax } = this.#limits
    const { retainedSubmittedMessagesPercent, retainedSubmittedBytesPercent } = this.#limits
    const submitted = sum(this.#holdings.submitted, this.#waiting.submitted)
    const all = sum(this.#holdings.all, this.#waiting.all)
    const shared = 1 - this.#limits.retainedReservePercent / 100
    const noRoom = (limit: keyof Limits, what: string): CoveyError =>
      new CoveyError('E_BROKER_LIMIT', `${topic} is not taken: ${what} (${limit})`, {
        remedy: `Wait until tasks have ended, withdraw some, clear foreign retained messages, or raise ${limit} of the broker`,
      })
    if (messages > 0) {
      const most = (retainedMessagesMax * retainedSubmittedMessagesPercent) / 100
      if (submitted.count + messages > most) {
        return noRoom(
          'retainedMessagesMax',
          `specs and foreign topics hold ${submitted.count} messages of ${most}`,
        )
      }
      if (all.count + messages > retainedMessagesMax * shared) {
        return noRoom(
          'retainedMessagesMax',
          `${all.count} of ${retainedMessagesMax} retained messages are there`,
        )
      }
    }
    const most = (retainedBytesMax * retainedSubmittedBytesPercent) / 100
    if (submitted.bytes + bytes > most) {
      return noRoom('retainedBytesMax', `specs and foreign topics hold ${submitted.bytes} bytes of ${most}`)
    }
    if (all.bytes + bytes > retainedBytesMax * shared) {
      return noRoom(
        'retainedBytesMax',
        `${all.bytes} of ${retainedBytesMax} bytes of retained messages are there`,
      )
    }
    return undefined
  }

  #refuse(messages: number, bytes: number): CoveyError | undefined {
    const { retainedMessagesMax, retainedBytesMax } = this.#limits
    const all = sum(this.#holdings.all, this.#waiting.all)
    if (messages > 0 && all.count + messages > retainedMessagesMax) {
      return limitReached('retainedMessagesMax', 'there are too many retained messages')
    }
    if (all.bytes + bytes > retainedBytesMax) {
      return limitReached('retainedBytesMax', 'there are too many bytes of retained messages')
    }
    return undefined
  }
}

function sum(a: Readonly<Tally>, b: Readonly<Tally>): Tally {
  return { count: a.count + b.count, bytes: a.bytes + b.bytes }
}
