/**
 * A stock MQTT client that submits tasks: it publishes a retained spec and takes the broker's PUBACK for the
 * receipt. Without one it tries again on a fresh connection, as a careful user would. It watches the statuses.
 */
import type {
  Desired,
  MeshConfig,
  TaskSpec,
  TaskState,
  TaskStatus,
} from '../shared/protocol/schemas/index.ts'
import { isTerminal } from '../shared/protocol/schemas/index.ts'
import type { Topics } from '../shared/protocol/topics.ts'
import type { Random } from '../shared/random/random.ts'
import type { Broker } from './broker/broker.ts'
import type { Connection, Endpoint } from './broker/connection.ts'
import { type Latency, Link } from './broker/link.ts'
import { type Packet, packetOfText } from './broker/packet.ts'
import type { Engine } from './engine/engine.ts'
import { type Handle, NO_EVENT, type Target } from './engine/queue.ts'
import type { Observer } from './observer.ts'

/**
 * One thing a submitter does. `submit` publishes the spec (a second time: the same or another), `withdraw` the
 * withdrawal, `clear` an empty payload, and `garbage` something that is no spec. `desire` is an operator's: what
 * he wants of a device, or with an empty object that he wants nothing any more; so is `configure`: the mesh's settings.
 */
export type Action =
  | { readonly atMs: number; readonly do: 'submit'; readonly task: string; readonly spec: TaskSpec }
  | { readonly atMs: number; readonly do: 'withdraw' | 'clear'; readonly task: string }
  | { readonly atMs: number; readonly do: 'desire'; readonly device: string; readonly desired: Desired }
  | { readonly atMs: number; readonly do: 'configure'; readonly config: MeshConfig }
  | { readonly atMs: number; readonly do: 'garbage'; readonly task: string; readonly text: string }

interface Wish {
  readonly action: Action
  readonly packet: Packet
}

const PUBACK_TIMEOUT_MS = 5_000
const RETRY_MS = 500
const KEEP_ALIVE_MS = 10_000
const Event = { act: 1, retry: 2, timeout: 3 } as const

export class Submitter implements Target, Endpoint {
  readonly serial: number
  readonly link: Link
  /** What it last saw of each task it has submitted. */
  readonly seen = new Map<string, TaskState>()
  readonly #engine: Engine
  readonly #broker: Broker
  readonly #topics: Topics
  readonly #observers: Required<Observer>
  readonly #random: Random
  readonly #name: string
  /** Wishes in order; those before the first unacknowledged one are done. One is under way at a time. */
  readonly #wishes: Wish[] = []
  #connection: Connection | undefined
  #timeout: Handle = NO_EVENT

  constructor(
    engine: Engine,
    broker: Broker,
    topics: Topics,
    observers: Required<Observer>,
    name: string,
    latency: Latency,
    actions: readonly Action[],
  ) {
    this.serial = engine.serial()
    this.#engine = engine
    this.#broker = broker
    this.#topics = topics
    this.#observers = observers
    this.#name = name
    this.#random = engine.random(`submitter/${name}`)
    this.link = new Link(latency, this.#random.fork('link'))
    for (const action of actions) engine.after(action.atMs, this, Event.act, action)
    this.#connect()
  }

  /** Whether everything it wished for so far has been acknowledged. */
  get idle(): boolean {
    return this.#wishes.length === 0
  }

  /** Does something now, whatever the action's own time: for who makes actions as the run goes on. */
  act(action: Action): void {
    this.#wish(action)
  }

  on(kind: number, arg: unknown): void {
    if (kind === Event.act) this.#wish(arg as Action)
    else if (kind === Event.retry) this.#connect()
    else if (this.#connection !== undefined) {
      this.#timeout = NO_EVENT
      const connection = this.#connection
      this.#connection = undefined
      connection.drop()
      this.#retry()
    }
  }

  connected(connection: Connection): void {
    if (connection !== this.#connection) return
    connection.subscribe([{ topic: this.#topics.all('status'), qos: 1 }], 0)
    this.#send()
  }

  closed(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#stopTimeout()
    this.#retry()
  }

  received(connection: Connection, packet: Packet, _retained: boolean, qos: 0 | 1): void {
    connection.took(qos)
    const status = packet.body as TaskStatus | undefined
    if (status === undefined || !this.seen.has(status.task)) return
    const before = this.seen.get(status.task)
    if (before === undefined || !isTerminal(before)) this.seen.set(status.task, status.state)
  }

  subscribed(): void {}

  acked(connection: Connection, token: number): void {
    const wish = this.#wishes[0]
    if (connection !== this.#connection || wish === undefined || token !== this.#token) return
    this.#stopTimeout()
    this.#wishes.shift()
    if (wish.action.do === 'submit') this.#observers.receipt(wish.action.task)
    this.#send()
  }

  /** Names the try that is under way; an acknowledgement of an earlier one says nothing of this. */
  #token = 0

  #wish(action: Action): void {
    const packet = packetOfText(this.#topicOf(action), textOf(action), 1, true)
    if ('task' in action && !this.seen.has(action.task)) this.seen.set(action.task, 'pending')
    this.#wishes.push({ action, packet })
    if (this.#wishes.length === 1) this.#send()
  }

  #topicOf(action: Action): string {
    if (action.do === 'configure') return this.#topics.of('config')
    return action.do === 'desire'
      ? this.#topics.of('desired', action.device)
      : this.#topics.of('spec', action.task)
  }

  #send(): void {
    const wish = this.#wishes[0]
    if (wish === undefined || this.#connection?.clientState !== 'open') return
    this.#token++
    this.#connection.publish(wish.packet, this.#token)
    this.#timeout = this.#engine.after(PUBACK_TIMEOUT_MS, this, Event.timeout)
  }

  #connect(): void {
    if (this.#connection !== undefined) return
    this.#connection = this.#broker.connect(this.link, this, 'submitter', {
      clientId: `submitter-${this.#name}`,
      will: undefined,
      keepAliveMs: KEEP_ALIVE_MS,
      connectTimeoutMs: PUBACK_TIMEOUT_MS,
    })
  }

  #retry(): void {
    this.#engine.after(RETRY_MS * (0.5 + this.#random.float()), this, Event.retry)
  }

  #stopTimeout(): void {
    if (this.#timeout !== NO_EVENT) this.#engine.cancel(this.#timeout)
    this.#timeout = NO_EVENT
  }
}

function textOf(action: Action): string {
  switch (action.do) {
    case 'submit':
      return JSON.stringify(action.spec)
    case 'garbage':
      return action.text
    case 'withdraw':
      return '{"withdraw":true}'
    case 'desire':
      return JSON.stringify(action.desired)
    case 'configure':
      return JSON.stringify(action.config)
    case 'clear':
      return ''
  }
}
