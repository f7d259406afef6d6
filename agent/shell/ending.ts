/** When an attempt has to end: it is asked to, has a grace, and after that is ended by force. */
import { within } from './bounded-wait.ts'

export class Ending {
  #forceAtMs = Number.POSITIVE_INFINITY
  #wake: () => void = () => undefined

  /** True once it was asked to end. */
  get asked(): boolean {
    return this.#forceAtMs !== Number.POSITIVE_INFINITY
  }

  /** By the monotonic clock; infinite while nobody has asked. */
  get forceAtMs(): number {
    return this.#forceAtMs
  }

  /** Asked again, the earlier force holds. */
  ask(graceMs: number): void {
    this.#forceAtMs = Math.min(this.#forceAtMs, performance.now() + graceMs)
    this.#wake()
  }

  /** What `ended` gives, or `undefined` when it is time for force first. */
  async wait<T>(ended: Promise<T>): Promise<T | undefined> {
    for (;;) {
      const asked = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const end = await within(Promise.race([ended, asked]), this.#forceAtMs - performance.now())
      if (end !== undefined) return end
      if (performance.now() >= this.#forceAtMs) return undefined
    }
  }
}
