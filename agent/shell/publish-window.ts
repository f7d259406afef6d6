/**
 * Publishes of one connection on their way to the broker: a bounded number in flight, the rest waiting in order. A
 * coordinator that takes over a large mesh has more to say at once than MQTT has packet ids (65,535), and a broker
 * that is slow must not make the agent's memory its queue.
 */
export interface Publish {
  readonly topic: string
  readonly payload: string
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly token: number | undefined
}

export interface WindowLimits {
  /** Sent at QoS 1 and not acknowledged yet. */
  readonly publishesInFlightMax: number
  /** In flight and waiting together. */
  readonly outstandingPublishesMax: number
  /** Waiting, and not taken by the system yet. */
  readonly outstandingBytesMax: number
}

/** Bytes in the socket's buffer above which the next publish waits. */
const SOCKET_BYTES_HIGH = 4 * 2 ** 20

export class PublishWindow {
  readonly #limits: WindowLimits
  readonly #send: (publish: Publish) => void
  readonly #socketBytes: () => number
  #waiting: Publish[] = []
  /** Index of the next one to send; what stands before it is sent. */
  #next = 0
  #waitingBytes = 0
  #inFlight = 0

  /**
   * @param send hands one publish to the connection
   * @param socketBytes how much the system has not taken yet
   */
  constructor(limits: WindowLimits, send: (publish: Publish) => void, socketBytes: () => number) {
    this.#limits = limits
    this.#send = send
    this.#socketBytes = socketBytes
  }

  /** Sends it now or later; false when there is no room for it. */
  offer(publish: Publish): boolean {
    const { outstandingPublishesMax, outstandingBytesMax } = this.#limits
    const bytes = Buffer.byteLength(publish.payload)
    if (this.#inFlight + this.#waitingCount >= outstandingPublishesMax) return false
    if (this.#waitingBytes + this.#socketBytes() + bytes > outstandingBytesMax) return false
    this.#waiting.push(publish)
    this.#waitingBytes += bytes
    this.pump()
    return true
  }

  /** One in flight was acknowledged. */
  acked(): void {
    this.#inFlight--
    this.pump()
  }

  /** Sends what may be sent; to be called when the socket has drained, too. */
  pump(): void {
    while (this.#next < this.#waiting.length && this.#socketBytes() < SOCKET_BYTES_HIGH) {
      const publish = this.#waiting[this.#next] as Publish
      if (publish.qos === 1 && this.#inFlight >= this.#limits.publishesInFlightMax) return
      this.#next++
      this.#waitingBytes -= Buffer.byteLength(publish.payload)
      if (publish.qos === 1) this.#inFlight++
      this.#send(publish)
    }
    if (this.#next === this.#waiting.length) {
      this.#waiting = []
      this.#next = 0
    } else if (this.#next >= 1024 && this.#next * 2 > this.#waiting.length) {
      this.#waiting.splice(0, this.#next)
      this.#next = 0
    }
  }

  /** For messages: what is under way and what the bounds are. */
  describe(): string {
    const { outstandingPublishesMax, outstandingBytesMax } = this.#limits
    const count = this.#inFlight + this.#waitingCount
    const bytes = this.#waitingBytes + this.#socketBytes()
    return (
      `${count} publishes (at most ${outstandingPublishesMax}) and ` +
      `${bytes} bytes (at most ${outstandingBytesMax}) wait for the broker`
    )
  }

  get #waitingCount(): number {
    return this.#waiting.length - this.#next
  }
}
