/**
 * Membership: the device's connection, its birth and death notices, its incarnation.
 *
 * The incarnation grows with every start and orders births and deaths of different starts; a nonce names one
 * connection, so that a death notice that comes late cannot end a newer connection.
 */
import type { DeviceState } from '../../shared/protocol/schemas/index.ts'
import { backoffMs } from '../../shared/random/random.ts'
import type { Context } from '../core/context.ts'
import type { Journaling } from './journaling.ts'

export const CONNECT_TIMER = 'worker/connect'
export const BIRTH_TIMER = 'worker/birth'
/** A connection that lasted this long was a good one: the next back-off starts anew. */
const STABLE_MS = 10_000
/** No start can have been counted so far; what claims it is not believed, and simply written over. */
const INCARNATION_MAX = 2 ** 50
/** Own death notices are contradicted, but no faster than this, whatever plays with the topic. */
const CONTRADICT_MS_MIN = 200

type Phase = 'closed' | 'waiting' | 'connecting' | 'subscribing' | 'settling' | 'online' | 'leaving'

export class Membership {
  readonly #context: Context
  readonly #journaling: Journaling
  #incarnation = 0
  /** The highest incarnation that the broker has shown of this device. */
  #known = 0
  /** Names this start of the agent; the nonces of its connections begin with it. */
  readonly #start: string
  #connections = 0
  #nonce = ''
  #phase: Phase = 'closed'
  /** Without a journal the incarnation must be learned from the retained state before the birth. */
  #remembers = false
  #failures = 0
  #upSinceMs = 0
  #contradictedMs = Number.NEGATIVE_INFINITY
  #birthToken = 0

  constructor(context: Context, journaling: Journaling) {
    this.#context = context
    this.#journaling = journaling
    this.#start = context.random.name(10)
  }

  get incarnation(): number {
    return this.#incarnation
  }

  get nonce(): string {
    return this.#nonce
  }

  /** True once the birth of this connection is on its way: from then on the device may be heard. */
  get online(): boolean {
    return this.#phase === 'online'
  }

  /** True while there is a connection to the broker, announced or not. */
  get linked(): boolean {
    return this.#phase === 'subscribing' || this.#phase === 'settling' || this.#phase === 'online'
  }

  boot(incarnation: number | undefined): void {
    this.#remembers = incarnation !== undefined
    this.#rise((incarnation ?? 0) + 1)
  }

  /** Takes a higher incarnation, remembers it, then connects with it. */
  #rise(incarnation: number): void {
    this.#incarnation = incarnation
    this.#phase = 'waiting'
    // A journal that cannot be written must not keep the device away: the nonce still tells connections apart.
    this.#journaling.persist({ incarnation }, () => this.connect())
  }

  connect(): void {
    if (this.#phase !== 'waiting') return
    if (this.#known >= this.#incarnation) return this.#rise(this.#known + 1)
    this.#phase = 'connecting'
    this.#nonce = `${this.#start}-${++this.#connections}`
    const { options, topics } = this.#context
    this.#context.emit({
      do: 'connect',
      link: 'device',
      clientId: topics.agentClientId(options.device),
      will: this.#context.message('state', options.device, this.#state(false)),
    })
  }

  linkUp(): void {
    if (this.#phase === 'connecting') this.#phase = 'subscribing'
  }

  linkDown(reason: string): void {
    if (this.#phase === 'closed') return
    if (this.online && this.#context.now.monoMs - this.#upSinceMs > STABLE_MS) this.#failures = 0
    this.#phase = 'waiting'
    const { reconnectBaseMs, reconnectCapMs } = this.#context.timing
    const delayMs = backoffMs(this.#context.random, this.#failures++, reconnectBaseMs, reconnectCapMs)
    this.#context.log('debug', 'device link is down', { reason, retryMs: delayMs })
    this.#context.timer(CONNECT_TIMER, delayMs)
  }

  /** The broker grants no subscription that every device needs: there is nothing to be done on this connection. */
  refused(topics: readonly string[]): void {
    const reason = `the broker refused the subscription of ${topics.join(', ')}`
    this.#context.log('error', reason, { remedy: 'give the agent credentials of its own device' })
    this.#context.emit({ do: 'disconnect', link: 'device', will: false })
    this.linkDown(reason)
  }

  /** The subscriptions stand. A device that remembers nothing waits for its own retained state first. */
  subscribed(): void {
    if (this.#phase !== 'subscribing') return
    this.#upSinceMs = this.#context.now.monoMs
    if (this.#remembers) this.announce()
    else {
      this.#phase = 'settling'
      this.#context.timer(BIRTH_TIMER, this.#context.timing.settleMs)
    }
  }

  /** Publishes the birth. */
  announce(): void {
    if (this.#phase !== 'subscribing' && this.#phase !== 'settling') return
    this.#phase = 'online'
    this.#remembers = true
    this.#publish(true)
  }

  /**
   * The device's own state came by: is it ours, an echo from the past, or another agent's? Or was it cleared?
   * @returns true when the connection was given up for it
   */
  ownState(state: DeviceState | undefined): boolean {
    if (!this.linked) return false
    const ours = state?.nonce.startsWith(`${this.#start}-`) === true
    const newer = state !== undefined && state.incarnation >= this.#incarnation && !ours
    if (newer && state.incarnation < INCARNATION_MAX) {
      this.#context.log('warn', 'this device is known by another start of its agent', {
        known: state.incarnation,
        own: this.#incarnation,
        remedy: 'if this goes on, two agents have this id: give each its own --id and --data',
      })
      this.#context.emit({ do: 'disconnect', link: 'device', will: false })
      this.#known = state.incarnation
      this.linkDown('another start of the agent is known')
      return true
    }
    if (this.online && state?.online !== true) this.#contradict()
    return false
  }

  #contradict(): void {
    const { monoMs } = this.#context.now
    if (monoMs - this.#contradictedMs < CONTRADICT_MS_MIN) {
      this.#context.timer(BIRTH_TIMER, CONTRADICT_MS_MIN)
      return
    }
    this.#contradictedMs = monoMs
    this.#publish(true)
  }

  /** The birth timer: settled without a retained state, or a contradiction that had to wait. */
  birthDue(): void {
    if (this.#phase === 'settling') this.announce()
    else if (this.online) this.#contradict()
  }

  /** Publishes the state again; its PUBACK proves that the connection answers. */
  roundTrip(): number {
    return this.#publish(true)
  }

  /** Says goodbye; the token's PUBACK tells that the broker knows. */
  farewell(): number {
    const token = this.#publish(false)
    this.#phase = 'leaving'
    return token
  }

  close(): void {
    this.#phase = 'closed'
    this.#context.cancelTimer(CONNECT_TIMER)
    this.#context.cancelTimer(BIRTH_TIMER)
    this.#context.emit({ do: 'disconnect', link: 'device', will: false })
  }

  #publish(online: boolean): number {
    this.#birthToken = this.#context.token()
    this.#context.publish(
      'device',
      'state',
      this.#context.options.device,
      this.#state(online),
      this.#birthToken,
    )
    return this.#birthToken
  }

  #state(online: boolean): DeviceState {
    const { labels, capacity, executors, functions, version } = this.#context.options
    return {
      incarnation: this.#incarnation,
      nonce: this.#nonce,
      online,
      labels,
      capacity: { ...capacity },
      executors: [...executors],
      ...(functions === undefined ? {} : { functions: [...functions] }),
      candidate: this.#context.candidacy,
      version,
    }
  }
}
