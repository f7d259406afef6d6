/**
 * Reads what a broker retains. MQTT has no "that was all": retained messages follow their SUBACK, and how
 * promptly depends on the broker. A list therefore counts as complete when nothing retained has come for
 * `settleMs` after the last SUBACK, and in any case at the time limit. A single topic answers with its first
 * message at once; only "there is none" takes the settling time.
 *
 * Lists are read at QoS 0: some brokers queue no more than 1,000 QoS 1 messages a client and drop the rest.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import type { Link, Listener } from './link.ts'

/** So many parts of the settling time must pass; one whose timer is late by more than itself does not count. */
const PARTS = 10

export interface ReadLimits {
  /** How long it must be quiet. */
  readonly settleMs: number
  /** Limit for the whole read; with it a list that never settles ends, and an unanswered SUBSCRIBE fails. */
  readonly timeoutMs: number
}

/**
 * Hands over every retained message under the filters (and live ones that come meanwhile).
 *
 * @throws CoveyError E_BROKER_REFUSED when a subscription is denied, E_WAIT_TIMEOUT when one is not answered
 */
export function readRetained(
  link: Link,
  filters: readonly string[],
  limits: ReadLimits,
  take: (topic: string, payload: Buffer, retained: boolean) => void,
): Promise<void> {
  return read(link, filters, 0, limits, (topic, payload, retained) => {
    take(topic, payload, retained)
    return false
  })
}

/** The message on one topic: the retained one, or the first live one; `undefined` when none comes. */
export async function readOne(
  link: Link,
  topic: string,
  limits: ReadLimits,
): Promise<{ payload: Buffer; retained: boolean } | undefined> {
  let found: { payload: Buffer; retained: boolean } | undefined
  await read(link, [topic], 1, limits, (_topic, payload, retained) => {
    found = { payload, retained }
    return true
  })
  return found
}

function read(
  link: Link,
  filters: readonly string[],
  qos: 0 | 1,
  limits: ReadLimits,
  take: (topic: string, payload: Buffer, retained: boolean) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const unanswered = new Set(filters)
    const stops: (() => void)[] = []
    let quiet: NodeJS.Timeout | undefined
    let turn: NodeJS.Immediate | undefined
    const end = (error?: unknown) => {
      clearTimeout(quiet)
      clearImmediate(turn)
      clearTimeout(limit)
      for (const stop of stops) stop()
      if (error === undefined) resolve()
      else reject(error)
    }
    const settle = () => {
      if (unanswered.size > 0) return
      clearTimeout(quiet)
      clearImmediate(turn)
      listen(PARTS)
    }
    // Where this process has stood still, timers come before what the socket holds: that gets its turn first. A timer
    // that is late tells that nobody listened for so long, and what is on its way may take several turns.
    const listen = (parts: number) => {
      const partMs = limits.settleMs / PARTS
      const dueMs = performance.now() + partMs
      quiet = setTimeout(() => {
        const left = performance.now() - dueMs > partMs ? parts : parts - 1
        if (left > 0) listen(left)
        else turn = setImmediate(end)
      }, partMs)
    }
    const limit = setTimeout(() => {
      if (unanswered.size === 0) return end()
      const why = link.down === undefined ? '' : `; there is no connection: ${link.down}`
      const first = [...unanswered][0]
      end(new CoveyError('E_WAIT_TIMEOUT', `the broker did not answer the subscription of ${first}${why}`))
    }, limits.timeoutMs)
    for (const filter of filters) {
      const listener: Listener = {
        message: (topic, payload, retained) => {
          if (take(topic, payload, retained)) end()
          // Live traffic must not keep a busy mesh from ever settling.
          else if (retained) settle()
        },
        subscribed: () => {
          unanswered.delete(filter)
          settle()
        },
        refused: end,
      }
      stops.push(link.listen(filter, qos, listener))
    }
  })
}
