/**
 * The results of an array, element by element, as they come: first those that stand in pages already, then the others.
 * The stream ends when the array has ended and every element that its status counts as reported has come.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import { type ElementResult, isTerminal, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import type { Topics } from '../shared/protocol/topics.ts'
import { BoundedQueue } from './bounded-queue.ts'
import { deadline } from './deadline.ts'
import { bodyOf, readMessage } from './incoming.ts'
import type { Link } from './link.ts'
import { WAIT_TIMEOUT_MS, type WaitOptions } from './wait.ts'

/** After the end, what is missing is asked for again this often: a broker may drop what a slow reader leaves lying. */
const ASK_AGAIN_MS = 5_000

export type ResultsOptions = Omit<WaitOptions, 'onLog'>

/**
 * Each element once, in the order in which ends become known. An element that never began has no result.
 *
 * @param id of an array; of a task that is none nothing comes and the stream ends with it
 * @throws CoveyError E_WAIT_TIMEOUT (the array itself goes on), E_BROKER_REFUSED
 */
export function resultsOf(
  link: Link,
  topics: Topics,
  id: string,
  options: ResultsOptions = {},
): BoundedQueue<ElementResult> {
  const timeoutMs = options.timeoutMs ?? WAIT_TIMEOUT_MS
  const seen = new Set<number>()
  let status: TaskStatus | undefined
  let again: NodeJS.Timeout | undefined
  const stops: (() => void)[] = []
  const queue = new BoundedQueue<ElementResult>(() => {
    clearInterval(again)
    for (const stop of stops) stop()
    limit.signal.removeEventListener('abort', abort)
    limit.done()
  })
  const late = () => {
    const known =
      status === undefined ? 'it has no status' : `it is ${status.state}, ${seen.size} results have come`
    return new CoveyError(
      'E_WAIT_TIMEOUT',
      `the results of ${id} did not come within ${timeoutMs} ms: ${known}`,
    )
  }
  const limit = deadline(timeoutMs, late, options.signal)
  const abort = () => queue.end(limit.signal.reason)
  const refused = (error: Error) => queue.end(error)
  const check = () => {
    if (status === undefined || !isTerminal(status.state)) return
    if (seen.size >= (status.array?.reported ?? 0)) queue.end()
    else again ??= setInterval(readPages, ASK_AGAIN_MS)
  }
  let stopPages = () => {}
  function readPages(): void {
    stopPages()
    stopPages = link.listen(topics.ofPage(id, '+'), 1, {
      message: (topic, payload, retained) => {
        const page = bodyOf(readMessage(topics, topic, payload, retained), 'results')
        for (const result of page?.results ?? []) {
          if (seen.has(result.element)) continue
          seen.add(result.element)
          queue.push(result, String(result.element))
        }
        check()
      },
      refused,
    })
  }
  readPages()
  stops.push(() => stopPages())
  stops.push(
    link.listen(topics.of('status', id), 1, {
      message: (topic, payload, retained) => {
        const news = bodyOf(readMessage(topics, topic, payload, retained), 'status')
        if (news === undefined) return
        status = news
        options.onStatus?.(news)
        check()
      },
      refused,
    }),
  )
  if (limit.signal.aborted) abort()
  else limit.signal.addEventListener('abort', abort, { once: true })
  return queue
}
