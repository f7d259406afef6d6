/** One agent, driven by hand: inputs in, effects out. */
import type { AgentEffect, AgentInput, Journal } from '../../../shared/ports.ts'
import type { Incoming } from '../../../shared/protocol/codec.ts'
import type { Beacon, DeviceReport, Inbox, TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Agent } from '../agent.ts'
import type { AgentOptions } from '../options.ts'

export const SPEC: TaskSpec = {
  run: { exec: ['true'] },
  resources: { cpu: '1', memory: '64Mi' },
  timeout: '10s',
  grace: '2s',
}

/** A message as the codec hands it over, less whether it was retained. */
interface Heard {
  readonly route: Incoming['route']
  readonly id: string
  readonly page?: string
  readonly body?: unknown
  readonly empty?: true
  readonly rejection?: unknown
}

export class Driver {
  readonly agent: Agent
  effects: AgentEffect[] = []
  now = { monoMs: 0, wallMs: 1_700_000_000_000 }
  #journalFails = false
  #journalWrites = true
  #unwritten: number[] = []

  constructor(candidate: 'auto' | 'never' = 'never', more: Partial<AgentOptions> = {}) {
    this.agent = new Agent({
      mesh: 'home',
      device: 'pi',
      labels: {},
      capacity: { cpu: '2', memory: '1Gi' },
      executors: ['exec'],
      candidate,
      version: '1',
      seed: 'test',
      ...more,
    })
  }

  /** Steps the core; a journal that works answers at once. */
  give(input: AgentInput): void {
    const effects = this.agent.step(input, this.now)
    this.effects.push(...effects)
    for (const effect of effects) {
      if (effect.do !== 'persist') continue
      if (this.#journalWrites) this.#answer(effect.seq)
      else this.#unwritten.push(effect.seq)
    }
  }

  #answer(seq: number): void {
    this.give({ in: 'journaled', seq, ...(this.#journalFails ? { error: 'ENOSPC' } : {}) })
  }

  /** Lets the journal take its time until `finishJournal`. */
  slowJournal(): void {
    this.#journalWrites = false
  }

  finishJournal(): void {
    this.#journalWrites = true
    for (const seq of this.#unwritten.splice(0)) this.#answer(seq)
  }

  breakJournal(): void {
    this.#journalFails = true
  }

  mendJournal(): void {
    this.#journalFails = false
  }

  pass(ms: number): void {
    this.now = { monoMs: this.now.monoMs + ms, wallMs: this.now.wallMs + ms }
  }

  timer(name: string): void {
    this.give({ in: 'timer', name })
  }

  hear(link: 'device' | 'seat', message: Heard, retained = false): void {
    this.give({ in: 'message', link, message: { ...message, retained } as Incoming })
  }

  take<D extends AgentEffect['do']>(kind: D): Extract<AgentEffect, { do: D }>[] {
    const found = this.effects.filter((effect) => effect.do === kind)
    this.effects = this.effects.filter((effect) => effect.do !== kind)
    return found as Extract<AgentEffect, { do: D }>[]
  }

  published<T>(route: string): T[] {
    const found = this.effects.filter((effect) => effect.do === 'publish' && effect.message.route === route)
    this.effects = this.effects.filter((effect) => !found.includes(effect))
    return found.map((effect) => (effect as Extract<AgentEffect, { do: 'publish' }>).message.body as T)
  }

  /** Connects and hears who is in office. */
  online(journal?: Journal, beacon: Partial<Beacon> = {}): this {
    this.give({ in: 'boot', journal })
    this.reconnect(beacon)
    return this
  }

  /** Forgets what was emitted so far. */
  settled(): this {
    this.effects = []
    return this
  }

  reconnect(beacon: Partial<Beacon> = {}): void {
    this.give({ in: 'link-up', link: 'device' })
    const token = this.take('subscribe')[0]?.token ?? 0
    this.give({ in: 'subscribed', link: 'device', token })
    this.timer('worker/birth')
    this.beacon(beacon)
    this.timer('worker/report')
  }

  beacon(beacon: Partial<Beacon> = {}): void {
    const body = {
      term: 1,
      agent: 'boss',
      nonce: 'n1',
      intervalMs: 1000,
      heartbeatMs: 1000,
      candidates: [],
      ...beacon,
    }
    this.hear('device', { route: 'beacon', id: '', body })
  }

  inbox(inbox: Partial<Inbox>): void {
    const body = { term: 1, agent: 'boss', seq: 1, assign: [], revoke: [], ack: [], ...inbox }
    this.hear('device', { route: 'inbox', id: 'pi', body })
  }

  reports(): DeviceReport[] {
    this.timer('worker/report')
    return this.published<DeviceReport>('report')
  }
}

export const attempt = (n: number, term = 1) => ({ term, agent: 'boss', n })
export const assign = (n: number, spec = SPEC) => ({ attempt: attempt(n), task: `t${n}`, spec })
