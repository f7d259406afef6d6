/**
 * A world: one broker, the devices of one mesh, and who submits tasks. It runs in virtual time until a moment or a
 * condition, and the same seed gives the same run.
 */
import type { Timing } from '../agent/core/options.ts'
import { Topics } from '../shared/protocol/topics.ts'
import { Broker } from './broker/broker.ts'
import type { Connection } from './broker/connection.ts'
import { LAN, type Latency } from './broker/link.ts'
import type { Packet } from './broker/packet.ts'
import { forgetTopics } from './broker/topic.ts'
import type { Variant } from './broker/variants.ts'
import { Cpu } from './engine/cpu.ts'
import { Engine } from './engine/engine.ts'
import type { Trace } from './engine/trace.ts'
import { type CoreFactory, SimNode } from './node/node.ts'
import { type Observer, Observers } from './observer.ts'
import { type Action, Submitter } from './submitter.ts'
import type { DeviceSpec } from './workload.ts'

/** What the machine that everything runs on is like; without it computing takes no time. */
export interface Machine {
  /** Of links whose device class names none. */
  readonly latency: Latency
  /** What a packet costs the broker, and a process that hosts agents, in microseconds. */
  readonly brokerPacketUs: number
  readonly hostPacketUs: number
  /** Processes that share the agents among them. */
  readonly hosts: number
  /** How long the broker takes to store what it retains, whatever its variant says. */
  readonly brokerStoreMs: { readonly min: number; readonly max: number }
  readonly diskSyncMs: { readonly min: number; readonly max: number }
  readonly processStartMs: { readonly min: number; readonly max: number }
}

/** What may differ from device to device; what is absent is the world's. */
export interface DeviceProfile {
  readonly latency?: Latency
  readonly driftPpmMax?: number
  readonly startWithinMs?: number
  readonly keepAliveMs?: number
  /** How fast it computes: with 0.5 everything runs twice as long. */
  readonly speed?: number
}

export interface WorldOptions {
  readonly seed: string
  readonly mesh: string
  readonly variant: Variant
  readonly core: CoreFactory
  readonly devices: readonly DeviceSpec[]
  /** What each submitter does. */
  readonly actions: readonly (readonly Action[])[]
  readonly timing?: Partial<Timing>
  readonly latency?: Latency
  readonly machine?: Machine
  readonly keepAliveMs?: number
  readonly connectTimeoutMs?: number
  /** Agents start within this time, in milliseconds. */
  readonly startWithinMs?: number
  readonly driftPpmMax?: number
  /** How a device differs from the rest; asked once for each, in order. */
  readonly profile?: (device: string) => DeviceProfile
  /** Makes who watches the run. */
  readonly observe?: (engine: Engine) => readonly Observer[]
  readonly trace?: Trace
  /**
   * Freezes everything that is published, so that a core that changes what it has sent is found out. It makes no
   * other difference; without it a run is faster. Default: true.
   */
  readonly freeze?: boolean
}

const DEFAULT_KEEP_ALIVE_MS = 5_000
const DEFAULT_CONNECT_TIMEOUT_MS = 5_000
const DEFAULT_DRIFT_PPM_MAX = 200
const DEFAULT_START_WITHIN_MS = 1_000
const WALL_OFFSET_MS_MAX = 2_000

export class World {
  readonly engine: Engine
  readonly broker: Broker
  readonly topics: Topics
  readonly observers: Observers
  readonly nodes: readonly SimNode[]
  readonly submitters: readonly Submitter[]
  readonly #byDevice: ReadonlyMap<string, SimNode>

  constructor(options: WorldOptions) {
    const { seed, mesh, trace, machine, latency = machine?.latency ?? LAN } = options
    forgetTopics()
    this.engine = new Engine(trace === undefined ? { seed } : { seed, trace })
    this.topics = new Topics(mesh)
    this.observers = new Observers([
      ...(options.observe?.(this.engine) ?? []),
      { accepted: (packet) => this.#mix(packet) },
    ])
    this.broker = new Broker(this.engine, variantOn(options.variant, machine), this.observers)
    const random = this.engine.random('world')
    const around = {
      engine: this.engine,
      broker: this.broker,
      observers: this.observers,
      core: options.core,
      freeze: options.freeze ?? true,
    }
    const startWithinMs: number[] = []
    this.nodes = options.devices.map((device) => {
      const profile = options.profile?.(device.device) ?? {}
      const driftPpm = profile.driftPpmMax ?? options.driftPpmMax ?? DEFAULT_DRIFT_PPM_MAX
      startWithinMs.push(profile.startWithinMs ?? options.startWithinMs ?? DEFAULT_START_WITHIN_MS)
      const node = new SimNode(around, {
        agent: options.timing === undefined ? device : { ...device, timing: options.timing },
        latency: profile.latency ?? latency,
        clock: {
          driftPpm: random.between(-driftPpm, driftPpm),
          wallOffsetMs: random.between(-WALL_OFFSET_MS_MAX, WALL_OFFSET_MS_MAX),
        },
        keepAliveMs: profile.keepAliveMs ?? options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS,
        connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      })
      node.executor.slowness = 1 / (profile.speed ?? 1)
      return node
    })
    if (machine !== undefined) this.#runOn(machine)
    this.#byDevice = new Map(this.nodes.map((node) => [node.device, node]))
    this.submitters = options.actions.map(
      (actions, n) =>
        new Submitter(this.engine, this.broker, this.topics, this.observers, `s${n}`, latency, actions),
    )
    for (const [n, node] of this.nodes.entries()) {
      const starter = { serial: node.serial, on: () => node.start() }
      this.engine.after(random.between(0, startWithinMs[n] as number), starter, 0)
    }
  }

  #runOn({ brokerPacketUs, hostPacketUs, hosts, diskSyncMs, processStartMs }: Machine): void {
    this.broker.cpu = new Cpu(brokerPacketUs)
    const cpus = Array.from({ length: hosts }, () => new Cpu(hostPacketUs))
    for (const [n, node] of this.nodes.entries()) {
      node.link.cpu = cpus[n % hosts]
      node.disk.syncMs = diskSyncMs
      node.executor.startMs = processStartMs
    }
  }

  node(device: string): SimNode {
    const node = this.#byDevice.get(device)
    if (node === undefined) throw new RangeError(`there is no device ${device}`)
    return node
  }

  /** The connection that holds the seat now. */
  get seat(): Connection | undefined {
    return this.broker.holder(this.topics.seatClientId())
  }

  /** The device whose agent holds the seat now. */
  get holder(): SimNode | undefined {
    const endpoint = this.seat?.endpoint
    return endpoint instanceof SimNode ? endpoint : undefined
  }

  runFor(ms: number): void {
    this.engine.runUntil(this.engine.nowMs + ms)
  }

  /** Runs until the condition holds, asking it every `everyMs`; false when it did not within the limit. */
  runUntil(condition: () => boolean, limitMs: number, everyMs = 50): boolean {
    const endMs = this.engine.nowMs + limitMs
    while (!condition()) {
      if (this.engine.nowMs >= endMs || this.engine.stopped) return false
      this.engine.runUntil(Math.min(endMs, this.engine.nowMs + everyMs))
    }
    return true
  }

  #mix(packet: Packet): void {
    const { hash } = this.engine
    hash.hashed(packet.of.hash, packet.of.text.length)
    hash.value(packet.content)
  }
}

function variantOn(variant: Variant, machine: Machine | undefined): Variant {
  if (machine === undefined) return variant
  const { min, max } = machine.brokerStoreMs
  return { ...variant, storeMsMin: min, storeMsMax: max }
}
