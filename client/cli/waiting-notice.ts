/**
 * Tells on standard error why a task does not run yet: first after two seconds, then when the reason changes; at once when
 * no device of the mesh could take it.
 */
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Context } from './context.ts'
import { remark } from './report-error.ts'

export const NOTICE_AFTER_MS = 2_000
/** A timer that is later than this tells of a process that stood still. */
const LATE_MS = 500

export class WaitingNotice {
  readonly #context: Context
  readonly #timer: NodeJS.Timeout
  readonly #id: string
  #status: TaskStatus | undefined
  #told = ''
  #lookedMs = performance.now()
  #passedOver = false

  constructor(context: Context, id: string) {
    this.#context = context
    this.#id = id
    this.#timer = setInterval(() => this.#look(), NOTICE_AFTER_MS)
  }

  /** Takes the newest status. */
  note(status: TaskStatus): void {
    this.#status = status
    if (status.impossible === true) this.#tell()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Where this process has stood still, timers come before what the socket holds: then the next one tells. */
  #look(): void {
    const nowMs = performance.now()
    const isLate = nowMs - this.#lookedMs > NOTICE_AFTER_MS + LATE_MS
    this.#lookedMs = nowMs
    this.#passedOver = isLate && !this.#passedOver
    if (!this.#passedOver) this.#tell()
  }

  #tell(): void {
    const text = this.#reason()
    if (text === this.#told) return
    this.#told = text
    if (text !== '') remark(this.#context, text)
  }

  #reason(): string {
    const status = this.#status
    if (status === undefined)
      return `task ${this.#id} waits for a coordinator; is an agent running? (covey agent)`
    if (status.state !== 'pending') return ''
    return `task ${this.#id} is ${status.state}${status.explanation === '' ? '' : `: ${status.explanation}`}`
  }
}
