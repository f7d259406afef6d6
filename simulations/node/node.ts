/**
 * A virtual device: one agent's core, and everything that its effects ask for. It is a shell like the real one
 * and gives the core no more than that does; but its clock, disk, processes and network are virtual, and fail
 * when they are told to.
 */

import { parseCapacity } from '../../shared/model/gpus.ts'
import type { Resources } from '../../shared/model/resources.ts'
import type { AgentEffect, AgentInput, LinkName } from '../../shared/ports.ts'
import type { Random } from '../../shared/random/random.ts'
import type { Connection, Endpoint } from '../broker/connection.ts'
import { Link } from '../broker/link.ts'
import { type Packet, packetOf } from '../broker/packet.ts'
import { RecentTopic } from '../broker/topic.ts'
import { NodeClock } from '../engine/clock.ts'
import type { Target } from '../engine/queue.ts'
import { Disk } from './disk.ts'
import { VirtualExecutor } from './executor.ts'
import { NodeLinks } from './links.ts'
import type { AgentCore, NodeOptions, Surroundings } from './surroundings.ts'
import { NodeTimers, type Timer } from './timers.ts'
import type { Waiting } from './waiting.ts'

export type { AgentCore, CoreFactory, NodeOptions, Surroundings } from './surroundings.ts'

export const BACKLOG_INPUTS_MAX = 200_000
/** How long a service manager waits before it starts an agent again that ended by a bug. */
const RESTART_AFTER_BUG_MS = 1_000

const Event = { timer: 1, drain: 2, start: 3 } as const

export class SimNode implements Target, Endpoint {
  readonly serial: number
  readonly device: string
  readonly capacity: Resources
  readonly link: Link
  readonly clock: NodeClock
  readonly disk: Disk
  readonly executor: VirtualExecutor
  readonly timers: NodeTimers
  readonly options: NodeOptions
  running = false
  /** Whether the running agent has been asked to stop, and when. */
  stopping = false
  stopAskedMs = 0
  /** How many times its agent was started. */
  boots = 0
  /** Added to every step while the device is slow. */
  stepMs = 0

  readonly #around: Surroundings
  readonly #random: Random
  readonly #links = new NodeLinks()
  readonly #topics = new RecentTopic()
  #core: AgentCore | undefined
  #freezes = 0
  #suspends = 0
  #suspendedUs = 0
  #backlog: Waiting[] = []
  #busyUntilUs = 0
  #draining = false
  /** The step at hand asked for a measurement. */
  #measuring = false

  constructor(around: Surroundings, options: NodeOptions) {
    const { engine } = around
    this.serial = engine.serial()
    this.#around = around
    this.options = options
    this.device = options.agent.device
    this.capacity = parseCapacity(options.agent.capacity)
    this.#random = engine.random(`node/${this.device}`)
    this.link = new Link(options.latency, this.#random.fork('link'))
    this.clock = new NodeClock(engine, this.#random.between(0, 1e7), options.clock)
    this.timers = new NodeTimers(engine, this.clock, this, Event.timer)
    this.disk = new Disk(engine, this.#random.fork('disk'), (seq, error) =>
      this.#take(error === undefined ? { in: 'journaled', seq } : { in: 'journaled', seq, error }),
    )
    this.executor = new VirtualExecutor(engine, this.clock, this.#random.fork('executor'), {
      input: (input) => this.#take(input),
      gone: (process) => around.observers.process(this, process, false),
    })
  }

  // ---- what happens to the device ----

  /** Starts the agent, with the journal that its disk holds. */
  start(): void {
    if (this.running) return
    this.running = true
    this.boots++
    const seed = `${this.#around.engine.seed}/${this.device}/${this.boots}`
    this.#core = this.#around.core({ ...this.options.agent, seed })
    this.link.setSilent(this.frozen)
    this.#around.observers.node(this, 'boot')
    this.#take({ in: 'boot', journal: this.disk.read() })
  }

  /** The agent's process is killed: its sockets close, what it ran goes on without it. */
  crash(): void {
    if (!this.running) return
    this.#end((connection) => connection.drop())
    this.executor.orphan()
    this.#around.observers.node(this, 'crash')
  }

  /** The device loses its power: nothing is said, nothing goes on, and its monotonic clock starts anew. */
  losePower(): void {
    if (this.running) this.#end((connection) => connection.vanish())
    this.executor.clear()
    this.clock.reboot()
    this.#around.observers.node(this, 'power loss')
  }

  /** Empties the disk of a device that is off. */
  wipe(): void {
    if (this.running) throw new Error(`${this.device}: a disk is not wiped under a running agent`)
    this.disk.wipe()
    this.#around.observers.node(this, 'wiped')
  }

  /** Asks the agent to stop, as a service manager does. */
  stop(): void {
    if (!this.running || this.stopping) return
    this.stopping = true
    this.stopAskedMs = this.#around.engine.nowMs
    this.#take({ in: 'stop' })
  }

  /** Its program stands still (SIGSTOP): its clocks go on, and what comes in waits. */
  freeze(): void {
    this.#freezes++
    this.link.setSilent(true)
  }

  thaw(): void {
    this.#freezes--
    if (this.frozen) return
    this.link.setSilent(false)
    this.#drain()
  }

  /** The device sleeps: its monotonic clock and its processes stand still, its wall clock goes on. */
  suspend(): void {
    if (this.#suspends++ > 0) return
    this.freeze()
    this.clock.suspend()
    this.timers.suspend()
    this.executor.guard.suspend()
    this.#around.observers.sleep(this, true)
    this.#suspendedUs = this.#around.engine.nowUs
  }

  wake(): void {
    if (--this.#suspends > 0) return
    this.clock.resume()
    this.timers.resume(this.#around.engine.nowUs - this.#suspendedUs)
    this.executor.guard.wake()
    this.#around.observers.sleep(this, false)
    this.thaw()
  }

  get frozen(): boolean {
    return this.#freezes > 0
  }

  get backlog(): number {
    return this.#backlog.length
  }

  /** The connection of a link, if the agent has one now. */
  connection(link: LinkName): Connection | undefined {
    return this.#links.of(link)
  }

  // ---- the connections' events ----

  connected(connection: Connection): void {
    this.#take({ in: 'link-up', link: connection.tag as LinkName }, connection)
  }

  closed(connection: Connection, reason: string): void {
    this.#take({ in: 'link-down', link: connection.tag as LinkName, reason }, connection)
  }

  received(connection: Connection, packet: Packet, retained: boolean, qos: 0 | 1): void {
    const input = packet.input(connection.tag as LinkName, retained)
    if (input === undefined) connection.took(qos)
    else this.#take(input, connection, qos)
  }

  subscribed(connection: Connection, token: number): void {
    this.#take({ in: 'subscribed', link: connection.tag as LinkName, token }, connection)
  }

  acked(connection: Connection, token: number): void {
    if (token >= 0) this.#take({ in: 'acked', link: connection.tag as LinkName, token }, connection)
  }

  on(kind: number, arg: unknown): void {
    if (kind === Event.drain) {
      this.#draining = false
      this.#drain()
    } else if (kind === Event.start) {
      this.start()
    } else if (kind === Event.timer) {
      const timer = arg as Timer
      if (this.timers.came(timer)) this.#take({ in: 'timer', name: timer.name }, undefined, 0, timer)
    }
  }

  // ---- steps ----

  #take(input: AgentInput, connection?: Connection, qos: 0 | 1 = 0, timer?: Timer): void {
    if (!this.running) return
    const generation = timer?.generation ?? 0
    if (this.frozen || this.#backlog.length > 0 || this.#busyUntilUs > this.#around.engine.nowUs) {
      if (this.#backlog.length >= BACKLOG_INPUTS_MAX) {
        throw new RangeError(`${this.device}: more than ${BACKLOG_INPUTS_MAX} inputs wait`)
      }
      this.#backlog.push({ input, connection, qos, timer, generation })
      this.#drainLater()
    } else {
      this.#check(input, connection, qos, timer, generation)
    }
  }

  #drainLater(): void {
    if (this.frozen || this.#draining) return
    this.#draining = true
    this.#around.engine.at(this.#busyUntilUs, this, Event.drain)
  }

  #drain(): void {
    const { engine } = this.#around
    let next = 0
    while (next < this.#backlog.length && !this.frozen && this.#busyUntilUs <= engine.nowUs) {
      const { input, connection, qos, timer, generation } = this.#backlog[next++] as Waiting
      this.#check(input, connection, qos, timer, generation)
      if (!this.running) return
    }
    this.#backlog.splice(0, next)
    if (this.#backlog.length > 0) this.#drainLater()
  }

  /** An input of a connection that was replaced, or of a timer that was stopped, is none any more. */
  #check(
    input: AgentInput,
    connection: Connection | undefined,
    qos: 0 | 1,
    timer: Timer | undefined,
    generation: number,
  ): void {
    if (connection !== undefined) {
      const link = connection.tag as LinkName
      if (this.connection(link) !== connection) return
      if (input.in === 'link-down') this.#links.set(link, undefined)
      connection.took(qos)
    }
    if (timer !== undefined && !this.timers.take(timer, generation)) return
    this.#step(input)
  }

  #step(input: AgentInput): void {
    const { engine, observers } = this.#around
    const now = this.clock.now()
    let effects: readonly AgentEffect[]
    try {
      effects = (this.#core as AgentCore).step(input, now)
    } catch (error) {
      observers.threw(this, input, error as Error)
      this.#exit(false)
      engine.after(RESTART_AFTER_BUG_MS, this, Event.start)
      return
    }
    observers.step(this, input, effects, now)
    for (const effect of effects) {
      this.#carryOut(effect)
      if (!this.running) return
    }
    if (this.stepMs > 0) this.#busyUntilUs = engine.nowUs + Math.ceil(this.stepMs * 1000)
    if (this.#measuring) this.#measureNow()
  }

  #carryOut(effect: AgentEffect): void {
    switch (effect.do) {
      case 'publish':
        this.connection(effect.link)?.publish(
          packetOf(effect.message, this.#topics, this.#around.freeze),
          effect.token,
        )
        break
      case 'timer':
        this.timers.set(effect.name, effect.delayMs)
        break
      case 'cancel-timer':
        this.timers.cancel(effect.name)
        break
      case 'measure':
        this.#measuring = true
        break
      case 'persist':
        this.disk.write(effect.seq, effect.change)
        break
      case 'run':
        this.#around.observers.process(this, this.executor.run(effect), true)
        break
      case 'lease':
        this.executor.extend(effect.from)
        break
      case 'kill':
        this.executor.kill(effect.attempt, effect.graceMs)
        break
      case 'reap':
        this.executor.reap(effect.entries)
        break
      case 'connect':
        this.#open(effect)
        break
      case 'disconnect':
        this.#disconnect(effect.link, effect.will)
        break
      case 'subscribe':
        this.connection(effect.link)?.subscribe(effect.to, effect.token)
        break
      case 'unsubscribe':
        this.connection(effect.link)?.unsubscribe(effect.topics)
        break
      case 'exit':
        this.#exit(effect.code === 0)
        break
      case 'log':
        break
    }
  }

  #open(effect: Extract<AgentEffect, { do: 'connect' }>): void {
    this.#disconnect(effect.link, false)
    const connection = this.#around.broker.connect(this.link, this, effect.link, {
      clientId: effect.clientId,
      will: packetOf(effect.will, this.#topics, this.#around.freeze),
      keepAliveMs: this.options.keepAliveMs,
      connectTimeoutMs: this.options.connectTimeoutMs,
    })
    this.#links.set(effect.link, connection)
  }

  #disconnect(link: LinkName, will: boolean): void {
    const connection = this.#links.take(link)
    if (will) connection?.drop()
    else connection?.disconnect()
  }

  #exit(clean: boolean): void {
    this.disk.close()
    this.#end((connection) => (clean ? connection.disconnect() : connection.drop()))
    this.executor.clear()
    this.#around.observers.node(this, 'exit')
  }

  #end(close: (connection: Connection) => void): void {
    this.running = false
    this.stopping = false
    this.#core = undefined
    this.timers.clear()
    this.disk.crash()
    this.#backlog = []
    this.#measuring = false
    this.#busyUntilUs = 0
    this.#links.closeAll(close)
  }

  /** As in the real shell: measured at once, and stepped after what waits already. */
  #measureNow(): void {
    this.#measuring = false
    this.#take({ in: 'measured', load: this.executor.load(this.capacity) })
  }
}
