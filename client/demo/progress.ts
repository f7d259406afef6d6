/** How far the demo is: on a terminal one line that is written anew, elsewhere a line every other second. */
import type { Writable } from 'node:stream'
import { seconds } from './report.ts'

const REFRESH_MS = 100
const PLAIN_EVERY_MS = 2_000

export type Screen = Writable & { readonly isTTY?: boolean; readonly columns?: number }

export class Progress {
  readonly #screen: Screen | undefined
  readonly #startedMs = performance.now()
  #timer: NodeJS.Timeout | undefined
  #shown = false

  /** @param screen `undefined` when nobody reads along */
  constructor(screen: Screen | undefined) {
    this.#screen = screen
  }

  /** Shows what `line` says from now on. */
  follow(line: () => string): void {
    if (this.#screen === undefined) return
    const live = this.#screen.isTTY === true
    this.#timer = setInterval(() => this.#show(line(), live), live ? REFRESH_MS : PLAIN_EVERY_MS)
  }

  /** A line that stays. */
  say(text: string): void {
    this.#clear()
    this.#screen?.write(`${this.#stamp()}  ${text}\n`)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#clear()
  }

  #show(text: string, live: boolean): void {
    const line = `${this.#stamp()}  ${text}`
    if (!live) {
      this.#screen?.write(`${line}\n`)
      return
    }
    // A terminal that does not know how wide it is says 0.
    this.#screen?.write(`\r${line.slice(0, (this.#screen.columns || 80) - 1)}\u001b[K`)
    this.#shown = true
  }

  #clear(): void {
    if (this.#shown) this.#screen?.write('\r\u001b[K')
    this.#shown = false
  }

  #stamp(): string {
    return seconds(performance.now() - this.#startedMs).padStart(7)
  }
}
