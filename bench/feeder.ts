/**
 * The load of a simulated run: one client that publishes everything at its time, sends again what a lost connection
 * left without its receipt, and a witness that counts the ends. A careful submitter would wait for each receipt before
 * it sends the next, and would then be what is measured.
 */

import { isTerminal, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import type { Connection, Endpoint } from '../simulations/broker/connection.ts'
import { LAN, Link } from '../simulations/broker/link.ts'
import { type Packet, packetOfText } from '../simulations/broker/packet.ts'
import type { Target } from '../simulations/engine/queue.ts'
import type { Observer } from '../simulations/observer.ts'
import type { Action } from '../simulations/submitter.ts'
import type { World } from '../simulations/world.ts'

const RETRY_MS = 500
const KEEP_ALIVE_MS = 10_000
const CONNECT_TIMEOUT_MS = 5_000
const Event = { act: 1, retry: 2 } as const

/** Counts tasks by how they end. */
export class Ends implements Observer {
  readonly byState: Record<string, number> = {}
  readonly #ended = new Set<string>()

  get count(): number {
    return this.#ended.size
  }

  accepted(packet: Packet): void {
    if (packet.route !== 'status') return
    const status = packet.body as TaskStatus | undefined
    if (status === undefined || !isTerminal(status.state) || this.#ended.has(status.task)) return
    this.#ended.add(status.task)
    this.byState[status.state] = (this.byState[status.state] ?? 0) + 1
  }
}

export class Feeder implements Target, Endpoint {
  readonly serial: number
  readonly #world: World
  readonly #link: Link
  readonly #actions: readonly Action[]
  readonly #startMs: number
  #connection: Connection | undefined
  #next = 0
  /** By their place: what was published and not acknowledged yet. */
  readonly #unacked = new Set<number>()

  /** @param actions in order of time, counted from now */
  constructor(world: World, actions: readonly Action[]) {
    this.serial = world.engine.serial()
    this.#world = world
    this.#link = new Link(LAN, world.engine.random('feeder/link'))
    this.#actions = actions
    this.#startMs = world.engine.nowMs
    this.#connect()
  }

  /** True when everything has been published and acknowledged. */
  get done(): boolean {
    return this.#next >= this.#actions.length && this.#unacked.size === 0
  }

  on(kind: number): void {
    if (kind === Event.retry) this.#connect()
    else this.#act()
  }

  connected(): void {
    for (const at of this.#unacked) this.#publish(at)
    this.#later()
  }

  closed(): void {
    this.#connection = undefined
    this.#world.engine.after(RETRY_MS, this, Event.retry)
  }

  received(connection: Connection, _packet: Packet, _retained: boolean, qos: 0 | 1): void {
    connection.took(qos)
  }

  subscribed(): void {}
  acked(_connection: Connection, at: number): void {
    this.#unacked.delete(at)
  }

  #connect(): void {
    this.#connection = this.#world.broker.connect(this.#link, this, 'feeder', {
      clientId: 'feeder',
      will: undefined,
      keepAliveMs: KEEP_ALIVE_MS,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    })
  }

  #later(): void {
    const action = this.#actions[this.#next]
    if (action === undefined) return
    const { engine } = this.#world
    engine.after(Math.max(0, this.#startMs + action.atMs - engine.nowMs), this, Event.act)
  }

  #act(): void {
    // Closed meanwhile: the next connection goes on with the same action.
    if (this.#connection?.clientState !== 'open') return
    this.#publish(this.#next++)
    this.#later()
  }

  #publish(at: number): void {
    const action = this.#actions[at] as Action
    if (!('task' in action)) return
    const topic = this.#world.topics.of('spec', action.task)
    this.#unacked.add(at)
    this.#connection?.publish(packetOfText(topic, textOf(action), 1, true), at)
  }
}

function textOf(action: Exclude<Action, { do: 'desire' }>): string {
  if (action.do === 'submit') return JSON.stringify(action.spec)
  if (action.do === 'garbage') return action.text
  return action.do === 'withdraw' ? '{"withdraw":true}' : ''
}
