/**
 * An independent witness: its own MQTT connection, which believes neither the submitter nor the agents. It hears every
 * status, beacon and device state, and remembers of each task every end that it was ever said to have.
 */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { connectAsync, type MqttClient } from 'mqtt'
import { CoveyError } from '../../shared/errors/errors.ts'
import { attemptKey } from '../../shared/protocol/attempt.ts'
import {
  type Beacon,
  type DeviceState,
  isTerminal,
  type TaskState,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import { bodyOf, readMessage } from '../incoming.ts'

const CONNECT_TIMEOUT_MS = 5_000
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

/** What was seen of one task. Times are milliseconds of `performance.now()`. */
export interface Seen {
  status: TaskStatus
  /** When the present state was first seen. */
  sinceMs: number
  /** Ends that differ; an end that is told again is the same. */
  readonly ends: End[]
  /** A status that was not terminal after one that was. */
  revived: boolean
}

/** The seat has a new holder. */
export interface Election {
  readonly term: number
  readonly agent: string
  readonly atMs: number
}

/** Says 'change' after each message that told something new. */
export class Observer extends EventEmitter<{ change: [] }> {
  readonly tasks = new Map<string, Seen>()
  readonly elections: Election[] = []
  readonly devices = new Map<string, DeviceState>()
  /** Most tasks that ran at the same time, by device. */
  readonly peaks = new Map<string, number>()
  /** Messages on the watched topics that are none of the protocol. */
  unreadable = 0
  /** How often the connection was lost; ends may have been missed then. */
  losses = 0
  lastStatusMs = 0
  /** When a task was first seen to end, the last time. */
  lastEndMs = 0
  /** Tasks that were seen to end. */
  ended = 0
  #closing = false
  readonly #running = new Map<string, Set<string>>()
  readonly #topics: Topics
  readonly #mqtt: MqttClient

  private constructor(mqtt: MqttClient, topics: Topics) {
    super()
    this.setMaxListeners(WAITS_MAX)
    this.#mqtt = mqtt
    this.#topics = topics
    mqtt.on('message', (topic, payload, packet) => this.take(topic, payload, packet.retain))
    mqtt.on('close', () => {
      if (!this.#closing) this.losses++
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
        reconnectPeriod: 0,
        connectTimeout: CONNECT_TIMEOUT_MS,
      },
      false,
    )
    ;(mqtt.stream as unknown as Partial<Socket>).setNoDelay?.(true)
    const topics = new Topics(mesh)
    const observer = new Observer(mqtt, topics)
    const granted = await mqtt.subscribeAsync(
      [topics.all('status'), topics.all('state'), topics.of('beacon')],
      {
        qos: 1,
      },
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

  /** The tasks that run on a device, as the statuses have it. */
  runningOn(device: string): ReadonlySet<string> {
    return this.#running.get(device) ?? NONE
  }

  /** Takes one message; public for tests. */
  take(topic: string, payload: Buffer, retained: boolean): void {
    const message = readMessage(this.#topics, topic, payload, retained)
    if (message === undefined || 'rejection' in message) this.unreadable++
    if (message === undefined || !('body' in message)) return
    const status = bodyOf(message, 'status')
    const state = bodyOf(message, 'state')
    const beacon = bodyOf(message, 'beacon')
    if (status !== undefined) this.#status(message.id, status)
    if (state !== undefined) this.devices.set(message.id, state)
    if (beacon !== undefined) this.#beacon(beacon)
    this.emit('change')
  }

  close(): Promise<void> {
    this.#closing = true
    return this.#mqtt.endAsync(true)
  }

  #beacon({ term, agent }: Beacon): void {
    const last = this.elections.at(-1)
    if (last?.term === term && last.agent === agent) return
    this.elections.push({ term, agent, atMs: performance.now() })
  }

  #status(id: string, status: TaskStatus): void {
    const now = performance.now()
    this.lastStatusMs = now
    const known = this.tasks.get(id)
    const seen = known ?? { status, sinceMs: now, ends: [], revived: false }
    if (known === undefined) this.tasks.set(id, seen)
    this.#moved(id, known?.status, status)
    if (seen.status.state !== status.state || attemptOf(seen.status) !== attemptOf(status)) seen.sinceMs = now
    seen.status = status
    if (!isTerminal(status.state)) {
      if (seen.ends.length > 0) seen.revived = true
      return
    }
    const end = endOf(status)
    if (seen.ends.length >= ENDS_MAX || seen.ends.some((other) => sameEnd(other, end))) return
    seen.ends.push(end)
    if (seen.ends.length > 1) return
    this.ended++
    this.lastEndMs = now
  }

  #moved(id: string, before: TaskStatus | undefined, after: TaskStatus): void {
    if (before?.device !== undefined) this.#running.get(before.device)?.delete(id)
    if (after.state !== 'running' || after.device === undefined) return
    const running = this.#running.get(after.device) ?? new Set()
    this.#running.set(after.device, running.add(id))
    this.peaks.set(after.device, Math.max(this.peaks.get(after.device) ?? 0, running.size))
  }
}

const NONE: ReadonlySet<string> = new Set()

function attemptOf({ attempt }: TaskStatus): string {
  return attempt === undefined ? '' : attemptKey(attempt)
}

function endOf(status: TaskStatus): End {
  const { state, device, result, explanation } = status
  return {
    state,
    attempt: attemptOf(status),
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
