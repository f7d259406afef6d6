/**
 * A client that submits tasks over a real connection: one publish is under way at a time, and the broker's PUBACK is
 * the receipt. While there is no broker the client library keeps the publish and sends it again.
 */
import type { MqttClient } from 'mqtt'
import { connect } from './lasting-connection.ts'

interface Wish {
  readonly topic: string
  readonly body: object
  readonly acknowledged: () => void
}

export class LiveSubmitter {
  readonly #client: MqttClient
  readonly #wishes: Wish[] = []

  private constructor(client: MqttClient) {
    this.#client = client
  }

  /** @throws CoveyError E_START when the broker does not take it in time; the signal's reason when that is aborted */
  static async open(url: string, name: string, signal: AbortSignal): Promise<LiveSubmitter> {
    return new LiveSubmitter(await connect(url, `covey-live-${name}`, signal))
  }

  /** Whether everything it was given has been acknowledged. */
  get idle(): boolean {
    return this.#wishes.length === 0
  }

  /** Publishes, retained, when it is its turn. */
  publish(topic: string, body: object, acknowledged: () => void = () => undefined): void {
    this.#wishes.push({ topic, body, acknowledged })
    if (this.#wishes.length === 1) this.#send()
  }

  async close(): Promise<void> {
    await this.#client.endAsync(true)
  }

  #send(): void {
    const [wish] = this.#wishes
    if (wish === undefined) return
    this.#client.publish(wish.topic, JSON.stringify(wish.body), { qos: 1, retain: true }, (error) => {
      // Only closing the client leaves a publish without an answer.
      if (error !== undefined && error !== null) return
      this.#wishes.shift()
      wish.acknowledged()
      this.#send()
    })
  }
}
