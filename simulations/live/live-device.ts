/**
 * One device of a live run: the real core in the real shell, with a connection, a journal on the disk and processes of
 * its own. It shares its process with other devices, so it dies without that process: its core's next word is `exit`.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Agent } from '../../agent/core/agent.ts'
import type { BrokerAddress } from '../../agent/shell/broker-address.ts'
import { WORK_FOLDER } from '../../agent/shell/child-environment.ts'
import { openJournal } from '../../agent/shell/journal.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../../agent/shell/limits.ts'
import type { Emit } from '../../agent/shell/link.ts'
import type { Log } from '../../agent/shell/log.ts'
import { reapLeftovers, removeLeftFolders } from '../../agent/shell/reap.ts'
import { type JournalWriter, type RunningAgent, startAgent } from '../../agent/shell/runtime.ts'
import { accumulate, emptyVector, parseResources } from '../../shared/model/resources.ts'
import type { AgentEffect, AgentInput, Core, Measured, Now } from '../../shared/ports.ts'
import { measuredOf } from '../node/measured.ts'
import { departureIn } from '../scenario/departures.ts'
import type { LiveDeviceOptions } from './talk.ts'
import { type ExecutorWatch, WatchedExecutor } from './watched-executor.ts'

/** As a shell tells of a process that was ended by KILL. */
const KILLED = 137
const CRASH_TIMER = 'live/crash'

export interface DeviceWatch extends ExecutorWatch {
  /** Packets that the agent was given or sends. */
  packets(count: number): void
  /** From a change of the journal until it was on the disk, in milliseconds. */
  synced(tookMs: number): void
  /** It was coordinator and has left office. */
  left(reason: string): void
  /** @param start which of its starts has ended */
  gone(start: number, code: number): void
}

export interface DeviceContext {
  readonly broker: BrokerAddress
  readonly seed: string
  readonly data: string
  readonly log: Log
  readonly watch: DeviceWatch
}

/** Inputs and effects that are a packet each. */
const COMES: ReadonlySet<AgentInput['in']> = new Set(['message', 'acked', 'subscribed', 'link-up'])
const GOES: ReadonlySet<AgentEffect['do']> = new Set(['publish', 'subscribe', 'unsubscribe', 'connect'])

/** A core that can be made to end at its next step, with nothing said and nothing written. */
class Mortal implements Core<AgentInput, AgentEffect> {
  readonly #core: Agent
  readonly #watch: DeviceWatch
  #dead = false

  constructor(core: Agent, watch: DeviceWatch) {
    this.#core = core
    this.#watch = watch
  }

  die(): void {
    this.#dead = true
  }

  step(input: AgentInput, now: Now): readonly AgentEffect[] {
    if (this.#dead) return [{ do: 'exit', code: KILLED }]
    const effects = this.#core.step(input, now)
    let packets = COMES.has(input.in) ? 1 : 0
    for (const effect of effects) {
      if (GOES.has(effect.do)) packets++
      const reason = departureIn(effect)
      if (reason !== undefined) this.#watch.left(reason)
    }
    this.#watch.packets(packets)
    return effects
  }
}

/** One start of the agent. */
interface Life {
  readonly core: Mortal
  readonly running: RunningAgent
  readonly emit: Emit
}

export class LiveDevice {
  readonly #options: LiveDeviceOptions
  readonly #context: DeviceContext
  readonly #limits: ShellLimits
  /** Of this start and of those before it whose processes may still run. */
  readonly #executors = new Set<WatchedExecutor>()
  /** Which start was ordered last. */
  #start = 0
  /** Whether the device is to be up: it may be taken down while it is still starting. */
  #wanted = false
  #life: Life | undefined
  #ending: Promise<unknown> = Promise.resolve()

  constructor(options: LiveDeviceOptions, context: DeviceContext) {
    this.#options = options
    this.#context = context
    this.#limits = { ...DEFAULT_LIMITS, keepaliveSeconds: options.keepaliveSeconds }
  }

  /**
   * Starts the agent as a device does that boots: with what its disk holds, and nothing else of it running.
   *
   * @param start how often it has been started
   */
  async start(start: number): Promise<void> {
    const { broker, data, log, seed } = this.#context
    const { agent } = this.#options
    this.#wanted = true
    this.#start = start
    await this.#ending
    if (this.#life !== undefined) return
    mkdirSync(data, { recursive: true })
    const limits = this.#limits
    const journal = await openJournal({ folder: data, durability: 'power', limits, log })
    if (journal.contents !== undefined) {
      const pids = journal.contents.entries.map(({ pid }) => pid).filter((pid) => pid !== undefined)
      reapLeftovers(data, pids, log)
      await removeLeftFolders(join(data, WORK_FOLDER), log)
    }
    if (!this.#wanted || this.#life !== undefined) return
    const { watch } = this.#context
    // While the journal was opened it may have been taken down and started once more.
    const latest = this.#start
    const own = `${seed}/${agent.device}/${latest}`
    const core = new Mortal(new Agent({ ...agent, seed: own }), watch)
    const { executor, capture } = this.#executor()
    const running = startAgent(core, {
      mesh: agent.mesh,
      broker,
      log,
      journal: journal.contents,
      writer: (emit, fail) => this.#timed(emit, (timed) => journal.writer(timed, fail)),
      executor,
      measure: () => this.#measure(),
      limits,
    })
    this.#life = { core, running, emit: capture() }
    this.#ending = running.done.then((code) => {
      this.#life = undefined
      watch.gone(latest, code)
    })
  }

  /** As by SIGKILL: the sockets close, and what it ran goes on until the next start finds it. */
  crash(): void {
    this.#wanted = false
    const life = this.#life
    if (life === undefined) return
    for (const executor of this.#executors) executor.orphan()
    life.core.die()
    life.emit({ in: 'timer', name: CRASH_TIMER })
  }

  /** As by SIGTERM. */
  leave(): void {
    this.#wanted = false
    void this.#life?.running.stop()
  }

  /** Takes everything away: the agent and all that any start of it has left running. */
  async end(): Promise<void> {
    this.crash()
    await this.#ending
    await Promise.all([...this.#executors].map((executor) => executor.end()))
    rmSync(this.#context.data, { recursive: true, force: true, maxRetries: 3 })
  }

  #executor(): { executor: (emit: Emit) => WatchedExecutor; capture: () => Emit } {
    const { data, log, watch } = this.#context
    const { mesh, device } = this.#options.agent
    let toCore: Emit | undefined
    const executor = (emit: Emit): WatchedExecutor => {
      toCore = emit
      const made = new WatchedExecutor(
        { agent: { mesh, device, data }, emit, log, limits: this.#limits },
        watch,
      )
      for (const old of this.#executors) {
        if (old.running > 0) continue
        this.#executors.delete(old)
        // It may have a guard, which has nothing left to end.
        void old.end()
      }
      this.#executors.add(made)
      return made
    }
    return { executor, capture: () => toCore as Emit }
  }

  /** The journal's writer, timed from each change to its answer. */
  #timed(emit: Emit, open: (emit: Emit) => JournalWriter): JournalWriter {
    const since = new Map<number, number>()
    const writer = open((input) => {
      if (input.in === 'journaled') {
        for (const [seq, sinceMs] of since) {
          if (seq > input.seq) continue
          since.delete(seq)
          this.#context.watch.synced(performance.now() - sinceMs)
        }
      }
      emit(input)
    })
    return {
      persist: (seq, change) => {
        since.set(seq, performance.now())
        writer.persist(seq, change)
      },
      close: () => writer.close(),
    }
  }

  /** Many devices share this machine, so each tells the load of its own work, as a simulated one does. */
  #measure(): Measured {
    const placed = emptyVector()
    for (const executor of this.#executors) accumulate(placed, executor.placed, 1)
    return measuredOf(parseResources(this.#options.agent.capacity), placed, 0)
  }
}
