/**
 * What the parts of an agent's core share: its options, the time of the current step, its random numbers,
 * and the list of effects that the step returns.
 */
import type { AgentEffect, LinkName, LogLevel, Now, Outgoing } from '../../shared/ports.ts'
import type { Candidacy, Messages, ResultPage } from '../../shared/protocol/schemas/index.ts'
import { type Route, TOPICS, Topics } from '../../shared/protocol/topics.ts'
import { Random } from '../../shared/random/random.ts'
import { type AgentOptions, DEFAULT_TIMING, type Timing } from './options.ts'

/** What a step without effects returns; nothing is ever added to it. */
const NO_EFFECTS: AgentEffect[] = []

export class Context {
  readonly options: AgentOptions
  readonly timing: Timing
  readonly topics: Topics
  readonly random: Random
  /** Whether the agent may become coordinator; `never` as well once the broker has shown that it must not. */
  candidacy: Candidacy
  now: Now = { monoMs: 0, wallMs: 0 }
  #effects = NO_EFFECTS
  #token = 0
  /** The last instant that was asked for: one step asks for the same again and again. */
  #instant = { wallMs: Number.NaN, text: '' }
  readonly #ownTopics: Partial<Record<Route, string>> = {}

  constructor(options: AgentOptions) {
    this.options = options
    this.timing = { ...DEFAULT_TIMING, ...options.timing }
    this.topics = new Topics(options.mesh)
    this.candidacy = options.candidate
    this.random = new Random(`${options.seed}/${options.device}`)
  }

  /** The current wall-clock time as an instant of the protocol. */
  instant(): string {
    const { wallMs } = this.now
    if (wallMs !== this.#instant.wallMs) this.#instant = { wallMs, text: new Date(wallMs).toISOString() }
    return this.#instant.text
  }

  emit(effect: AgentEffect): void {
    const effects = this.#effects
    const [first] = effects
    // Nearly all steps have one effect or two. A list that grows takes room for sixteen at once, which is much to clear
    // for every beacon and heartbeat.
    if (first === undefined) this.#effects = [effect]
    else if (effects.length === 1) this.#effects = [first, effect]
    else effects.push(effect)
  }

  /** Hands over what was emitted since the last call. */
  take(): readonly AgentEffect[] {
    const effects = this.#effects
    this.#effects = NO_EFFECTS
    return effects
  }

  /** A number that tells one publish or subscribe from every other of this agent. */
  token(): number {
    return ++this.#token
  }

  /** Composes a message with the quality of service and retention that its topic has. */
  message<R extends Route>(route: R, id: string | undefined, body: Messages[R] | null): Outgoing {
    const { qos, retained } = TOPICS[route]
    // Compared only when it is there: then engines compare two strings, and not two values of any kind.
    const own = id !== undefined && id === this.options.device
    const topic = own ? this.#ownTopic(route) : this.topics.of(route, id)
    return { route, topic, body, qos, retain: retained } as Outgoing
  }

  /** A device publishes on the same few topics all the time. */
  #ownTopic(route: Route): string {
    let topic = this.#ownTopics[route]
    if (topic === undefined) {
      topic = this.topics.of(route, this.options.device)
      this.#ownTopics[route] = topic
    }
    return topic
  }

  publish<R extends Route>(
    link: LinkName,
    route: R,
    id: string | undefined,
    body: Messages[R] | null,
    token?: number,
  ): void {
    const message = this.message(route, id, body)
    this.emit(
      token === undefined ? { do: 'publish', link, message } : { do: 'publish', link, message, token },
    )
  }

  /** Publishes a page of an array's results, or takes it away. */
  publishPage(task: string, page: string, body: ResultPage | null, token?: number): void {
    const { qos, retained } = TOPICS.results
    const topic = this.topics.ofPage(task, page)
    const message = { route: 'results', topic, body, qos, retain: retained } as const
    this.emit(
      token === undefined
        ? { do: 'publish', link: 'seat', message }
        : { do: 'publish', link: 'seat', message, token },
    )
  }

  timer(name: string, delayMs: number): void {
    this.emit({ do: 'timer', name, delayMs })
  }

  cancelTimer(name: string): void {
    this.emit({ do: 'cancel-timer', name })
  }

  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.emit(fields === undefined ? { do: 'log', level, message } : { do: 'log', level, message, fields })
  }
}
