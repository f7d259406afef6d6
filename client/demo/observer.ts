/**
 * An onlooker with an MQTT connection of its own, which believes neither the submitter nor the agents. It hears every
 * status, page of results, beacon and device state, and remembers of each task, and of each element of an array, every
 * end that it was ever said to have.
 */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { connectAsync, type MqttClient } from 'mqtt'
import { CoveyError } from '../../shared/errors/errors.ts'
import { attemptKey } from '../../shared/protocol/attempt.ts'
import { elementName } from '../../shared/protocol/ids.ts'
import {
  type Beacon,
  type DeviceState,
  type ElementResult,
  isTerminal,
  type ResultPage,
  type TaskState,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import { bodyOf, readMessage } from '../incoming.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** Short, so that it is there again before anyone can have been elected. */
const RECONNECT_MS = 50
/** Ends of one task that are kept; one is right, so more than a few prove nothing new. */
const ENDS_MAX = 8
/** How many may wait for a change at the same time; Node warns of a leak when there are more. */
export const WAITS_MAX = 64

/** One end of a task, as a status told it. */
export interface End {
  readonly state: TaskState
  readonly attempt: string
  readonly device: string | undefined
  readonly stdout: string
  readonly exitCode: number | undefined
  readonly explanation: string
}

/** What was seen of one task. */
export interface Seen {
  status: TaskStatus
  /** Ends that differ; an end that is told again is the same. */
  readonly ends: End[]
  /** A status that was not terminal after one that was. */
  revived: boolean
}

/** The seat has a new holder. Times are milliseconds of `performance.now()`. */
export interface Election {
  readonly term: number
  readonly agent: string
  readonly atMs: number
}

/** Says 'change' after each message that told something new. */
export class Observer extends EventEmitter<{ change: [] }> {
  readonly tasks = new Map<string, Seen>()
  /** Ends of elements, by their names; those that differ. */
  readonly elements = new Map<string, End[]>()
  readonly elections: Election[] = []
  readonly devices = new Map<string, DeviceState>()
  /** Messages on the watched topics that are none of the protocol. */
  unreadable = 0
  /** How often the connection was lost. */
  losses = 0
  /** Coordinators who took office while there was no connection; what they said at first may have been missed. */
  unheard = 0
  lastStatusMs = 0
  /** When something was first seen to end, the last time. */
  lastEndMs = 0
  /** Tasks that were seen to end, arrays among them. */
  tasksEnded = 0
  /** What was seen to end: tasks that are no arrays, and elements. */
  ended = 0
  #connected = true
  readonly #topics: Topics
  readonly #mqtt: MqttClient

  private constructor(mqtt: MqttClient, topics: Topics) {
    super()
    this.setMaxListeners(WAITS_MAX)
    this.#mqtt = mqtt
    this.#topics = topics
    mqtt.on('message', (topic, payload, packet) => this.take(topic, payload, packet.retain))
    mqtt.on('connect', () => {
      this.#connected = true
      noDelay(mqtt)
    })
    // It comes after every attempt to connect that fails, too.
    mqtt.on('close', () => {
      if (this.#connected) this.losses++
      this.#connected = false
    })
    mqtt.on('error', () => {}) // every error ends the connection, which is counted
  }

  /** @throws CoveyError E_BROKER_REFUSED, or what connecting throws */
  static async start(url: string, mesh: string): Promise<Observer> {
    const mqtt = await connectAsync(
      url,
      {
        clientId: `covey-${mesh}-observer`,
        clean: true,
        protocolVersion: 4,
        reconnectPeriod: RECONNECT_MS,
        connectTimeout: CONNECT_TIMEOUT_MS,
      },
      false,
    )
    noDelay(mqtt)
    const topics = new Topics(mesh)
    const observer = new Observer(mqtt, topics)
    const granted = await mqtt.subscribeAsync(
      [topics.all('status'), topics.ofPage('+', '+'), topics.all('state'), topics.of('beacon')],
      { qos: 1 },
    )
    const denied = granted.find(({ qos }) => qos > 1)
    if (denied !== undefined) {
      throw new CoveyError('E_BROKER_REFUSED', `the broker refused the subscription ${denied.topic}`)
    }
    return observer
  }

  /** The holder of the seat as far as is known. */
  get coordinator(): string | undefined {
    return this.elections.at(-1)?.agent
  }

  /** Takes one message; public for tests. */
  take(topic: string, payload: Buffer, retained: boolean): void {
    const message = readMessage(this.#topics, topic, payload, retained)
    if (message === undefined || 'rejection' in message) this.unreadable++
    if (message === undefined || !('body' in message)) return
    const status = bodyOf(message, 'status')
    const page = bodyOf(message, 'results')
    const state = bodyOf(message, 'state')
    const beacon = bodyOf(message, 'beacon')
    if (status !== undefined) this.#status(message.id, status)
    if (page !== undefined) this.#page(page)
    if (state !== undefined) this.devices.set(message.id, state)
    if (beacon !== undefined) this.#beacon(beacon, retained)
    this.emit('change')
  }

  close(): Promise<void> {
    this.#connected = false
    return this.#mqtt.endAsync(true)
  }

  #beacon({ term, agent }: Beacon, retained: boolean): void {
    const last = this.elections.at(-1)
    if (last?.term === term && last.agent === agent) return
    if (retained && last !== undefined) this.unheard++
    this.elections.push({ term, agent, atMs: performance.now() })
  }

  #status(id: string, status: TaskStatus): void {
    this.lastStatusMs = performance.now()
    const known = this.tasks.get(id)
    const seen = known ?? { status, ends: [], revived: false }
    if (known === undefined) this.tasks.set(id, seen)
    seen.status = status
    if (!isTerminal(status.state)) {
      if (seen.ends.length > 0) seen.revived = true
      return
    }
    if (!this.#end(seen.ends, endOf(status, status.explanation))) return
    this.tasksEnded++
    if (status.array === undefined) this.ended++
  }

  #page({ task, results }: ResultPage): void {
    this.lastStatusMs = performance.now()
    for (const result of results) {
      const name = elementName(task, result.element)
      const ends = this.elements.get(name) ?? []
      this.elements.set(name, ends)
      if (this.#end(ends, endOf(result, result.error?.message ?? ''))) this.ended++
    }
  }

  /** True when it is the first end. */
  #end(ends: End[], end: End): boolean {
    if (ends.length >= ENDS_MAX || ends.some((other) => sameEnd(other, end))) return false
    ends.push(end)
    if (ends.length > 1) return false
    this.lastEndMs = performance.now()
    return true
  }
}

function noDelay({ stream }: MqttClient): void {
  ;(stream as unknown as Partial<Socket>).setNoDelay?.(true)
}

function endOf(
  {
    state,
    attempt,
    device,
    result,
  }: Pick<ElementResult, 'attempt' | 'device' | 'result'> & { state: TaskState },
  explanation: string,
): End {
  return {
    state,
    attempt: attempt === undefined ? '' : attemptKey(attempt),
    device,
    stdout: result?.stdout ?? '',
    exitCode: result?.exitCode,
    explanation,
  }
}

/** How an end is worded, and which coordinator told it, makes no difference. */
function sameEnd(a: End, b: End): boolean {
  return (
    a.state === b.state &&
    a.attempt === b.attempt &&
    a.device === b.device &&
    a.stdout === b.stdout &&
    a.exitCode === b.exitCode
  )
}
