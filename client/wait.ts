/** Waiting for the end of a task, with its statuses and its output on the way. */
import { CoveyError } from '../shared/errors/errors.ts'
import { isTerminal, type TaskLog, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import type { Topics } from '../shared/protocol/topics.ts'
import { deadline } from './deadline.ts'
import { bodyOf, readMessage } from './incoming.ts'
import { abortable, type Link } from './link.ts'

export const WAIT_TIMEOUT_MS = 24 * 3_600_000

export interface WaitOptions {
  /** Default one day. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Every status, the retained one first; after a reconnection the last one comes again. */
  readonly onStatus?: (status: TaskStatus) => void
  /** Output as it comes, at most once (QoS 0): chunks may be missing, `seq` shows it. */
  readonly onLog?: (log: TaskLog) => void
}

/**
 * The terminal status of a task, at once when it has ended already.
 *
 * @throws CoveyError E_WAIT_TIMEOUT (the task itself goes on), E_BROKER_REFUSED
 */
export async function waitFor(
  link: Link,
  topics: Topics,
  id: string,
  options: WaitOptions = {},
): Promise<TaskStatus> {
  const timeoutMs = options.timeoutMs ?? WAIT_TIMEOUT_MS
  let last: TaskStatus | undefined
  const limit = deadline(timeoutMs, () => notInTime(id, timeoutMs, last, link.down), options.signal)
  const stops: (() => void)[] = []
  try {
    const ended = new Promise<TaskStatus>((resolve, reject) => {
      const { onLog, onStatus } = options
      if (onLog !== undefined) {
        stops.push(
          link.listen(topics.of('log', id), 0, {
            message: (topic, payload, retained) => {
              const log = bodyOf(readMessage(topics, topic, payload, retained), 'log')
              if (log !== undefined) onLog(log)
            },
            // Output is a courtesy; the result comes with the status.
          }),
        )
      }
      stops.push(
        link.listen(topics.of('status', id), 1, {
          message: (topic, payload, retained) => {
            const status = bodyOf(readMessage(topics, topic, payload, retained), 'status')
            if (status === undefined) return
            last = status
            onStatus?.(status)
            if (isTerminal(status.state)) resolve(status)
          },
          refused: reject,
        }),
      )
    })
    return await abortable(ended, limit.signal)
  } finally {
    for (const stop of stops) stop()
    limit.done()
  }
}

function notInTime(
  id: string,
  timeoutMs: number,
  last: TaskStatus | undefined,
  down: string | undefined,
): CoveyError {
  const where =
    down !== undefined
      ? `the connection is lost: ${down}`
      : last === undefined
        ? 'it has no status'
        : said(last)
  return new CoveyError('E_WAIT_TIMEOUT', `task ${id} did not end within ${timeoutMs} ms: ${where}`)
}

function said(status: TaskStatus): string {
  return `it is ${status.state}${status.explanation === '' ? '' : `: ${status.explanation}`}`
}
