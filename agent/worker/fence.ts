/**
 * The fence: a device never acts on a lower reign after a higher one, on no connection and across restarts.
 * It also acts on no order before it has heard, on the connection it has now, who is in office.
 */
import { compareReigns, NO_REIGN, type Reign } from '../../shared/protocol/attempt.ts'
import type { Inbox } from '../../shared/protocol/schemas/index.ts'

export type Verdict = 'accept' | 'lower reign' | 'no beacon yet' | 'not durable yet' | 'seen before'

export class Fence {
  #highest: Reign = NO_REIGN
  #memory: 'durable' | 'pending' | 'failing' = 'durable'
  #heardOnConnection = false
  #seq = 0

  /** The highest reign seen. */
  get highest(): Reign {
    return this.#highest
  }

  /** The last inbox message of the highest reign that was acted upon; 0 for none. */
  get seq(): number {
    return this.#seq
  }

  /** True when the device may speak to the highest reign: heard on this connection, and the journal has answered. */
  get open(): boolean {
    return this.#heardOnConnection && this.#memory !== 'pending'
  }

  /** True while the journal cannot keep the highest reign: then nothing may be begun for it. */
  get failing(): boolean {
    return this.#memory === 'failing'
  }

  /** What the journal remembers. */
  restore(highest: Reign): void {
    this.#highest = highest
  }

  /** A new connection: whoever spoke on the former one has to be heard again. */
  reconnected(): void {
    this.#heardOnConnection = false
  }

  /**
   * A beacon came.
   * @returns whether its reign is new, is heard first on this connection, or neither matters (lower, or known)
   */
  beacon(reign: Reign): 'new reign' | 'first on connection' | 'known' | 'lower' {
    const order = compareReigns(reign, this.#highest)
    if (order < 0) return 'lower'
    if (order > 0) {
      this.#highest = { term: reign.term, agent: reign.agent }
      this.#memory = 'pending'
      this.#seq = 0
      this.#heardOnConnection = true
      return 'new reign'
    }
    if (this.#heardOnConnection) return 'known'
    this.#heardOnConnection = true
    return 'first on connection'
  }

  /** The journal settled the reign; a later one that came meanwhile has to settle for itself. */
  settled(reign: Reign, kept: boolean): void {
    if (compareReigns(reign, this.#highest) === 0) this.#memory = kept ? 'durable' : 'failing'
  }

  /** Judges an order, and counts it when it may be acted upon. */
  admit(inbox: Inbox): Verdict {
    const order = compareReigns(inbox, this.#highest)
    if (order < 0) return 'lower reign'
    if (order > 0 || !this.#heardOnConnection) return 'no beacon yet'
    if (this.#memory === 'pending') return 'not durable yet'
    if (inbox.seq <= this.#seq) return 'seen before'
    this.#seq = inbox.seq
    return 'accept'
  }
}
