/**
 * Changing what one topic retains. MQTT has no "write if unchanged", so two who change the same at once are noticed and
 * not prevented: everyone listens while it writes, and who sees another's message between what it read and its own
 * makes its change once more, upon the other's. That is no lock. Who has read before either of them and writes after
 * both, or a broker that shows messages in another order to each, can still undo a change.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import { deadline } from './deadline.ts'
import { abortable, type Link } from './link.ts'
import { type ReadLimits, readOne } from './retained.ts'

/** How often a change is made anew because another came in between. */
const REVISIONS_MAX = 5

export interface ReviseOptions {
  /** Limit for all of it. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Reads what is retained, publishes what `change` makes of it, and resolves when that has come back: some brokers
 * acknowledge what they refuse. An empty text stands for nothing, and takes away what was retained. What stays as
 * it was is not published.
 *
 * @param what names it in errors
 * @throws CoveyError E_BROKER_REFUSED, also when it is acknowledged and does not come back; E_WAIT_TIMEOUT
 */
export async function revise(
  link: Link,
  topic: string,
  limits: ReadLimits,
  what: string,
  change: (now: string) => string,
  options: ReviseOptions,
): Promise<void> {
  const { timeoutMs } = options
  let acknowledged = false
  const limit = deadline(timeoutMs, () => notInTime(what, timeoutMs, acknowledged, link.down), options.signal)
  let last = ''
  let heard = (text: string) => {
    last = text
  }
  const stop = link.listen(topic, 1, { message: (_topic, payload) => heard(payload.toString()) })
  try {
    await abortable(readOne(link, topic, limits), limit.signal)
    let now = last
    let own: string | undefined
    for (let tries = 0; tries < REVISIONS_MAX; tries++) {
      const wanted = change(now)
      if (wanted === (own ?? now)) return
      let other: string | undefined
      const back = new Promise<void>((resolve) => {
        heard = (text) => {
          if (text === wanted) resolve()
          else if (text !== now && text !== own) other = text
        }
      })
      acknowledged = false
      await link.publish(topic, wanted, true, limit.signal)
      acknowledged = true
      await abortable(back, limit.signal)
      if (other === undefined) return
      own = wanted
      now = other
    }
    throw new CoveyError('E_WAIT_TIMEOUT', `others changed ${what} at the same time, ${REVISIONS_MAX} times`)
  } finally {
    stop()
    limit.done()
  }
}

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
