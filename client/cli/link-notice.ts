/** Tells on standard error of a lost connection once it has lasted, and of its return only then. */
import type { Context } from './context.ts'
import { remark } from './report-error.ts'

/** A shorter loss is not worth a word. */
export const LOSS_TOLD_AFTER_MS = 1_000

export class LinkNotice {
  readonly #context: Context
  #timer: NodeJS.Timeout | undefined
  #told = false

  constructor(context: Context) {
    this.#context = context
  }

  /** @param down why the connection is lost; `undefined` when it is back */
  note(down: string | undefined): void {
    if (down !== undefined) {
      this.#timer ??= setTimeout(() => {
        this.#told = true
        remark(this.#context, `the connection is lost: ${down}; trying again`)
      }, LOSS_TOLD_AFTER_MS)
      return
    }
    if (this.#told) remark(this.#context, 'connected again')
    this.stop()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#told = false
  }
}
