/**
 * A market: the same work on the same fleet under one strategy, and what can be seen of how it was spread and of what that
 * cost in messages. For comparing strategies; nothing fails in it.
 */
import { Agent } from '../agent/core/agent.ts'
import { accumulate, leastLeft, type Resources } from '../shared/model/resources.ts'
import { demandOf } from '../shared/model/task.ts'
import type { StrategyName, TaskSpec } from '../shared/protocol/schemas/index.ts'
import { Random } from '../shared/random/random.ts'
import type { Packet } from './broker/packet.ts'
import { VARIANTS } from './broker/variants.ts'
import type { Engine } from './engine/engine.ts'
import type { Target } from './engine/queue.ts'
import { runOf } from './node/behaviour.ts'
import type { Process } from './node/executor.ts'
import type { SimNode } from './node/node.ts'
import type { Observer } from './observer.ts'
import { Metrics } from './scenario/metrics.ts'
import { MetricsObserver } from './scenario/metrics-observer.ts'
import type { Action } from './submitter.ts'
import { drawFleet } from './workload.ts'
import { World } from './world.ts'

export interface MarketOptions {
  readonly seed: string
  readonly devices: number
  readonly strategy: StrategyName
  /** Devices are busy every now and then with what nobody placed there. Default: false. */
  readonly restless?: boolean
}

export interface MarketResult {
  readonly tasks: number
  readonly ended: number
  /** The greatest share that runs of any resource of any device: its mean over the time, from 0 to 1. */
  readonly peak: number
  /** The share of its scarcest resource that a device has left, of all devices: its mean over the time. */
  readonly left: number
  /** How busy a device was with what nobody placed there when it began a task: the mean of all tasks, from 0 to 1. */
  readonly disturbed: number
  /** From the receipt to the placement, in milliseconds. */
  readonly placedMs: { readonly p50: number; readonly p99: number }
  readonly rounds: number
  readonly bids: number
  /** The most bids of one device in one round. */
  readonly bidsMost: number
  /** Bids for each device and round. */
  readonly bidsPerDevice: number
  /** Mean payloads. */
  readonly roundBytes: number
  readonly bidBytes: number
}

const MESH = 'market'
/** Until a coordinator serves, and all devices have reported. */
const SETTLED_MS = 10_000
const BUSY_MS = 30_000
const RUN_MS_MEAN = 5_000
const DRAIN_MS_MAX = 120_000
/** Tasks of a second for each device: with their size and length they take some half of what there is. */
const TASKS_PER_DEVICE_SECOND = 0.7
/** Of all tasks, those that come in bursts, and how many there are of these. */
const BURST_SHARE = 0.3
const BURSTS = 5
const KINDS = 6
/** What a restless device is busy with takes that share of it, and lasts that long on average; so do its rests. */
const BUSY_SHARE = 0.6
const RESTLESS_MS_MEAN = 1_500
/** One submitter waits for every receipt, so many devices need several. */
const DEVICES_A_SUBMITTER = 50

/** Runs one market to its end. */
export function runMarket({ seed, devices, strategy, restless }: MarketOptions): MarketResult {
  const random = new Random(`market/${seed}/${devices}`)
  const actions = workOf(random, devices)
  let watch: Watch | undefined
  let metrics: Metrics | undefined
  const world = new World({
    seed,
    mesh: MESH,
    variant: VARIANTS.covey,
    core: (options) => new Agent(options),
    devices: drawFleet(random.fork('fleet'), { mesh: MESH, devices }),
    actions: [
      [{ atMs: 0, do: 'configure', config: { strategy } }],
      ...shared(actions, Math.ceil(devices / DEVICES_A_SUBMITTER)),
    ],
    freeze: false,
    observe: (engine) => {
      watch = new Watch(engine)
      metrics = new Metrics(engine)
      return [watch, new MetricsObserver(metrics)]
    },
  })
  const [seen, measured] = [watch as unknown as Watch, metrics as unknown as Metrics]
  if (restless === true)
    for (const node of world.nodes) new Restlessness(world.engine, node, random.fork(node.device))
  world.runFor(SETTLED_MS)
  seen.begin(world.nodes)
  world.runFor(BUSY_MS)
  seen.end()
  const ended = () => Object.values(measured.ended).reduce((sum, count) => sum + count, 0)
  world.runUntil(() => ended() === actions.length, DRAIN_MS_MAX, 1_000)
  const placed = measured.placedMs.percentiles()
  return {
    tasks: actions.length,
    ended: ended(),
    ...seen.result(devices),
    placedMs: { p50: placed.p50 ?? 0, p99: placed.p99 ?? 0 },
  }
}

function workOf(random: Random, devices: number): Action[] {
  const count = Math.round((devices * TASKS_PER_DEVICE_SECOND * BUSY_MS) / 1_000)
  const bursts = Array.from({ length: BURSTS }, () => SETTLED_MS + random.between(0, BUSY_MS))
  const kinds = Array.from({ length: KINDS }, () => ({
    cpu: `${100 * (1 + random.below(6))}m`,
    memory: `${32 * (1 + random.below(6))}Mi`,
  }))
  const actions = Array.from({ length: count }, (_, n): Action => {
    const ms = Math.round(Math.min(random.exponential(RUN_MS_MEAN), 4 * RUN_MS_MEAN))
    const spec: TaskSpec = {
      run: runOf({ ms, ends: 'succeeds' }),
      resources: random.pick(kinds),
      ...(random.chance(0.2) ? { priority: random.below(101) } : {}),
    }
    const atMs = random.chance(BURST_SHARE) ? random.pick(bursts) : SETTLED_MS + random.between(0, BUSY_MS)
    return { atMs, do: 'submit', task: `t${n}`, spec }
  })
  return actions.sort((a, b) => a.atMs - b.atMs)
}

function shared(actions: readonly Action[], submitters: number): Action[][] {
  return Array.from({ length: submitters }, (_, n) => actions.filter((_, index) => index % submitters === n))
}

/** Lets a device be busy and idle in turn, each for a random time. */
class Restlessness implements Target {
  readonly serial: number
  readonly #engine: Engine
  readonly #node: SimNode
  readonly #random: Random

  constructor(engine: Engine, node: SimNode, random: Random) {
    this.serial = engine.serial()
    this.#engine = engine
    this.#node = node
    this.#random = random
    this.on()
  }

  on(): void {
    const { executor } = this.#node
    executor.busy = executor.busy > 0 ? 0 : BUSY_SHARE
    this.#engine.after(this.#random.exponential(RESTLESS_MS_MEAN), this, 0)
  }
}

/** What is seen of a market: shares that run, over the time, and messages of auctions. */
class Watch implements Observer {
  readonly #engine: Engine
  readonly #used = new Map<SimNode, Record<string, number>>()
  readonly #leftOf = new Map<SimNode, number>()
  readonly #demands = new WeakMap<TaskSpec, Resources>()
  readonly #bidders = new Map<string, number>()
  #sinceMs = Number.POSITIVE_INFINITY
  #begun = 0
  #disturbed = 0
  #peakMs = 0
  #leftMs = 0
  #spanMs = 0
  #rounds = 0
  #bids = 0
  #bidsMost = 0
  #roundBytes = 0
  #bidBytes = 0

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** From now on shares count. */
  begin(nodes: readonly SimNode[]): void {
    for (const node of nodes) this.#leftOf.set(node, 1)
    this.#sinceMs = this.#engine.nowMs
  }

  end(): void {
    this.#pass()
    this.#sinceMs = Number.POSITIVE_INFINITY
  }

  #pass(): void {
    const ms = this.#engine.nowMs - this.#sinceMs
    if (!(ms > 0)) return
    this.#sinceMs = this.#engine.nowMs
    let least = 1
    let sum = 0
    for (const left of this.#leftOf.values()) {
      if (left < least) least = left
      sum += left
    }
    this.#spanMs += ms
    this.#peakMs += ms * (1 - least)
    this.#leftMs += (ms * sum) / this.#leftOf.size
  }

  process(node: SimNode, { spec }: Process, running: boolean): void {
    this.#pass()
    if (running) {
      this.#begun++
      this.#disturbed += node.executor.busy
    }
    const used = this.#used.get(node) ?? {}
    this.#used.set(node, used)
    accumulate(used, this.#demand(spec), running ? 1 : -1)
    this.#leftOf.set(node, leastLeft(node.capacity, used, zeroOf(node.capacity)))
  }

  #demand(spec: TaskSpec): Resources {
    let demand = this.#demands.get(spec)
    if (demand === undefined) {
      demand = demandOf(spec).resources
      this.#demands.set(spec, demand)
    }
    return demand
  }

  accepted({ route, address, body }: Packet): void {
    if (route === 'auction') {
      this.#rounds++
      this.#bidders.clear()
      this.#roundBytes += JSON.stringify(body).length
    } else if (route === 'bid') {
      const key = `${address?.id} ${(body as { round: number }).round}`
      const count = (this.#bidders.get(key) ?? 0) + 1
      this.#bidders.set(key, count)
      this.#bids++
      this.#bidsMost = Math.max(this.#bidsMost, count)
      this.#bidBytes += JSON.stringify(body).length
    }
  }

  result(devices: number): Omit<MarketResult, 'tasks' | 'ended' | 'placedMs'> {
    const each = (sum: number, count: number) => (count === 0 ? 0 : sum / count)
    return {
      peak: this.#peakMs / this.#spanMs,
      left: this.#leftMs / this.#spanMs,
      disturbed: each(this.#disturbed, this.#begun),
      rounds: this.#rounds,
      bids: this.#bids,
      bidsMost: this.#bidsMost,
      bidsPerDevice: each(this.#bids, this.#rounds * devices),
      roundBytes: each(this.#roundBytes, this.#rounds),
      bidBytes: each(this.#bidBytes, this.#bids),
    }
  }
}

/** Nothing of everything that there is. */
function zeroOf(capacity: Resources): Resources {
  return Object.fromEntries(Object.keys(capacity).map((name) => [name, 0]))
}
