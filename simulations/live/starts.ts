/**
 * Which devices of a live run are to be up, and which of their starts an end belongs to: a device that takes long to
 * leave may have been started again before its end is told.
 */
export class Starts {
  readonly #up = new Set<string>()
  /** By device: how often it was started. */
  readonly #counts = new Map<string, number>()

  /** @returns the number of the start; `undefined` when the device is up already */
  start(device: string): number | undefined {
    if (this.#up.has(device)) return undefined
    this.#up.add(device)
    const count = (this.#counts.get(device) ?? 0) + 1
    this.#counts.set(device, count)
    return count
  }

  /** It is to be down from now on. */
  down(device: string): void {
    this.#up.delete(device)
  }

  /** A start of a device has ended. @returns true when nobody had asked it to; it is down then */
  ended(device: string, start: number): boolean {
    return this.#counts.get(device) === start && this.#up.delete(device)
  }
}
