/**
 * How fast the scheduler decides, with explanations, in a fleet that is mostly full; beside a full scan of the same
 * fleet, which also says how good the decisions are. The scheduler is driven as the coordinator drives it.
 */
import type { DeviceRecord } from '../agent/coordinator/device-record.ts'
import type { Decision } from '../agent/coordinator/scheduler/decision.ts'
import { Scheduler } from '../agent/coordinator/scheduler/scheduler.ts'
import { hasRoom } from '../agent/coordinator/scheduler/score.ts'
import { newTask, type TaskRecord } from '../agent/coordinator/task-record.ts'
import { demandOf } from '../shared/model/task.ts'
import type { Now } from '../shared/ports.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { Random } from '../shared/random/random.ts'
import { FULL, type FullFleet, fullFleet, heartbeat, type Kind, place } from './decisions-fleet.ts'

/** Tasks that come at a time, and the share of them that no device can ever take. */
const BATCH = 500
const INFEASIBLE = 0.1
/** Tasks that wait in vain are withdrawn, the oldest first, beyond that number. */
const IN_VAIN_MAX = 1_000
/** One decision in so many is compared with a full scan. */
const COMPARED_EVERY = 500
/** Heartbeats for every batch: some 1,000 a second come to a coordinator, however large its fleet is. */
const HEARTBEATS = 10
/** Full scans are timed over fleets of that many devices together. */
const SCANNED_DEVICES = 5_000_000
const SIZES = [1_000, 10_000, 100_000]
const DECISIONS = 200_000
const WARM_DECISIONS = 40_000
const US_A_MS = 1_000
const US_A_SECOND = 1_000_000
/** What is to be reached, by the number of devices: decisions a second. */
const FLOORS: Readonly<Record<number, number>> = { 10000: 100_000, 100000: 50_000 }
/** Chosen scores, as a share of the best there is. */
const SCORE_FLOOR = 0.99

export interface DecisionsRow {
  readonly devices: number
  readonly kinds: number
  /** Tasks placed, or told why they wait. */
  readonly decisions: number
  /** Share of them that no device can ever take. */
  readonly infeasible: number
  /** Share of what there is that is reserved, of cpu and of memory. */
  readonly full: { readonly cpu: number; readonly memory: number }
  /** Of CPU, a decision; and decisions in a second of it. */
  readonly cpuUs: number
  readonly perSecond: number
  /** Chosen scores as shares of the best of a full scan: mean and worst. */
  readonly score: number
  readonly worstScore: number
  /** Decisions in a second by a full scan, without explanations. */
  readonly scanPerSecond: number
}

/** True when all is as fast and as good as it is to be. */
export function metFloors(rows: readonly DecisionsRow[], quick: boolean): boolean {
  return rows.every(({ devices, perSecond, score }) => {
    return score >= SCORE_FLOOR && (quick || perSecond >= (FLOORS[devices] ?? 0))
  })
}

/** Runs all sizes of fleets; `tell` hears of each. */
export function runDecisions(seed: string, quick: boolean, tell: (line: string) => void): DecisionsRow[] {
  return (quick ? SIZES.slice(0, 2) : SIZES).map((devices) => {
    const row = runOne(devices, seed, quick ? DECISIONS / 10 : DECISIONS)
    tell(`decisions, ${devices} devices: ${row.perSecond.toFixed(0)} a second`)
    return row
  })
}

/** Runs one size of fleet until it has decided so often. */
export function runOne(devices: number, seed: string, decisions: number): DecisionsRow {
  return new DecisionRun(devices, seed).run(decisions)
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

class DecisionRun {
  readonly #random: Random
  readonly #fleet: FullFleet
  readonly #scheduler = new Scheduler()
  /** The clock is the CPU's, so that other work on the machine makes nothing older. */
  readonly #beganUs = cpuUs()
  readonly #inVain: TaskRecord[] = []
  /** Of the tasks that wait and may find room. */
  readonly #kinds = new Map<TaskRecord, Kind>()
  /** Of cpu, in thousandths: what is reserved, and what there is. */
  #reserved = 0
  readonly #whole: number
  #tasks = 0
  #decisions = 0
  #infeasible = 0
  #spentUs = 0
  /** Decisions that were compared with a full scan. */
  #compared = 0
  #share = 0
  #worst = 1

  constructor(devices: number, seed: string) {
    this.#random = new Random(`${seed}/${devices}`)
    this.#fleet = fullFleet(devices, this.#random)
    const { devices: all } = this.#fleet
    for (const device of all) this.#scheduler.deviceChanged(device)
    this.#reserved = sumOf(all, ({ reserved }) => reserved['cpu'])
    this.#whole = sumOf(all, ({ capacity }) => capacity['cpu'])
  }

  run(decisions: number): DecisionsRow {
    while (this.#decisions < WARM_DECISIONS) this.#batch()
    this.#decisions = this.#infeasible = this.#spentUs = 0
    this.#compared = this.#share = 0
    this.#worst = 1
    while (this.#decisions < decisions) this.#batch()
    const { devices, feasible, infeasible } = this.#fleet
    return {
      devices: devices.length,
      kinds: feasible.length + infeasible.length,
      decisions: this.#decisions,
      infeasible: this.#infeasible / this.#decisions,
      full: { cpu: reservedShare(devices, 'cpu'), memory: reservedShare(devices, 'memory') },
      cpuUs: this.#spentUs / this.#decisions,
      perSecond: (this.#decisions * US_A_SECOND) / this.#spentUs,
      score: this.#share / this.#compared,
      worstScore: this.#worst,
      scanPerSecond: this.#scanRate(),
    }
  }

  #batch(): void {
    const random = this.#random
    const scheduler = this.#scheduler
    const { running, devices } = this.#fleet
    const coming = Array.from({ length: BATCH }, () => this.#task())
    const now = { monoMs: (cpuUs() - this.#beganUs) / US_A_MS, wallMs: 0 }
    let placed = 0
    let scanUs = 0
    const reserve = ({ task, device }: Decision): void => {
      const resources = task.demand?.resources ?? {}
      if ((this.#decisions + placed) % COMPARED_EVERY === 0) scanUs += this.#compare(task, device, now)
      this.#kinds.delete(task)
      running.push(place(device, task.id, resources))
      this.#reserved += resources['cpu'] ?? 0
      placed++
    }
    const begunUs = cpuUs()
    for (const task of coming) scheduler.enqueue(task)
    scheduler.run(now, BATCH, reserve, () => undefined)
    while (this.#reserved > FULL * this.#whole) {
      const at = random.below(running.length)
      const { device, placement } = running[at] as FullFleet['running'][number]
      running[at] = running[running.length - 1] as FullFleet['running'][number]
      running.pop()
      device.remove(placement)
      this.#reserved -= placement.resources['cpu'] ?? 0
      scheduler.deviceFreed(device)
    }
    for (let i = 0; i < HEARTBEATS; i++) {
      const device = devices[random.below(devices.length)] as DeviceRecord
      heartbeat(device, random)
      scheduler.deviceMeasured(device)
    }
    while (this.#inVain.length > IN_VAIN_MAX) scheduler.remove(this.#inVain.shift() as TaskRecord)
    this.#spentUs += cpuUs() - begunUs - scanUs
    this.#decisions += BATCH
  }

  #task(): TaskRecord {
    const { feasible, infeasible } = this.#fleet
    const inVain = this.#random.chance(INFEASIBLE)
    const kinds = inVain ? infeasible : feasible
    const kind = kinds[this.#random.below(kinds.length)] as Kind
    const seq = ++this.#tasks
    // Every task comes with a spec of its own, as from the broker.
    const spec = JSON.parse(kind.text) as TaskSpec
    const task = newTask(`task-${seq}`, seq, 'digest', '', spec, demandOf(spec))
    if (inVain) {
      this.#infeasible++
      this.#inVain.push(task)
    } else this.#kinds.set(task, kind)
    return task
  }

  /** Compares a decision with that of a full scan. @returns what that took, in microseconds of CPU */
  #compare(task: TaskRecord, device: DeviceRecord, now: Now): number {
    const begunUs = cpuUs()
    const best = this.#scan(this.#kinds.get(task) as Kind, now)
    const score = this.#scheduler.defaults.strategy.score(device, task.demand?.resources ?? {})
    const share = best === score ? 1 : score / best
    this.#compared++
    this.#share += share
    this.#worst = Math.min(this.#worst, share)
    return cpuUs() - begunUs
  }

  /** Decisions in a second of CPU by full scans, of kinds as they come. */
  #scanRate(): number {
    const { feasible, devices } = this.#fleet
    const scans = Math.ceil(SCANNED_DEVICES / devices.length)
    const begunUs = cpuUs()
    for (let i = 0; i < scans; i++)
      this.#scan(feasible[this.#random.below(feasible.length)] as Kind, { monoMs: 0, wallMs: 0 })
    return (scans * US_A_SECOND) / (cpuUs() - begunUs)
  }

  /** The highest score of any device that could take it, is open and has room. */
  #scan({ able, demand }: Kind, now: Now): number {
    let best = Number.NEGATIVE_INFINITY
    for (const device of able) {
      if (device.closedReason(now.monoMs, now.wallMs) !== undefined || !hasRoom(device, demand.resources))
        continue
      best = Math.max(best, this.#scheduler.defaults.strategy.score(device, demand.resources))
    }
    return best
  }
}

function sumOf(
  devices: readonly DeviceRecord[],
  amount: (device: DeviceRecord) => number | undefined,
): number {
  return devices.reduce((sum, device) => sum + (amount(device) ?? 0), 0)
}

/** The share of what there is that is reserved. */
function reservedShare(devices: readonly DeviceRecord[], name: string): number {
  return sumOf(devices, ({ reserved }) => reserved[name]) / sumOf(devices, ({ capacity }) => capacity[name])
}
