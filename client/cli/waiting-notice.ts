/**
 * Tells on standard error why a task does not run yet: first after two seconds, then when the reason changes; at once when
 * no device of the mesh could take it.
 */
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Context } from './context.ts'
import { remark } from './report-error.ts'

export const NOTICE_AFTER_MS = 2_000

export class WaitingNotice {
  readonly #context: Context
  readonly #timer: NodeJS.Timeout
  readonly #id: string
  #status: TaskStatus | undefined
  #told = ''

  constructor(context: Context, id: string) {
    this.#context = context
    this.#id = id
    this.#timer = setInterval(() => this.#tell(), NOTICE_AFTER_MS)
  }

  /** Takes the newest status. */
  note(status: TaskStatus): void {
    this.#status = status
    if (status.impossible === true) this.#tell()
  }

  stop(): void {
    clearInterval(this.#timer)
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
