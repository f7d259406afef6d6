/**
 * A task's output on our own standard output. The result is what counts: at the end exactly the result's output has
 * been printed, and after it the value that a function returned. While a person watches, output is printed as it comes, and only what is missing follows at the end.
 *
 * Live output comes at most once and may have holes; `seq` shows them. From a hole on nothing more is printed live.
 */
import { type Attempt, compareAttempts } from '../../shared/protocol/attempt.ts'
import type { TaskLog, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Context } from './context.ts'
import { remark } from './report-error.ts'

const STREAMS = ['stdout', 'stderr'] as const
/** Results are shorter than this; what was printed beyond it need not be compared with one. */
const REMEMBERED_CHARS_MAX = 256 * 1024

export class TaskOutput {
  readonly #context: Context
  readonly #live: boolean
  #attempt: Attempt | undefined
  #nextSeq = 0
  #printed = { stdout: '', stderr: '' }

  constructor(context: Context, live: boolean) {
    this.#context = context
    this.#live = live
  }

  /** Takes one piece of live output. */
  take(log: TaskLog): void {
    if (!this.#live) return
    const order = this.#attempt === undefined ? 1 : compareAttempts(log.attempt, this.#attempt)
    if (order < 0) return
    if (order > 0) this.#begin(log.attempt)
    if (log.seq !== this.#nextSeq) return
    this.#nextSeq++
    if (log.stream === 'progress') return remark(this.#context, `progress ${log.text}`)
    this.#context[log.stream].write(log.text)
    const printed = this.#printed[log.stream]
    if (printed.length <= REMEMBERED_CHARS_MAX) this.#printed[log.stream] = printed + log.text
  }

  /** Prints what is missing of the result's output. */
  finish(status: TaskStatus): void {
    const { result } = status
    const other =
      status.attempt !== undefined &&
      this.#attempt !== undefined &&
      compareAttempts(status.attempt, this.#attempt) !== 0
    for (const stream of STREAMS) {
      const text = result?.[stream] ?? ''
      const printed = other ? '' : this.#printed[stream]
      if (other && this.#printed[stream] !== '' && text !== '') this.#repeat(stream, 'of another attempt')
      if (text.startsWith(printed)) this.#context[stream].write(text.slice(printed.length))
      else if (!printed.startsWith(text)) {
        this.#repeat(stream, 'not complete')
        this.#context[stream].write(text)
      }
    }
    if (result?.value !== undefined) this.#context.stdout.write(`${JSON.stringify(result.value)}\n`)
    if (result?.truncated === true) remark(this.#context, 'the output was cut at the limit of a result')
  }

  #begin(attempt: Attempt): void {
    if (this.#printed.stdout !== '' || this.#printed.stderr !== '') {
      remark(
        this.#context,
        `the task runs again, as attempt ${attempt.n}; what is above came from the one before`,
      )
    }
    this.#attempt = attempt
    this.#nextSeq = 0
    this.#printed = { stdout: '', stderr: '' }
  }

  #repeat(stream: string, why: string): void {
    remark(this.#context, `what came live on ${stream} was ${why}; the result follows whole`)
  }
}
