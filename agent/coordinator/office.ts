/** What the parts of a coordinator share while it is in office. */

import { parseDuration } from '../../shared/model/duration.ts'
import { LEASE_HEARTBEATS } from '../../shared/model/lease.ts'
import { type Marks, marksOf } from '../../shared/model/marks.ts'
import { withDefaults } from '../../shared/model/mesh-defaults.ts'
import { Network } from '../../shared/model/network.ts'
import { DEFAULT_PREDECESSOR_WAIT_MS, DEFAULT_TIMEOUT_MS } from '../../shared/model/task.ts'
import { type TenantRule, tenantRules } from '../../shared/model/tenants.ts'
import type { Reign } from '../../shared/protocol/attempt.ts'
import type { MeshConfig, ObjectiveName, StrategyName } from '../../shared/protocol/schemas/index.ts'
import type { Context } from '../core/context.ts'
import { Checkpoints } from './checkpoints.ts'
import { Dependencies } from './dependencies.ts'
import type { DeviceRecord } from './device-record.ts'
import { DueList } from './due.ts'
import { Inboxes } from './inboxes.ts'
import { Leases } from './leases.ts'
import { Ledger } from './ledger.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import { STRATEGY } from './scheduler/strategies.ts'
import { Tenants } from './tenants.ts'

export const RUN_TIMER = 'coordinator/run'

const HEARTBEAT_MS_MAX = 30_000

export interface Settings {
  readonly pendingTasksMax: number
  readonly lostGraceMs: number
  readonly defaultTimeoutMs: number
  readonly predecessorWaitMs: number
  readonly marks: Marks
  readonly strategy: StrategyName
  readonly objective: ObjectiveName
  readonly network: Network
  readonly preemption: 'on' | 'off'
  /** How often what runs is planned anew; never when undefined. */
  readonly improveMs: number | undefined
  readonly tenants: ReadonlyMap<string, TenantRule>
}

/** What an event is about, as far as it is about such. */
interface EventAbout {
  readonly task?: string
  readonly device?: string
  readonly code?: string
  readonly by?: string
}

export class Office {
  readonly context: Context
  readonly reign: Reign
  readonly ledger = new Ledger()
  readonly devices = new Map<string, DeviceRecord>()
  readonly tenants = new Tenants()
  readonly scheduler: Scheduler
  readonly dependencies = new Dependencies()
  readonly due: DueList
  readonly inboxes: Inboxes
  readonly leases: Leases
  readonly checkpoints: Checkpoints
  #settings: Settings
  /** How often devices send heartbeats. */
  heartbeatMs: number
  #runArmed = false

  constructor(context: Context, reign: Reign, config: MeshConfig | undefined, earlierLeaseMs: number) {
    this.context = context
    this.reign = reign
    this.scheduler = new Scheduler(this.tenants, context.random.fork(`scheduler/${reign.term}`))
    this.due = new DueList(context)
    this.inboxes = new Inboxes(context, reign)
    this.checkpoints = new Checkpoints(context)
    this.heartbeatMs = context.timing.heartbeatMs
    this.leases = new Leases(this, earlierLeaseMs)
    this.#settings = this.settings = settingsOf(context, config)
  }

  get settings(): Settings {
    return this.#settings
  }

  set settings(settings: Settings) {
    this.#settings = settings
    const { strategy, objective, network } = settings
    this.scheduler.configure({ strategy: STRATEGY[strategy], objective, network })
    this.tenants.configure(settings.tenants)
  }

  /** How often devices are to send heartbeats by their number, so that the coordinator hears some 1,000 a second. */
  get fleetHeartbeatMs(): number {
    return Math.max(this.context.timing.heartbeatMs, Math.min(HEARTBEAT_MS_MAX, this.devices.size))
  }

  /**
   * Adapts the heartbeats to the fleet. They do not grow longer than the shortest lease allows that runs: until that
   * work has ended the coordinator hears more of them.
   */
  paceHeartbeats(): void {
    const most = Math.max(this.heartbeatMs, this.leases.survey() / LEASE_HEARTBEATS)
    this.heartbeatMs = Math.min(this.fleetHeartbeatMs, most)
  }

  /** Something may be placed now. */
  wake(): void {
    if (this.#runArmed) return
    this.#runArmed = true
    this.context.timer(RUN_TIMER, 0)
  }

  /** The run timer came; a further wake arms it again. */
  woken(): void {
    this.#runArmed = false
  }

  /** A device has room that it had not. */
  freed(device: DeviceRecord): void {
    this.scheduler.deviceFreed(device)
    if (this.scheduler.waiting > 0) this.wake()
  }

  /** Tells the stream of decisions. */
  event(kind: string, message: string, about: EventAbout = {}): void {
    const { term, agent } = this.reign
    this.context.publish('seat', 'events', undefined, {
      at: this.context.instant(),
      term,
      agent,
      kind,
      ...about,
      message,
    })
  }
}

/** The mesh's settings with defaults filled in. */
export function settingsOf(context: Context, config: MeshConfig | undefined): Settings {
  const { pendingTasksMax, strategy, objective, preemption, improve } = withDefaults(config)
  return {
    pendingTasksMax,
    lostGraceMs: durationOr(config?.lostGrace, context.timing.lostGraceMs),
    defaultTimeoutMs: durationOr(config?.defaultTimeout, DEFAULT_TIMEOUT_MS),
    predecessorWaitMs: durationOr(config?.predecessorWait, DEFAULT_PREDECESSOR_WAIT_MS),
    marks: marksOf(config),
    strategy,
    objective,
    network: new Network(config),
    preemption,
    improveMs: improve === undefined ? undefined : parseDuration(improve),
    tenants: tenantRules(config),
  }
}

function durationOr(text: string | undefined, fallbackMs: number): number {
  return text === undefined ? fallbackMs : (parseDuration(text) ?? fallbackMs)
}
