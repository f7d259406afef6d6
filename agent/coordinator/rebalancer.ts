/**
 * Rebalancing: work is moved off a device that stays hot, one task at a time, to where it is cooler.
 *
 * What is moved loses what it did since it began, or since it last published what it can go on from; so only work that
 * loses little is, and never what is exclusive. It is told to end, and then placed again as any task is.
 */
import { percent, withMore } from '../../shared/model/utilization.ts'
import type { DeviceRecord, Placement } from './device-record.ts'
import { Improver } from './improver.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Office } from './office.ts'
import { lossMs, MOVE_LOSS_MS_MAX, MOVE_MARGIN_MS, MOVES_MAX, movable } from './revocable.ts'
import type { Decision } from './scheduler/decision.ts'
import { hasRoom } from './scheduler/score.ts'
import type { TaskRecord } from './task-record.ts'

/** Hot devices that are looked at in one tick, and how long one is left alone off which nothing can be moved. */
const LOOKS_MAX = 16
const LOOK_AGAIN_MS = 5_000

interface Move {
  readonly placement: Placement
  /** Where there is room for it; nothing else is moved there until it has gone. */
  readonly target: DeviceRecord
  readonly untilMs: number
}

interface Candidate {
  readonly task: TaskRecord
  readonly placement: Placement
  /** Share of the hot resource that it asked for. */
  readonly relief: number
  readonly lossMs: number
}

export class Rebalancer {
  readonly #office: Office
  readonly #lifecycle: Lifecycle
  readonly #improver: Improver
  /** By the device that the work is moved off. */
  readonly #underWay = new Map<DeviceRecord, Move>()

  constructor(office: Office, lifecycle: Lifecycle) {
    this.#office = office
    this.#lifecycle = lifecycle
    this.#improver = new Improver(office, lifecycle)
  }

  get #nowMs(): number {
    return this.#office.context.now.monoMs
  }

  /** Begins what moves there are to begin. */
  tick(): void {
    this.#settle()
    this.#improver.tick(this.#underWay.size)
    const { devices } = this.#office
    let looks = 0
    for (const device of devices.values()) {
      if (!this.#due(device)) continue
      if (looks++ >= LOOKS_MAX || this.#underWay.size + this.#improver.moving >= MOVES_MAX) return
      this.#relieve(device)
    }
  }

  /** A task is being placed. @returns the decision, which says so when it was planned for a move */
  placed(decision: Decision): Decision {
    return this.#improver.placed(decision)
  }

  /** Moves end when the attempt is gone, and in any case at some time; then the device rests. */
  #settle(): void {
    const { devices, settings } = this.#office
    for (const [device, { placement, untilMs }] of this.#underWay) {
      const goes = device.placements.get(placement.key)?.phase === 'revoking'
      if (goes && devices.get(device.id) === device && this.#nowMs < untilMs) continue
      this.#underWay.delete(device)
      device.restUntilMs = this.#nowMs + settings.marks.cooldownMs
    }
  }

  #due(device: DeviceRecord): boolean {
    const { hot } = device
    return (
      hot !== undefined &&
      hot.lastMs - hot.sinceMs >= this.#office.settings.marks.moveAfterMs &&
      device.restUntilMs <= this.#nowMs &&
      device.condition === 'online' &&
      !this.#underWay.has(device)
    )
  }

  /** Moves the best of what can be moved off the device. */
  #relieve(device: DeviceRecord): void {
    device.restUntilMs = this.#nowMs + LOOK_AGAIN_MS
    // Tasks of one shape have the same devices, so each is searched once.
    const found = new Map<Iterable<DeviceRecord>, DeviceRecord | undefined>()
    for (const { task, placement } of this.#candidates(device)) {
      const able = this.#office.scheduler.able(task)
      if (!found.has(able)) found.set(able, this.#coolest(able, device, task))
      const target = found.get(able)
      if (target === undefined) continue
      this.#lifecycle.move(task, device, placement, { why: this.#why(device, target) })
      const graceMs = task.demand?.graceMs ?? 0
      this.#underWay.set(device, { placement, target, untilMs: this.#nowMs + graceMs + MOVE_MARGIN_MS })
      return
    }
  }

  /** What may be moved, the one that frees most first, then the one that loses least. */
  #candidates(device: DeviceRecord): Candidate[] {
    const candidates: Candidate[] = []
    for (const placement of device.placements.values()) {
      const task = movable(this.#office, placement)
      if (task === undefined) continue
      const relief = reliefOf(device, placement)
      const loss = lossMs(this.#office, task, placement)
      if (relief > 0 && loss <= MOVE_LOSS_MS_MAX) candidates.push({ task, placement, relief, lossMs: loss })
    }
    return candidates.sort(
      (a, b) => b.relief - a.relief || a.lossMs - b.lossMs || (a.placement.key < b.placement.key ? -1 : 1),
    )
  }

  /** The device with the lowest utilization that nobody wants and that would stay cool with the task, if there is any. */
  #coolest(able: Iterable<DeviceRecord>, hot: DeviceRecord, task: TaskRecord): DeviceRecord | undefined {
    const { context, settings, scheduler } = this.#office
    const { monoMs, wallMs } = context.now
    const need = task.demand?.resources ?? {}
    const taken = new Set([...this.#underWay.values()].map(({ target }) => target))
    let best: { device: DeviceRecord; share: number } | undefined
    for (const device of able) {
      const { utilization } = device
      if (device === hot || utilization === undefined || !hasRoom(device, need)) continue
      // Kept for what is being moved or preempted for: it would be refused there, and have ended in vain.
      if (device.claim !== undefined) continue
      if (taken.has(device) || device.closedReason(monoMs, wallMs) !== undefined) continue
      const share = withMore(utilization, device.reserved, need)
      if (share > settings.marks.low) continue
      const cooler = best === undefined || share < best.share
      const better = cooler || (share === best?.share && device.id < best.device.id)
      // What waits for its room comes first.
      if (better && !scheduler.wants(device) && scheduler.agrees(task, device)) best = { device, share }
    }
    return best?.device
  }

  #why(device: DeviceRecord, target: DeviceRecord): string {
    const { utilization, hot } = device
    const seconds = hot === undefined ? 0 : Math.round((hot.lastMs - hot.sinceMs) / 1_000)
    const { resource = 'load', share = 0 } = utilization ?? {}
    const there = percent(target.utilization?.share ?? 0)
    return `moved off ${device.id}, whose ${resource} has been at ${percent(share)} for ${seconds} s, to make room; ${target.id} is at ${there}`
  }
}

/** The share of the hot resource that the placement asked for. */
function reliefOf({ utilization }: DeviceRecord, { resources }: Placement): number {
  return utilization === undefined ? 0 : (resources[utilization.resource] ?? 0) / utilization.total
}
