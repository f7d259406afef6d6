/**
 * Changing the JSON object that one topic retains. MQTT has no "write if unchanged", so those who change the same at once
 * are noticed and not prevented: everyone listens while it writes, and until it has been quiet for a while. Who sees
 * another's message come between what it read and its own has overwritten that one, and publishes once more, with the
 * other's changes in it. Who finds its own change undone makes it once more. That is no lock: of those who have left
 * already, and on brokers that show messages in another order to each, a change can still be lost.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { CoveyError } from '../shared/errors/errors.ts'
import { nestedTooDeep } from '../shared/protocol/nesting.ts'
import { backoffMs, Random } from '../shared/random/random.ts'
import { deadline } from './deadline.ts'
import { abortable, type Link } from './link.ts'
import { isObject, isUndone, type Json, withChanges } from './merge.ts'
import { type ReadLimits, readOne } from './retained.ts'

/** How often others' changes are put together with one's own. */
const REVISIONS_MAX = 20
/** By chance, so that of several not all publish at the same moment again. */
const PAUSE_BASE_MS = 100
const PAUSE_CAP_MS = 1_000

export interface ReviseOptions {
  /** Limit for all of it. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** `change` looks at nothing: what others change at the same time is to go. */
  readonly whole: boolean
}

/**
 * Reads what is retained, publishes what `change` makes of it, and resolves when that has come back: some brokers
 * acknowledge what they refuse. An object without members takes away what was retained. What stays as it was is not
 * published.
 *
 * @param what names it in errors
 * @param change also of what others have made of it meanwhile; what it throws is thrown
 * @throws CoveyError E_BROKER_REFUSED, also when it is acknowledged and does not come back; E_WAIT_TIMEOUT
 */
export async function revise(
  link: Link,
  topic: string,
  limits: ReadLimits,
  what: string,
  change: (now: Json) => object,
  options: ReviseOptions,
): Promise<void> {
  const { timeoutMs } = options
  let acknowledged = false
  const limit = deadline(timeoutMs, () => notInTime(what, timeoutMs, acknowledged, link.down), options.signal)
  const random = new Random(randomBytes(16).toString('hex'))
  let last = ''
  let heardMs = 0
  let heard = (_text: string) => {}
  const stop = link.listen(topic, 1, {
    message: (_topic, payload) => {
      const text = payload.toString()
      if (text === last) return
      last = text
      heardMs = performance.now()
      heard(text)
    },
  })
  try {
    await abortable(readOne(link, topic, limits), limit.signal)
    let now = objectOf(last)
    let others: Json = {}
    for (let tries = 0; tries < REVISIONS_MAX; tries++) {
      const wanted = textOf(change(now))
      if (wanted === last) return
      const base = objectOf(last)
      const own = objectOf(wanted)
      let both = own
      const back = new Promise<void>((resolve) => {
        heard = (text) => {
          if (text === wanted) {
            heard = () => {}
            return resolve()
          }
          both = withChanges(both, base, objectOf(text))
          others = withChanges(others, base, objectOf(text))
        }
      })
      acknowledged = false
      await link.publish(topic, wanted, true, limit.signal)
      acknowledged = true
      await abortable(back, limit.signal)
      if (options.whole) return
      const quietMs = () => heardMs + limits.settleMs - performance.now()
      while (quietMs() > 0) await abortable(pause(quietMs()), limit.signal)
      const overwrote = both !== own
      if (!overwrote && !(last !== wanted && isUndone(objectOf(last), base, own))) return
      await abortable(pause(backoffMs(random, tries, PAUSE_BASE_MS, PAUSE_CAP_MS)), limit.signal)
      now = last === wanted ? both : withChanges(others, {}, objectOf(last))
    }
    throw new CoveyError('E_WAIT_TIMEOUT', `others changed ${what} at the same time, ${REVISIONS_MAX} times`)
  } finally {
    stop()
    limit.done()
  }
}

/**
 * A JSON object as it was written by whomever; of anything else nothing can be kept. A member that is nested too deep to be
 * walked is null, so that it can be seen and taken away.
 */
function objectOf(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    if (!isObject(value)) return {}
    const members = Object.entries(value)
    return Object.fromEntries(
      members.map(([name, item]) => [name, nestedTooDeep('config', item) === undefined ? item : null]),
    )
  } catch {
    // Not JSON, or nothing.
  }
  return {}
}

const textOf = (value: object): string => (Object.keys(value).length === 0 ? '' : JSON.stringify(value))

function notInTime(
  what: string,
  timeoutMs: number,
  acknowledged: boolean,
  down: string | undefined,
): CoveyError {
  const why = down === undefined ? '' : `: the connection is lost: ${down}`
  if (!acknowledged || down !== undefined) {
    return new CoveyError(
      'E_WAIT_TIMEOUT',
      `the broker did not acknowledge ${what} within ${timeoutMs} ms${why}`,
    )
  }
  const message = `the broker acknowledged ${what}, and did not hand it back within ${timeoutMs} ms`
  return new CoveyError('E_BROKER_REFUSED', message, {
    remedy:
      'Some brokers acknowledge what their access rules refuse: use a user with the rights of an operator',
  })
}
