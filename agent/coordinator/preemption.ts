/**
 * Preemption: a task that finds no room may have it made by ending work of much lower priority, on the device where
 * that costs least. What is ended loses what it did since it began or published a checkpoint, and is placed again as any
 * task is; never what is exclusive. As in Kubernetes a device is nominated, and the cheapest victims are looked for by
 * their priorities first.
 *
 * Until the victims are gone the device is claimed: nothing goes there but the preemptor and what has a higher priority,
 * so that nobody takes the room that is made bit by bit. It never goes round in circles, because every preemption runs
 * work of higher priority than before.
 */
import type { DeviceRecord, Placement } from './device-record.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Office } from './office.ts'
import { lossMs, revocable } from './revocable.ts'
import { Room } from './room.ts'
import type { Decision } from './scheduler/decision.ts'
import type { Statuses } from './statuses.ts'
import type { TaskRecord } from './task-record.ts'

/** How much lower a priority must be, so that small differences order work and never end it. */
export const PREEMPTION_GAP = 10
/** Preemptions at a time in the whole mesh, and victims of one. */
export const PREEMPTIONS_MAX = 8
export const VICTIMS_MAX = 8
/** How often a task, or an element, may be preempted: then it runs to its end. */
export const PREEMPTED_MAX = 3
/** Waiting tasks that are looked at in one tick, at how many devices each, and how long one is left for which there is nothing. */
const LOOKS_MAX = 16
const DEVICES_MAX = 256
const LOOK_AGAIN_MS = 5_000
/** How long past their grace victims are waited for. */
const PREEMPTION_MARGIN_MS = 10_000
const NAMES_SHOWN_MAX = 5

interface Victim {
  readonly task: TaskRecord
  readonly placement: Placement
  readonly priority: number
  readonly lossMs: number
}

interface Plan {
  readonly device: DeviceRecord
  readonly victims: readonly Victim[]
  /** The highest priority among them, and what they lose together: the less, the better, in this order. */
  readonly priority: number
  readonly lossMs: number
}

interface Claim {
  readonly device: DeviceRecord
  readonly victims: readonly Victim[]
  /** All that must be gone before there is room: the victims, and what was being ended there already. */
  readonly leaving: readonly Placement[]
  readonly untilMs: number
}

export class Preemption {
  readonly #office: Office
  readonly #lifecycle: Lifecycle
  readonly #statuses: Statuses
  /** By the task that room is made for. */
  readonly #claims = new Map<TaskRecord, Claim>()
  /** Tasks for which there was nothing to end, and when to look again. */
  readonly #fruitless = new Map<TaskRecord, number>()

  constructor(office: Office, lifecycle: Lifecycle, statuses: Statuses) {
    this.#office = office
    this.#lifecycle = lifecycle
    this.#statuses = statuses
  }

  get #nowMs(): number {
    return this.#office.context.now.monoMs
  }

  /** Begins what preemptions there are to begin. */
  tick(): void {
    this.#settle()
    if (this.#office.settings.preemption === 'off') return
    let looks = 0
    for (const task of this.#office.scheduler.stuck()) {
      if (looks >= LOOKS_MAX || this.#claims.size >= PREEMPTIONS_MAX) return
      // Nothing has so low a priority, and of what comes behind it in order neither.
      if (priorityOf(task) < PREEMPTION_GAP) return
      if (this.#claims.has(task) || this.#fruitless.has(task)) continue
      looks++
      const plan = this.#cheapest(task)
      if (plan === undefined) this.#fruitless.set(task, this.#nowMs + LOOK_AGAIN_MS)
      else this.#begin(task, plan)
    }
  }

  /** Whether room is being made for the task; it says so itself. */
  isFor(task: TaskRecord): boolean {
    return this.#claims.has(task)
  }

  /** A task is being placed. @returns the decision, which says so when room was made for it */
  placed(decision: Decision): Decision {
    const { task, device, explanation } = decision
    const claimant = this.#claims.has(task) ? task : task.element?.of
    const claim = claimant === undefined ? undefined : this.#claims.get(claimant)
    if (claimant === undefined || claim === undefined) return decision
    // Other elements of an array may find room elsewhere while it is made for one.
    if (claim.device !== device && claimant !== task) return decision
    this.#release(claimant, claim)
    if (claim.device !== device) return decision
    return { ...decision, explanation: `${explanation}; ${named(claim.victims)} had to go for it` }
  }

  /** A claim ends when the victims are gone, or the task or the device; and in any case at some time. */
  #settle(): void {
    const { devices } = this.#office
    for (const [task, claim] of this.#claims) {
      const { device, leaving, untilMs } = claim
      const go = leaving.some(({ key }) => device.placements.get(key)?.phase === 'revoking')
      const stands = devices.get(device.id) === device && device.condition === 'online'
      if (go && stands && task.queued !== undefined && this.#nowMs < untilMs) continue
      this.#release(task, claim)
    }
    for (const [task, untilMs] of this.#fruitless) if (this.#nowMs >= untilMs) this.#fruitless.delete(task)
  }

  #release(task: TaskRecord, { device }: Claim): void {
    this.#claims.delete(task)
    device.claim = undefined
    this.#office.freed(device)
  }

  /** Where room for the task costs least, of the devices that are looked at. */
  #cheapest(task: TaskRecord): Plan | undefined {
    const { scheduler, context } = this.#office
    const able = scheduler.able(task)
    const { monoMs, wallMs } = context.now
    // Anywhere, so that in time all are looked at for all that wait.
    const begin = able.length > DEVICES_MAX ? context.random.below(able.words.length) : 0
    let best: Plan | undefined
    let looked = 0
    for (const device of able.from(begin)) {
      if (looked++ >= DEVICES_MAX) break
      if (device.claim !== undefined || device.closedReason(monoMs, wallMs) !== undefined) continue
      const plan = this.#planOn(device, task)
      if (plan === undefined || (best !== undefined && !cheaper(plan, best))) continue
      if (scheduler.agrees(task, device)) best = plan
    }
    return best
  }

  /** What would have to end on the device, so that the task fits. */
  #planOn(device: DeviceRecord, task: TaskRecord): Plan | undefined {
    const need = task.demand?.resources ?? {}
    const room = new Room(device)
    for (const placement of device.placements.values())
      if (placement.phase === 'revoking') room.without(placement, 1)
    // It has room, or will have by itself.
    if (room.fits(need)) return undefined
    const chosen: Victim[] = []
    for (const victim of this.#candidates(device, task)) {
      if (!room.isHelpedBy(victim.placement, need)) continue
      chosen.push(victim)
      room.without(victim.placement, 1)
      if (room.fits(need)) break
    }
    if (!room.fits(need)) return undefined
    // Whom those that came later made superfluous: the costliest is spared first.
    const victims = chosen.reverse().filter(({ placement }) => {
      room.without(placement, -1)
      if (room.fits(need)) return false
      room.without(placement, 1)
      return true
    })
    if (victims.length > VICTIMS_MAX) return undefined
    return {
      device,
      victims,
      priority: Math.max(...victims.map(({ priority }) => priority)),
      lossMs: victims.reduce((sum, victim) => sum + victim.lossMs, 0),
    }
  }

  /** What may be ended for a task, the cheapest first. */
  #candidates(device: DeviceRecord, preemptor: TaskRecord): Victim[] {
    const candidates: Victim[] = []
    const forPriority = priorityOf(preemptor)
    const near = preemptor.spec?.near ?? []
    for (const placement of device.placements.values()) {
      // What it must be near is of no use to it once it has ended.
      if (near.some(({ group }) => group === placement.kin?.group)) continue
      const task = revocable(this.#office, placement)
      if (task === undefined || (task.preemptions?.count ?? 0) >= PREEMPTED_MAX) continue
      const priority = priorityOf(task)
      if (priority > forPriority - PREEMPTION_GAP) continue
      candidates.push({ task, placement, priority, lossMs: lossMs(this.#office, task, placement) })
    }
    return candidates.sort(
      (a, b) =>
        a.priority - b.priority ||
        (a.lossMs === b.lossMs ? (a.placement.key < b.placement.key ? -1 : 1) : a.lossMs - b.lossMs),
    )
  }

  #begin(task: TaskRecord, { device, victims }: Plan): void {
    const forPriority = priorityOf(task)
    device.claim = { task, priority: forPriority }
    for (const { task: victim, placement, priority } of victims) {
      const why = `preempted on ${device.id} by ${task.id}, which has priority ${forPriority}; it has ${priority}`
      this.#lifecycle.move(victim, device, placement, { why, by: task.id })
    }
    const leaving = [...device.placements.values()].filter(({ phase }) => phase === 'revoking')
    const { ledger } = this.#office
    const graceMs = Math.max(...leaving.map((one) => ledger.find(one.task)?.demand?.graceMs ?? 0), 0)
    this.#claims.set(task, {
      device,
      victims,
      leaving,
      untilMs: this.#nowMs + graceMs + PREEMPTION_MARGIN_MS,
    })
    task.explanation = `waits for room on ${device.id}, where ${named(victims)} ${victims.length === 1 ? 'is' : 'are'} being ended for it`
    task.reasons = undefined
    this.#statuses.touch(task)
  }
}

const priorityOf = ({ demand }: TaskRecord): number => demand?.priority ?? 0

function cheaper(a: Plan, b: Plan): boolean {
  if (a.priority !== b.priority) return a.priority < b.priority
  if (a.lossMs !== b.lossMs) return a.lossMs < b.lossMs
  if (a.victims.length !== b.victims.length) return a.victims.length < b.victims.length
  return a.device.id < b.device.id
}

function named(victims: readonly Victim[]): string {
  const more = victims.length - NAMES_SHOWN_MAX
  const shown = victims
    .slice(0, NAMES_SHOWN_MAX)
    .map(({ task, priority }) => `${task.id} (priority ${priority})`)
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ')
}
