/** What the coordinator knows of one device, and what it has placed there. */
import { Gpus, gpuCountOf, gpuMilliOf, parseCapacity } from '../../shared/model/gpus.ts'
import { accumulate, emptyVector, type Resources } from '../../shared/model/resources.ts'
import type { Labels } from '../../shared/model/selector.ts'
import { type Utilization, utilizationOf } from '../../shared/model/utilization.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { setDigest } from '../../shared/protocol/digest.ts'
import type { Desired, DeviceLoad, DeviceState } from '../../shared/protocol/schemas/index.ts'
import type { Kin, Kinship } from './kinship.ts'
import type { TaskRecord } from './task-record.ts'
import type { Account } from './tenants.ts'

/** One attempt at one device, from its assignment until the device has forgotten it. */
export interface Placement {
  readonly key: string
  readonly attempt: Attempt
  readonly task: string
  readonly resources: Resources
  /** Which of the device's GPUs it has, when it asks for any; presumed until the device tells. */
  gpus?: readonly number[] | undefined
  /** What it means to other tasks. */
  readonly kin?: Kin | undefined
  /** What its tenant has reserved, where that is known. */
  readonly account?: Account | undefined
  /** Inbox message that carries the assignment; 0 for one taken over from an earlier reign. */
  seq: number
  /** Length of its lease, when the task is exclusive. */
  readonly leaseMs?: number | undefined
  /** The device holds it, and it is no task's current attempt. */
  readonly stray?: boolean
  /** `done`: its result was taken, and its process is gone; the device still waits for the acknowledgement. */
  phase: 'assigned' | 'held' | 'revoking' | 'done'
  /** When it was placed by this coordinator or published a checkpoint, on the monotonic clock: what it did since is lost with it. */
  savedMs?: number
  /** When it is expected to end, on the monotonic clock, where that is known. */
  readonly endsMs?: number | undefined
  moving?: Moving
}

/** Why an attempt is being ended, to be placed again. */
export interface Moving {
  readonly why: string
  /** The task that it makes room for, when it is preempted. */
  readonly by?: string
}

/** As `seq`: not sent yet, so no report can have read it. */
export const UNSENT = Number.MAX_SAFE_INTEGER

/** `suspect` has been silent for a while; `lost` is given up until it is heard again. */
export type Condition = 'online' | 'suspect' | 'blinking' | 'lost'

const CLOSED = { suspect: 'silent', blinking: 'reconnecting', lost: 'offline' } as const

/** Of a device whose last heartbeat was at or above the high mark. */
const HOT = 'above the high mark'

/** One for all devices of which nothing is desired: what is looked at often is then mostly at hand. */
export const NOTHING_DESIRED: Desired = Object.freeze({})

export class DeviceRecord {
  readonly id: string
  state: DeviceState
  capacity: Resources
  labels: Labels
  condition: Condition = 'online'
  desired: Desired = NOTHING_DESIRED
  load: DeviceLoad | undefined
  /** As of its last heartbeat. */
  utilization: Utilization | undefined
  /** When its last heartbeat came, or it was met: as of then it is known how far its work is. */
  measuredMs: number
  /** While it is at or above the high mark: at which heartbeat that began, and at which it was found last. */
  hot: { sinceMs: number; lastMs: number } | undefined
  /** Room is being made here for a task of that priority: of others only what has a higher one is placed. */
  claim: { readonly task: TaskRecord; readonly priority: number } | undefined
  /** Nothing is moved off it before, on the monotonic clock. */
  restUntilMs = 0
  lastHeardMs: number
  #reportedNonce: string | undefined
  #reported = false
  /** Connection that its last heartbeat or report came from. */
  heardNonce: string | undefined
  /** Parts of a full report that is under way. */
  partial: { id: number; nonce: string; keys: Set<string> } | undefined
  readonly placements = new Map<string, Placement>()
  readonly reserved = emptyVector()
  /** Placements whose process may run. */
  held = 0
  /** The same of GPUs, by GPU. */
  readonly gpus: Gpus
  /** Its number in the scheduler's table, which sets it. */
  slot: number | undefined
  /** Where placements are counted by what they mean to other tasks. */
  kinship: Kinship | undefined
  /** No placing before, on the monotonic clock: it refused something, or its agent restarts. */
  avoidUntilMs = 0
  /** Refusals in a row, and what the last one said. */
  refusals = { count: 0, message: '' }
  /** Whether it was open for work when it was last looked after. */
  wasOpen = false
  /** Last inbox message sent to it in this reign, and when. */
  sentSeq = 0
  sentMs = 0
  /** When it was last told that a heartbeat of it was heard, so that leases go on; or when it was met. */
  grantedMs: number
  /** Placements with a lease whose process may run. */
  exclusives = 0
  /** Those of them that are strays: while there are any no lease goes on here. */
  exclusiveStrays = 0
  /** Grows with everything that may change the digest; equal at two heartbeats means nothing was under way. */
  changes = 0
  /** `changes` when the scheduler was told last that it has measured itself. */
  lookedAt = -1
  /** Disagreements in a row, and `changes` at the last one, or at the agreement after it. */
  mismatches = 0
  mismatchChanges = -1
  /** The digest as of a count of changes: heartbeats come far more often than changes. */
  #digest = ''
  #digestChanges = -1

  constructor(id: string, state: DeviceState, nowMs: number) {
    this.id = id
    this.state = state
    this.capacity = parseCapacity(state.capacity)
    this.gpus = new Gpus(this.capacity)
    this.labels = labelsOf(id, state)
    this.lastHeardMs = nowMs
    this.measuredMs = nowMs
    this.grantedMs = nowMs
  }

  /** Takes a newer state. @returns true when what can be placed here changed */
  update(state: DeviceState): boolean {
    const before = this.state
    this.state = state
    this.#reported = this.#reportedNonce === state.nonce
    if (
      JSON.stringify([before.capacity, before.labels, before.executors, before.functions]) ===
      JSON.stringify([state.capacity, state.labels, state.executors, state.functions])
    ) {
      return false
    }
    this.capacity = parseCapacity(state.capacity)
    this.gpus.resize(this.capacity)
    this.labels = labelsOf(this.id, state)
    return true
  }

  /** True when its full report of the present connection is known. */
  get reported(): boolean {
    return this.#reported
  }

  /** Connection whose full report was taken in; the device can be judged only when it is the present one. */
  get reportedNonce(): string | undefined {
    return this.#reportedNonce
  }

  set reportedNonce(nonce: string | undefined) {
    this.#reportedNonce = nonce
    this.#reported = nonce === this.state.nonce
  }

  /** A heartbeat. @returns true when it is not above the high mark any more */
  measured(load: DeviceLoad, highMark: number, nowMs: number): boolean {
    this.load = load
    this.utilization = utilizationOf(load, this.capacity, this.reserved, this.utilization)
    this.measuredMs = nowMs
    return this.judge(highMark, nowMs)
  }

  /** Looks whether what was measured last is at the high mark. @returns true when it is not any more */
  judge(highMark: number, nowMs: number): boolean {
    const before = this.hot
    const hot = this.utilization !== undefined && this.utilization.share >= highMark
    this.hot = hot ? { sinceMs: before?.sinceMs ?? nowMs, lastMs: nowMs } : undefined
    return before !== undefined && !hot
  }

  add(placement: Placement): void {
    this.placements.set(placement.key, placement)
    accumulate(this.reserved, placement.resources, 1)
    this.#addGpus(placement)
    if (placement.account !== undefined) accumulate(placement.account.reserved, placement.resources, 1)
    if (placement.phase !== 'done') {
      this.held++
      this.#countExclusive(placement, 1)
      if (placement.kin !== undefined) this.kinship?.count(this, placement.kin, 1)
    }
    this.changes++
  }

  #addGpus(placement: Placement): void {
    const milli = gpuMilliOf(placement.resources)
    if (milli === 0) return
    placement.gpus ??= this.gpus.presume(milli)
    this.gpus.count(placement.gpus, milli, 1)
  }

  /** The device tells which GPUs an attempt has there. @returns true when that was not known */
  holds(placement: Placement, gpus: readonly number[]): boolean {
    const milli = gpuMilliOf(placement.resources)
    const known = placement.gpus ?? []
    if (placement.phase === 'done' || gpus.length !== gpuCountOf(milli)) return false
    if (gpus.every((gpu) => known.includes(gpu))) return false
    this.gpus.count(known, milli, -1)
    this.gpus.count(gpus, milli, 1)
    placement.gpus = gpus
    this.changes++
    return true
  }

  /** The process of the attempt is gone; only the acknowledgement of its result is left. */
  finish(placement: Placement): void {
    if (placement.phase === 'done') return
    placement.phase = 'done'
    this.#freed(placement)
    this.changes++
  }

  remove(placement: Placement): void {
    if (!this.placements.delete(placement.key)) return
    if (placement.phase !== 'done') this.#freed(placement)
    this.changes++
  }

  #freed(placement: Placement): void {
    this.held--
    accumulate(this.reserved, placement.resources, -1)
    this.gpus.count(placement.gpus ?? [], gpuMilliOf(placement.resources), -1)
    if (placement.account !== undefined) accumulate(placement.account.reserved, placement.resources, -1)
    this.#countExclusive(placement, -1)
    if (placement.kin !== undefined) this.kinship?.count(this, placement.kin, -1)
  }

  #countExclusive({ leaseMs, stray }: Placement, by: 1 | -1): void {
    if (leaseMs === undefined) return
    this.exclusives += by
    if (stray === true) this.exclusiveStrays += by
  }

  placement(attempt: Attempt): Placement | undefined {
    return this.placements.get(attemptKey(attempt))
  }

  /** Digest of what the device should hold. */
  digest(): string {
    if (this.#digestChanges !== this.changes) {
      this.#digestChanges = this.changes
      this.#digest = setDigest(this.placements.keys())
    }
    return this.#digest
  }

  /** Whether what room there is has been claimed for another task, which this one does not go before. */
  isKeptFrom(task: TaskRecord): boolean {
    const { claim } = this
    if (claim === undefined || claim.task === task || claim.task === task.element?.of) return false
    return (task.demand?.priority ?? 0) <= claim.priority
  }

  /** Why nothing new may be placed here whatever it is, or `undefined`. */
  closedReason(nowMs: number, wallMs: number): string | undefined {
    if (this.condition !== 'online') return CLOSED[this.condition]
    if (!this.reported) return 'has not reported yet'
    if (this.desired.drain === true) return 'draining'
    if (this.desired.cordon === true) return 'cordoned'
    const { hold } = this.desired
    if (hold !== undefined && Date.parse(hold.until) > wallMs) return `held by ${hold.by}`
    if (this.avoidUntilMs > nowMs) {
      return this.refusals.count > 0 ? `refusing work (${this.refusals.message})` : 'left alone for a moment'
    }
    if (this.hot !== undefined) return HOT
    return undefined
  }
}

/** The labels a device has, with its id as the label `device`. */
function labelsOf(id: string, state: DeviceState): Labels {
  return Object.assign(Object.create(null), { device: id }, state.labels)
}
