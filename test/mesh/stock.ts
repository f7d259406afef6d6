/** Mosquitto's own command-line clients, as the only way into a mesh. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isTerminal, type TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { requires } from '../requires.ts'
import type { TestBroker } from './brokers.ts'
import type { Program, Stage } from './stage.ts'
import { until } from './until.ts'

export const PUB = requires('mosquitto_pub')
export const SUB = requires('mosquitto_sub')

/** Longer than this, a payload does not fit into an argument and is handed over in a file. */
const ARGUMENT_BYTES_MAX = 100_000

export class StockClients {
  readonly #stage: Stage
  readonly #port: string
  readonly #root: string
  #files = 0

  constructor(stage: Stage, broker: TestBroker, mesh: string) {
    this.#stage = stage
    this.#port = String(broker.port)
    this.#root = `covey/v1/${mesh}/`
  }

  /** `mosquitto_pub -q 1 -r`; resolves when it has ended well. `null` is an empty payload. */
  async publish(topic: string, payload: string | null): Promise<void> {
    const argv = ['-p', this.#port, '-q', '1', '-r', '-t', this.#root + topic, ...this.#payload(payload)]
    const program = this.#stage.spawn(`mosquitto_pub ${topic}`, PUB.path, argv)
    const end = await program.ended()
    if (end !== 0) throw new Error(program.said())
  }

  #payload(payload: string | null): string[] {
    if (payload === null) return ['-n']
    if (Buffer.byteLength(payload) <= ARGUMENT_BYTES_MAX) return ['-m', payload]
    const file = join(this.#stage.folder, `payload-${++this.#files}`)
    writeFileSync(file, payload)
    return ['-f', file]
  }

  submit(task: string, spec: unknown): Promise<void> {
    return this.publish(`tasks/${task}/spec`, typeof spec === 'string' ? spec : JSON.stringify(spec))
  }

  /** `mosquitto_sub -q 1`, which goes on until the stage closes. */
  watch(topic: string): Watch {
    const argv = ['-p', this.#port, '-q', '1', '-F', '%t %p', '-t', this.#root + topic]
    return new Watch(this.#stage.spawn(`mosquitto_sub ${topic}`, SUB.path, argv), this.#root)
  }

  /** `mosquitto_sub -q 1 -C 1`: what is there now, or comes first. */
  async read(topic: string): Promise<string> {
    const argv = ['-p', this.#port, '-q', '1', '-C', '1', '-t', this.#root + topic]
    const program = this.#stage.spawn(`mosquitto_sub -C 1 ${topic}`, SUB.path, argv)
    await program.ended()
    return program.stdout.join('\n')
  }
}

/** What one `mosquitto_sub` has printed. */
export class Watch {
  readonly #program: Program
  readonly #root: string

  constructor(program: Program, root: string) {
    this.#program = program
    this.#root = root
  }

  until<T>(read: () => T, what: string) {
    return until(read, what, { seen: () => this.#program.said() })
  }

  /** Payloads of a topic in their order; an empty one is `''`. */
  on(topic: string): string[] {
    const head = `${this.#root}${topic} `
    return this.#program.stdout.filter((line) => line.startsWith(head)).map((line) => line.slice(head.length))
  }

  /** The payloads of a topic that are JSON objects. */
  objects<T>(topic: string): T[] {
    return this.on(topic)
      .filter((payload) => payload.startsWith('{'))
      .map((payload) => JSON.parse(payload) as T)
  }

  statuses(task: string): TaskStatus[] {
    return this.objects<TaskStatus>(`tasks/${task}/status`)
  }

  inState(task: string, state: TaskStatus['state']): Promise<TaskStatus> {
    const found = () => this.statuses(task).find((status) => status.state === state)
    return this.until(found, `${task} to be ${state}`)
  }

  /** Waits until a status says that the task waits, and why; a first word may say less. */
  waiting(task: string, why: RegExp): Promise<TaskStatus> {
    const found = () =>
      this.statuses(task).find(({ state, explanation }) => state === 'pending' && why.test(explanation))
    return this.until(found, `${task} to wait because of ${why}`)
  }

  ended(task: string): Promise<TaskStatus> {
    return this.until(() => this.statuses(task).find(({ state }) => isTerminal(state)), `the end of ${task}`)
  }

  /** Waits until a topic's last message is an empty one. */
  cleared(topic: string): Promise<true> {
    return this.until(
      () => this.on(topic).at(-1) === '' || undefined,
      `${topic} to be cleared`,
    ) as Promise<true>
  }
}
