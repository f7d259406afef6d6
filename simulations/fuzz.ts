/**
 * One fuzz case: a mesh, a workload and a plan of faults, all drawn from one seed. First the safety phase, in which
 * anything may fail and no invariant may break; then everything is healed and the mesh must converge.
 */

import type { Timing } from '../agent/core/options.ts'
import type { Beacon } from '../shared/protocol/schemas/index.ts'
import { Random } from '../shared/random/random.ts'
import { drawAims } from './aims.ts'
import { LAN, type Latency } from './broker/link.ts'
import type { Packet } from './broker/packet.ts'
import { VARIANTS, type VariantName } from './broker/variants.ts'
import { AuctionChecker } from './checkers/auction-rules.ts'
import { type Checker, type Violation, Violations } from './checkers/checker.ts'
import { CheckpointChecker } from './checkers/checkpoints.ts'
import { FencingChecker } from './checkers/i1-fencing.ts'
import { ElementsChecker } from './checkers/i2-elements.ts'
import { OnceChecker } from './checkers/i2-once.ts'
import { ExclusiveChecker } from './checkers/i3-exclusive.ts'
import { CapacityChecker } from './checkers/i4-capacity.ts'
import { OrderChecker } from './checkers/i5-order.ts'
import { demandLiveness, type LivenessBounds } from './checkers/i6-liveness.ts'
import { CurrentChecker } from './checkers/i7-current.ts'
import { BoundsChecker } from './checkers/i9-bounds.ts'
import { LoadChecker } from './checkers/load-rules.ts'
import { OfficeChecker } from './checkers/office-rules.ts'
import { PreemptionChecker } from './checkers/preemption-rules.ts'
import { RelationChecker } from './checkers/relation-rules.ts'
import { TenantChecker } from './checkers/tenant-rules.ts'
import { WireChecker } from './checkers/wire-rules.ts'
import type { Engine } from './engine/engine.ts'
import type { Trace } from './engine/trace.ts'
import { Injector } from './faults/injector.ts'
import { drawPlan, type Fault, type FaultKind } from './faults/plan.ts'
import type { CoreFactory } from './node/node.ts'
import type { Observer } from './observer.ts'
import { Recorder } from './recorder.ts'
import { drawRush } from './rush.ts'
import { drawAuctions, mergedSettings } from './settings.ts'
import type { Action } from './submitter.ts'
import { drawTenancy } from './tenancy.ts'
import {
  type DeviceSpec,
  drawArrays,
  drawFleet,
  drawOperations,
  drawWorkload,
  elementsOf,
  ZONES,
} from './workload.ts'
import { World } from './world.ts'

export interface FuzzOptions {
  readonly core: CoreFactory
  readonly devices: number
  readonly tasks: number
  readonly faults: number
  /** Length of the safety phase, in milliseconds of virtual time. */
  readonly safetyMs: number
  /** Drawn from the seed when not given. */
  readonly variant?: VariantName
  readonly timing?: Partial<Timing>
  /** Instead of the plan that the seed gives: for repeating a run with fewer faults. */
  readonly plan?: readonly Fault[]
  /** The share of cases that have arrays beside their tasks; a third when not given. */
  readonly arrays?: number
  readonly without?: readonly FaultKind[]
  readonly bounds?: Partial<LivenessBounds>
  /** How long a task runs on average, in milliseconds; drawn from the seed when not given. */
  readonly runMsMean?: number
  /** Share of exclusive tasks; one in five when not given. */
  readonly exclusiveShare?: number
  /** Share of tasks and elements that publish checkpoints; one in five when not given. */
  readonly checkpointShare?: number
  /** Share of tasks that would rather be somewhere, or stand in relation to others. */
  readonly wishShare?: number
  /** Share of tasks that ask for GPUs, which some devices have then; one in five when not given. */
  readonly gpuShare?: number
  /** The share of cases in which urgent work finds a full mesh; a quarter when not given. */
  readonly rushes?: number
  /** The share of cases in which tasks go by auction, from some time on; a quarter when not given. */
  readonly auctions?: number
  /** The share of cases in which work has tenants with bounds; a third when not given. */
  readonly tenants?: number
  /** The share of cases in which the mesh and its tasks are to achieve something; a quarter when not given. */
  readonly aims?: number
  readonly trace?: Trace
}

export interface FuzzStats {
  readonly variant: VariantName
  readonly events: number
  readonly virtualMs: number
  readonly published: number
  readonly delivered: number
  readonly terms: number
  /** Counts of terminal states. */
  readonly ends: Readonly<Record<string, number>>
  readonly faults: Readonly<Record<string, number>>
}

export interface FuzzResult {
  readonly seed: string
  readonly plan: readonly Fault[]
  readonly hash: string
  readonly violations: readonly Violation[]
  readonly stats: FuzzStats
}

/** What a full-sized case is: 10 devices, 200 tasks, 20 faults in 10 virtual minutes. */
export const FULL_CASE = { devices: 10, tasks: 200, faults: 20, safetyMs: 600_000 } as const

/**
 * After the last fault: keep-alive expiry and connect timeout of who was cut off, its back-off, the lease, and an
 * election that may be lost twice.
 */
const DEFAULT_BOUNDS: LivenessBounds = { coordinatorMs: 60_000, tasksMs: 300_000 }
const MESH = 'sim'
const SUBMITTERS = 3
const DURATION_MS_MEAN = 8_000
const DURATION_MS_MAX = 60_000
/** Clusters are drawn less often than the brokers that most people run. */
const DRAWN_VARIANTS: readonly VariantName[] = [
  'covey',
  'covey',
  'mosquitto',
  'aedes',
  'nats',
  'nats-cluster',
]

/** Tasks that are after others. */
const AFTER_SHARE = 0.3
/** Share of tasks that are exclusive. */
const EXCLUSIVE_SHARE = 0.2
/** Share of tasks and elements that publish checkpoints. */
const CHECKPOINT_SHARE = 0.2
/** Tasks that would rather be somewhere, or stand in relation to others. */
const WISH_SHARE = 0.2
/** Tasks that ask for GPUs. */
const GPU_SHARE = 0.2
/** Cases that have arrays. */
const ARRAYS_SHARE = 1 / 3
/** Cases that have a rush. */
const RUSHES_SHARE = 1 / 4
/** Cases that have auctions. */
const AUCTIONS_SHARE = 1 / 4
/** Cases whose work has tenants. */
const TENANTS_SHARE = 1 / 3
/** Cases that have aims. */
const AIMS_SHARE = 1 / 4
const DRAWN_RUN_MS: readonly number[] = [100, 1_000, 2_500, 8_000]
/** From a cable to a phone network. */
const DRAWN_LATENCIES: readonly Latency[] = [
  LAN,
  LAN,
  { baseMs: 2, jitterMs: 6 },
  { baseMs: 20, jitterMs: 15 },
]

/** What a seed gives, before anything runs. */
interface Case {
  readonly random: Random
  readonly variant: VariantName
  readonly fleet: readonly DeviceSpec[]
  readonly plan: readonly Fault[]
}

function drawCase(seed: string, options: FuzzOptions): Case {
  const random = new Random(`fuzz/${seed}`)
  const variant = options.variant ?? random.fork('variant').pick(DRAWN_VARIANTS)
  const gpus = (options.gpuShare ?? GPU_SHARE) > 0
  const fleet = drawFleet(random.fork('fleet'), { mesh: MESH, devices: options.devices, gpus })
  const plan = drawPlan(random.fork('plan'), {
    faults: options.faults,
    overMs: options.safetyMs,
    durationMsMean: DURATION_MS_MEAN,
    durationMsMax: Math.min(DURATION_MS_MAX, options.safetyMs / 4),
    devices: fleet.map(({ device }) => device),
    ...(options.without === undefined ? {} : { without: options.without }),
  })
  return { random, variant, fleet, plan }
}

/** The plan of faults that a seed gives. */
export function planOf(seed: string, options: FuzzOptions): readonly Fault[] {
  return drawCase(seed, options).plan
}

/** What is done by submitters and operators, one list for each of them. */
function drawActions(
  random: Random,
  options: FuzzOptions,
  { devices, overMs, runMsMean }: { devices: readonly string[]; overMs: number; runMsMean: number },
): { arrays: Action[]; rush: Action[]; actions: readonly (readonly Action[])[] } {
  const checkpointShare = options.checkpointShare ?? CHECKPOINT_SHARE
  const gpuShare = options.gpuShare ?? GPU_SHARE
  const arrays = drawArrays(random.fork('arrays'), {
    share: options.arrays ?? ARRAYS_SHARE,
    elementsMax: options.tasks,
    overMs,
    runMsMean,
    checkpointShare,
    gpuShare,
  })
  const rush = drawRush(random.fork('rush'), {
    share: options.rushes ?? RUSHES_SHARE,
    devices: options.devices,
    overMs,
    runMsMean,
  })
  const aims = drawAims(random.fork('aims'), {
    ...{ share: options.aims ?? AIMS_SHARE, overMs },
    ...{ siteLabel: 'zone', sites: ZONES },
  })
  const tenancy = drawTenancy(random.fork('tenancy'), { share: options.tenants ?? TENANTS_SHARE, overMs })
  const settings = mergedSettings(
    aims?.settings ?? [],
    drawAuctions(random.fork('settings'), options.auctions ?? AUCTIONS_SHARE, overMs),
    tenancy?.operations ?? [],
  )
  const detailed = (actions: readonly Action[]): readonly Action[] => {
    const aimed = aims?.apply(actions) ?? actions
    return tenancy?.apply(aimed) ?? aimed
  }
  const tasks = drawWorkload(random.fork('workload'), {
    tasks: options.tasks,
    overMs,
    submitters: SUBMITTERS,
    runMsMean,
    afterShare: AFTER_SHARE,
    exclusiveShare: options.exclusiveShare ?? EXCLUSIVE_SHARE,
    checkpointShare,
    wishShare: options.wishShare ?? WISH_SHARE,
    gpuShare,
  })
  const actions = [
    ...tasks.map(detailed),
    drawOperations(random.fork('operations'), devices, overMs),
    ...[detailed(arrays), rush, settings].filter((list) => list.length > 0),
  ]
  return { arrays, rush, actions }
}

/** Runs a case. Never throws for what a core does; that is a violation. */
export function runFuzzCase(seed: string, options: FuzzOptions): FuzzResult {
  const drawn = drawCase(seed, options)
  const { random, variant, fleet } = drawn
  const devices = fleet.map(({ device }) => device)
  const plan = options.plan ?? drawn.plan
  const overMs = options.safetyMs * 0.95
  const runMsMean = options.runMsMean ?? random.fork('run').pick(DRAWN_RUN_MS)
  const { arrays, rush, actions } = drawActions(random, options, { devices, overMs, runMsMean })
  const watchers = new Watchers(options.tasks + elementsOf(arrays) + rush.length, () => world)
  const world: World = new World({
    seed,
    mesh: MESH,
    variant: VARIANTS[variant],
    core: options.core,
    devices: fleet,
    latency: random.fork('latency').pick(DRAWN_LATENCIES),
    actions,
    observe: (engine) => [
      ...watchers.start(engine),
      ...(options.trace === undefined ? [] : [new Recorder(options.trace, engine)]),
    ],
    ...(options.timing === undefined ? {} : { timing: options.timing }),
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  })
  const injector = new Injector(world, plan)
  world.runFor(options.safetyMs)
  injector.heal()
  world.engine.note('fault', 'all is healed')
  demandLiveness(world, watchers.once, { ...DEFAULT_BOUNDS, ...options.bounds }, watchers.violations)
  for (const checker of watchers.checkers) checker.finish?.()
  return {
    seed,
    plan,
    hash: world.engine.hash.text(),
    violations: watchers.violations.list,
    stats: {
      variant,
      events: world.engine.events,
      virtualMs: world.engine.nowMs,
      published: world.broker.published,
      delivered: world.broker.delivered,
      terms: watchers.terms.size,
      ends: watchers.once.ends(),
      faults: injector.begun,
    },
  }
}

/** All checkers of a run, made when the run's engine is. */
class Watchers {
  readonly terms = new Set<number>()
  checkers: readonly Checker[] = []
  readonly #tasks: number
  readonly #world: () => World
  #violations: Violations | undefined
  #once: OnceChecker | undefined

  constructor(tasks: number, world: () => World) {
    this.#tasks = tasks
    this.#world = world
  }

  start(engine: Engine): readonly Observer[] {
    const violations = new Violations(engine)
    this.#violations = violations
    this.#once = new OnceChecker(violations)
    this.checkers = [
      new FencingChecker(violations),
      this.#once,
      new ExclusiveChecker(violations, engine),
      new ElementsChecker(violations),
      new CapacityChecker(violations),
      new OrderChecker(violations),
      new CurrentChecker(violations),
      new CheckpointChecker(violations),
      new BoundsChecker(violations, this.#tasks, this.#world),
      new WireChecker(violations),
      new OfficeChecker(violations),
      new LoadChecker(violations),
      new PreemptionChecker(violations),
      new AuctionChecker(violations),
      new TenantChecker(violations, engine),
      new RelationChecker(violations, engine),
    ]
    return [...this.checkers, { accepted: (packet) => this.#note(packet) }]
  }

  get violations(): Violations {
    if (this.#violations === undefined) throw new Error('the run has not started')
    return this.#violations
  }

  get once(): OnceChecker {
    if (this.#once === undefined) throw new Error('the run has not started')
    return this.#once
  }

  #note(packet: Packet): void {
    if (packet.route === 'beacon' && packet.body !== undefined) this.terms.add((packet.body as Beacon).term)
  }
}
