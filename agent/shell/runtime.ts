/**
 * The real shell of an agent's core: sockets, timers, files and processes become inputs, and effects are carried
 * out in the order in which the core returned them. One input is stepped at a time: what comes while the core
 * is at work, also from its own effects, waits in a queue.
 */
import { CoveyError, InvariantError, invariant } from '../../shared/errors/errors.ts'
import type { AgentEffect, AgentInput, Core, Journal, JournalChange, Measured } from '../../shared/ports.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import { within } from './bounded-wait.ts'
import type { BrokerAddress } from './broker-address.ts'
import type { Executor } from './executor.ts'
import { DEFAULT_LIMITS, type ShellLimits } from './limits.ts'
import type { Emit } from './link.ts'
import { Links } from './links.ts'
import type { Log } from './log.ts'
import { Timers } from './timers.ts'

/** Exit code of an agent that cannot go on: a bug in its core, or a dead disk (EX_SOFTWARE of sysexits). */
export const EXIT_BUG = 70
/** Exit code of an agent that did not stop in time when asked to. */
export const EXIT_STOP_TIMEOUT = 75

/** Ends the agent: something without which it cannot go on is broken. */
export type Fail = (error: Error) => void

/** What the runtime needs of a journal; `journaled` inputs answer `persist`. */
export interface JournalWriter {
  persist(seq: number, change: JournalChange): void
  /** Resolves when everything handed in is written or has failed. */
  close(): Promise<void>
}

export interface ShellDeps {
  readonly mesh: string
  readonly broker: BrokerAddress
  readonly log: Log
  /** What the journal held when it was opened. */
  readonly journal: Journal | undefined
  readonly writer: (emit: Emit, fail: Fail) => JournalWriter
  readonly executor: (emit: Emit) => Executor
  readonly measure: () => Measured
  readonly limits?: Partial<ShellLimits>
}

export interface RunningAgent {
  /**
   * Resolves when the device is connected and its first subscriptions are granted; rejects when the agent ends
   * before that. An unreachable broker is no end: the agent goes on trying.
   */
  readonly ready: Promise<void>
  /** Asks it to stop; resolves with the exit code, at the latest after `stopTimeoutMs` + `closeTimeoutMs`. */
  stop(): Promise<number>
  /** Resolves with the exit code when the agent has ended and all it used is closed. */
  readonly done: Promise<number>
}

/** Starts the core with `boot` and keeps it running until it exits. */
export function startAgent(core: Core<AgentInput, AgentEffect>, deps: ShellDeps): RunningAgent {
  const runtime = new Runtime(core, deps)
  runtime.emit({ in: 'boot', journal: deps.journal })
  return runtime
}

class Runtime implements RunningAgent {
  readonly ready: Promise<void>
  readonly done: Promise<number>
  readonly emit: Emit
  readonly #core: Core<AgentInput, AgentEffect>
  readonly #log: Log
  readonly #limits: ShellLimits
  readonly #measure: () => Measured
  readonly #timers: Timers
  readonly #links: Links
  readonly #writer: JournalWriter
  readonly #executor: Executor
  readonly #queue: AgentInput[] = []
  #stepping = false
  #ending = false
  #stopTimer: NodeJS.Timeout | undefined
  #markReady: () => void = () => undefined
  #markUnready: (reason: Error) => void = () => undefined
  #markDone: (code: number) => void = () => undefined

  constructor(core: Core<AgentInput, AgentEffect>, deps: ShellDeps) {
    this.#core = core
    this.#log = deps.log
    this.#limits = { ...DEFAULT_LIMITS, ...deps.limits }
    this.#measure = deps.measure
    this.emit = (input) => this.#take(input)
    this.#timers = new Timers((name) => this.emit({ in: 'timer', name }), this.#limits.timersMax)
    this.#links = new Links({
      address: deps.broker,
      topics: new Topics(deps.mesh),
      emit: this.emit,
      log: deps.log,
      limits: this.#limits,
    })
    this.#writer = deps.writer(this.emit, (error) => this.#fatal(error, undefined))
    this.#executor = deps.executor(this.emit)
    this.ready = new Promise((resolve, reject) => {
      this.#markReady = resolve
      this.#markUnready = reject
    })
    // Whoever does not wait for `ready` learns of the end by `done`.
    this.ready.catch(() => undefined)
    this.done = new Promise((resolve) => {
      this.#markDone = resolve
    })
  }

  stop(): Promise<number> {
    if (!this.#ending && this.#stopTimer === undefined) {
      const { stopTimeoutMs } = this.#limits
      this.#stopTimer = setTimeout(() => {
        this.#log.error({ stopTimeoutMs }, 'the agent did not stop in time; it is ended')
        void this.#end(EXIT_STOP_TIMEOUT)
      }, stopTimeoutMs)
      this.emit({ in: 'stop' })
    }
    return this.done
  }

  #take(input: AgentInput): void {
    if (this.#ending) return
    this.#queue.push(input)
    if (this.#stepping) return
    this.#stepping = true
    try {
      this.#drain()
    } finally {
      this.#stepping = false
    }
  }

  #drain(): void {
    let input: AgentInput | undefined
    try {
      for (let next = 0; next < this.#queue.length && !this.#ending; next++) {
        input = this.#queue[next] as AgentInput
        this.#step(input)
        const waiting = this.#queue.length - next - 1
        const { inputQueueMax } = this.#limits
        invariant(waiting <= inputQueueMax, () => `${waiting} inputs wait, inputQueueMax is ${inputQueueMax}`)
        // The array is emptied when all is done; a long one is cut before, so that it cannot creep.
        if (next >= 1024) {
          this.#queue.splice(0, next + 1)
          next = -1
        }
      }
      this.#queue.length = 0
    } catch (error) {
      this.#fatal(error as Error, input)
    }
  }

  #step(input: AgentInput): void {
    const effects = this.#core.step(input, { monoMs: performance.now(), wallMs: Date.now() })
    for (const effect of effects) {
      if (this.#ending) return
      this.#carryOut(effect)
    }
    if (input.in === 'subscribed' && input.link === 'device') this.#markReady()
  }

  #carryOut(effect: AgentEffect): void {
    switch (effect.do) {
      case 'connect':
      case 'disconnect':
      case 'subscribe':
      case 'unsubscribe':
      case 'publish':
        this.#links.carryOut(effect)
        break
      case 'timer':
        this.#timers.set(effect.name, effect.delayMs)
        break
      case 'cancel-timer':
        this.#timers.cancel(effect.name)
        break
      case 'persist':
        this.#writer.persist(effect.seq, effect.change)
        break
      case 'run':
        this.#executor.run(effect.attempt, effect.task, effect.spec, effect)
        break
      case 'kill':
        this.#executor.kill(effect.attempt, effect.graceMs)
        break
      case 'lease':
        this.#executor.extend(effect.from)
        break
      case 'reap':
        this.#executor.reap(effect.entries)
        break
      case 'measure':
        this.emit({ in: 'measured', load: this.#measure() })
        break
      case 'log':
        this.#log[effect.level](effect.fields ?? {}, effect.message)
        break
      case 'exit':
        void this.#end(effect.code)
        break
    }
  }

  /** Going on would act on a state that nobody understands; the will tells the mesh at once. */
  #fatal(error: Error, input: AgentInput | undefined): void {
    if (this.#ending) return
    const kind =
      error instanceof InvariantError ? 'invariant' : error instanceof CoveyError ? error.code : 'exception'
    this.#log.error({ kind, input: summary(input), stack: error.stack }, `the agent ends: ${error.message}`)
    void this.#end(EXIT_BUG)
  }

  async #end(code: number): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    clearTimeout(this.#stopTimer)
    this.#timers.clear()
    const closed = Promise.allSettled([
      this.#links.close(code !== 0),
      this.#executor.close(),
      this.#writer.close(),
    ])
    const results = await within(closed, this.#limits.closeTimeoutMs)
    if (results === undefined) {
      this.#log.warn({ closeTimeoutMs: this.#limits.closeTimeoutMs }, 'not all could be closed in time')
    }
    for (const result of results ?? []) {
      if (result.status === 'rejected') this.#log.error({ error: String(result.reason) }, 'closing failed')
    }
    this.#markUnready(new Error(`the agent ended with code ${code} before it was connected`))
    this.#markDone(code)
  }
}

const SUMMARY_CHARS_MAX = 2_000

/** The input that broke the core, as far as it fits into a log line. */
function summary(input: AgentInput | undefined): string {
  const text = JSON.stringify(input) ?? 'none'
  return text.length <= SUMMARY_CHARS_MAX ? text : `${text.slice(0, SUMMARY_CHARS_MAX)}…`
}
