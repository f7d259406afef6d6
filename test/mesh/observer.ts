/** An onlooker: a plain MQTT client that keeps every message of a mesh in the order in which it came. */
import mqtt, { type MqttClient } from 'mqtt'
import {
  type Beacon,
  type DeviceReport,
  type DeviceState,
  isTerminal,
  type MeshEvent,
  type TaskLog,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { until } from './until.ts'

/** One message as it came. */
export interface Sighting {
  /** On the onlooker's monotonic clock. */
  readonly atMs: number
  /** Below `covey/v1/<mesh>/`. */
  readonly topic: string
  /** The JSON in it; the text when it is none; `undefined` when it is empty. */
  readonly body: unknown
  /** It was there before the onlooker came. */
  readonly retained: boolean
}

/** A broker that is started again meanwhile must have answered by then. */
const PUBACK_MS_MAX = 60_000
const SHOWN_MAX = 60
const SHOWN_CHARS_MAX = 260

export interface ObserverOptions {
  readonly username?: string
  readonly password?: string
  /** What it looks at; all of the mesh unless told otherwise. */
  readonly filter?: string
  /** What else to show when a wait fails. */
  readonly alsoSeen?: () => string
}

export class Observer {
  readonly sightings: Sighting[] = []
  readonly #client: MqttClient
  readonly #root: string
  /** What else to show when a wait fails. */
  readonly #alsoSeen: () => string

  private constructor(client: MqttClient, root: string, alsoSeen: () => string) {
    this.#client = client
    this.#root = root
    this.#alsoSeen = alsoSeen
    client.on('message', (topic, payload, packet) => {
      const text = payload.toString()
      const atMs = performance.now()
      this.sightings.push({
        atMs,
        topic: topic.slice(root.length),
        body: parse(text),
        retained: packet.retain,
      })
    })
  }

  /** Connects and subscribes to all of the mesh. It connects again when the broker comes back. */
  static async open(url: string, mesh: string, options: ObserverOptions = {}): Promise<Observer> {
    const root = `covey/v1/${mesh}/`
    const { alsoSeen = () => '', filter = '#', ...credentials } = options
    const client = mqtt.connect(url, {
      protocolVersion: 4,
      reconnectPeriod: 100,
      connectTimeout: 5_000,
      ...credentials,
    })
    // Said by `close` as well; the client tries again.
    client.on('error', () => undefined)
    const observer = new Observer(client, root, alsoSeen)
    await until(() => client.connected, `the onlooker's connection to ${url}`)
    await client.subscribeAsync(root + filter, { qos: 1 })
    return observer
  }

  get connected(): boolean {
    return this.#client.connected
  }

  close(): Promise<void> {
    return this.#client.endAsync(true)
  }

  /** Publishes with QoS 1 and resolves when the broker has acknowledged. `null` clears what is retained. */
  async publish(topic: string, body: unknown, retain = true): Promise<void> {
    const payload = body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    const acknowledged = this.#client.publishAsync(this.#root + topic, payload, { qos: 1, retain })
    let late: NodeJS.Timeout | undefined
    const limit = new Promise<never>((_, reject) => {
      const error = () => new Error(`no PUBACK for ${topic} within ${PUBACK_MS_MAX} ms\n${this.#alsoSeen()}`)
      late = setTimeout(() => reject(error()), PUBACK_MS_MAX)
    })
    try {
      await Promise.race([acknowledged, limit])
    } finally {
      clearTimeout(late)
    }
  }

  until<T>(read: () => T, what: string, limitMs?: number) {
    const seen = () => `${this.story()}\n${this.#alsoSeen()}`
    return until(read, what, limitMs === undefined ? { seen } : { seen, limitMs })
  }

  /** The messages of one topic that have a body. */
  on<T>(topic: string): T[] {
    return this.sightings
      .filter((sighting) => sighting.topic === topic && sighting.body !== undefined)
      .map(({ body }) => body as T)
  }

  /** The last message of a topic: a body, `undefined` when it was cleared or never there. */
  last<T>(topic: string): T | undefined {
    return this.sightings.findLast((sighting) => sighting.topic === topic)?.body as T | undefined
  }

  /** True when the topic was cleared after the last message that it had. */
  cleared(topic: string): boolean {
    const last = this.sightings.findLast((sighting) => sighting.topic === topic)
    return last !== undefined && last.body === undefined
  }

  statuses(task: string): TaskStatus[] {
    return this.on<TaskStatus>(`tasks/${task}/status`)
  }

  /** Terminal statuses of a task that say different things; a task that ends once has one. */
  ends(task: string): TaskStatus[] {
    const distinct = new Map<string, TaskStatus>()
    for (const status of this.statuses(task)) {
      if (!isTerminal(status.state)) continue
      const { state, attempt, result, error } = status
      distinct.set(JSON.stringify([state, attempt, result, error]), status)
    }
    return [...distinct.values()]
  }

  beacons(): Beacon[] {
    return this.on<Beacon>('coordinator')
  }

  events(kind: string): MeshEvent[] {
    return this.on<MeshEvent>('events').filter((event) => event.kind === kind)
  }

  log(task: string): TaskLog[] {
    return this.on<TaskLog>(`tasks/${task}/log`)
  }

  state(device: string): DeviceState | undefined {
    return this.last<DeviceState>(`devices/${device}/state`)
  }

  reports(device: string): DeviceReport[] {
    return this.on<DeviceReport>(`devices/${device}/report`)
  }

  /** Waits for a task's end, and hands on its status. */
  ended(task: string, limitMs?: number): Promise<TaskStatus> {
    return this.until(() => this.ends(task)[0], `the end of ${task}`, limitMs)
  }

  /** Waits until a status of the task is in that state. */
  inState(task: string, state: TaskStatus['state'], limitMs?: number): Promise<TaskStatus> {
    const found = () => this.statuses(task).findLast((status) => status.state === state)
    return this.until(found, `${task} to be ${state}`, limitMs)
  }

  /** Waits until a status says that the task waits, and why; a first word may say less. */
  waiting(task: string, why: RegExp): Promise<TaskStatus> {
    const found = () =>
      this.statuses(task).findLast(({ state, explanation }) => state === 'pending' && why.test(explanation))
    return this.until(found, `${task} to wait because of ${why}`)
  }

  /** What came last, without what comes all the time. */
  story(): string {
    const told = this.sightings.filter(({ topic }) => topic !== 'coordinator' && !topic.endsWith('/load'))
    const lines = told.slice(-SHOWN_MAX).map(({ atMs, topic, body, retained }) => {
      const text = body === undefined ? '(empty)' : JSON.stringify(body)
      return `${(atMs / 1000).toFixed(3)} ${topic}${retained ? ' (retained)' : ''} ${text.slice(0, SHOWN_CHARS_MAX)}`
    })
    const beacon = this.beacons().at(-1)
    return [`--- ${this.sightings.length} messages, last beacon ${JSON.stringify(beacon)}`, ...lines].join(
      '\n',
    )
  }
}

function parse(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
