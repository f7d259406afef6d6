/**
 * A processor that handles one packet after another: a broker's, or one that many agents share. What comes while it
 * is at work waits its turn.
 */
export class Cpu {
  readonly #packetUs: number
  #busyUntilUs = 0

  /** @param packetUs what a packet costs, in microseconds */
  constructor(packetUs: number) {
    this.#packetUs = packetUs
  }

  /** Takes one more packet; how long from now until it is through, in microseconds. */
  delayUs(nowUs: number): number {
    this.#busyUntilUs = Math.max(this.#busyUntilUs, nowUs) + this.#packetUs
    return this.#busyUntilUs - nowUs
  }
}
