/**
 * Improving: when nothing waits, a mesh that wants it has what runs where most is to be gained planned anew, and a few tasks
 * are moved where that serves the mesh's objective. It is the rebalancer's planner: the same work may be moved, by the same
 * rules, and it is moved in the same way.
 *
 * Until a task is placed again the room where it is to go is claimed for it, and it goes there if it still can. When nothing
 * changes moves end: each time the objective over all devices touched has become less by a least part of itself.
 */

import { percent, withMore } from '../../shared/model/utilization.ts'
import { type Improvement, improvement } from '../planning/improvement.ts'
import type { Problem } from '../planning/problem.ts'
import type { DeviceRecord, Placement } from './device-record.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Office } from './office.ts'
import { lossMs, MOVE_LOSS_MS_MAX, MOVE_MARGIN_MS, MOVES_MAX, movable } from './revocable.ts'
import { isSimple, judgedBy } from './scheduler/batch.ts'
import { WORK_MAX } from './scheduler/batches.ts'
import type { Decision } from './scheduler/decision.ts'
import { mostFree } from './scheduler/score.ts'
import type { TaskRecord } from './task-record.ts'

/** Devices that work may be moved off, tasks that may be, and devices in all that are looked at in one go. */
const SOURCES_MAX = 6
const TASKS_MAX = 32
const DEVICES_MAX = 16
/** By what part of itself the objective must become less. */
export const LEAST_GAIN = 0.05

/** What is said of an objective that becomes less, and of a value of it. */
const TOLD = {
  peak: { what: 'the peak', value: percent },
  packing: { what: 'the devices in use', value: String },
  spread: { what: 'the squares of tasks on each device', value: String },
} as const
type Improvable = keyof typeof TOLD

interface Movable {
  readonly task: TaskRecord
  readonly placement: Placement
}

interface Source {
  readonly device: DeviceRecord
  /** How much is to be gained by moving something off it, as far as it goes by that alone. */
  readonly burden: number
  readonly movables: readonly Movable[]
}

interface Move {
  readonly placement: Placement
  readonly source: DeviceRecord
  readonly target: DeviceRecord
  readonly untilMs: number
}

export class Improver {
  readonly #office: Office
  readonly #lifecycle: Lifecycle
  readonly #underWay = new Map<TaskRecord, Move>()
  /** When it was looked last. What is set anew counts from then on. */
  #lookedMs = Number.NEGATIVE_INFINITY

  constructor(office: Office, lifecycle: Lifecycle) {
    this.#office = office
    this.#lifecycle = lifecycle
  }

  /** Moves that are under way. */
  get moving(): number {
    return this.#underWay.size
  }

  get #nowMs(): number {
    return this.#office.context.now.monoMs
  }

  /** Looks whether there is something to improve, when it is time. @param others moves that are under way besides */
  tick(others: number): void {
    this.#settle()
    const { settings, scheduler } = this.#office
    const { improveMs } = settings
    const movesMax = MOVES_MAX - others
    if (improveMs === undefined || this.#nowMs < this.#lookedMs + improveMs || movesMax <= 0) return
    if (this.#underWay.size > 0 || scheduler.hopeful) return
    this.#lookedMs = this.#nowMs
    const objective = judgedBy(settings.objective)
    // What is moved begins again, so nothing is done sooner for it.
    if (objective !== 'makespan') this.#improve(objective, movesMax)
  }

  /** Plans anew, and begins what moves come of it. */
  #improve(objective: Improvable, movesMax: number): void {
    const { context } = this.#office
    const sources = this.#sources(objective)
    const movables = sources.flatMap((source) => source.movables)
    if (movables.length === 0) return
    const { problem, devices } = this.#problem(sources, movables, objective)
    const present = new Map(
      movables.map(({ placement }) => [
        placement.key,
        sources.find(({ device }) => device.placements.has(placement.key))?.device.id ?? '',
      ]),
    )
    const evaluationsMax = Math.floor(WORK_MAX / (problem.items.length * problem.devices.length))
    const found = improvement(problem, present, {
      ...{ random: context.random, evaluationsMax, movesMax, leastGain: LEAST_GAIN },
    })
    if (found !== undefined)
      this.#begin(found, movables, new Map(devices.map((one) => [one.id, one])), objective)
  }

  /** The devices that burden the objective most and off which something may be moved, with the largest of that. */
  #sources(objective: Improvable): Source[] {
    const { devices, context } = this.#office
    const { monoMs, wallMs } = context.now
    const found: Source[] = []
    for (const device of devices.values()) {
      if (device.placements.size === 0) continue
      const burden = burdenOf(device, objective)
      const least = found.length < SOURCES_MAX ? undefined : found.at(-1)
      if (least !== undefined && burden <= least.burden) continue
      if (device.claim !== undefined || device.restUntilMs > monoMs) continue
      if (device.closedReason(monoMs, wallMs) !== undefined) continue
      const movables = this.#movables(device, objective)
      if (movables.length === 0) continue
      found.push({ device, burden, movables })
      found.sort((a, b) => b.burden - a.burden || (a.device.id < b.device.id ? -1 : 1))
      if (found.length > SOURCES_MAX) found.pop()
    }
    const each = Math.max(1, Math.floor(TASKS_MAX / Math.max(1, found.length)))
    return found.map((source) => ({ ...source, movables: source.movables.slice(0, each) }))
  }

  /** What may be moved off the device, the largest first. */
  #movables(device: DeviceRecord, objective: Improvable): Movable[] {
    const found: (Movable & { readonly share: number })[] = []
    for (const placement of device.placements.values()) {
      const task = movable(this.#office, placement)
      // Planners know neither preferences nor other tasks.
      if (task === undefined || !isSimple(task) || judgedBy(task.spec?.objective ?? objective) !== objective)
        continue
      if (lossMs(this.#office, task, placement) > MOVE_LOSS_MS_MAX) continue
      let share = 0
      for (const name in placement.resources) {
        const whole = device.capacity[name] ?? 0
        if (whole > 0) share = Math.max(share, (placement.resources[name] as number) / whole)
      }
      if (share > 0) found.push({ task, placement, share })
    }
    return found.sort((a, b) => b.share - a.share || (a.placement.key < b.placement.key ? -1 : 1))
  }

  /** The tasks as items over their devices and those with most room for them. */
  #problem(sources: readonly Source[], movables: readonly Movable[], objective: Improvable) {
    const { scheduler, context, settings } = this.#office
    const own = sources.map(({ device }) => device)
    const tasks = movables.map(({ task }) => task)
    const picture = scheduler.picture(tasks, own, DEVICES_MAX, context.now, objective)
    const devices = picture.devices.filter(({ claim }) => claim === undefined)
    const known = new Map(devices.map((device) => [device.id, device]))
    const rooms = new Map(picture.problem.devices.map(({ id, free }) => [id, { ...free }]))
    const items = picture.problem.items.map((item, place): Problem['items'][number] => {
      const { placement } = movables[place] as Movable
      const from = own.find(({ placements }) => placements.has(placement.key))
      const room = rooms.get(from?.id ?? '') ?? {}
      for (const name in item.demand) room[name] = (room[name] ?? 0) + (item.demand[name] as number)
      const eligible = (item.eligible ?? [...known.keys()]).filter((id) => {
        const device = known.get(id)
        if (device === undefined || id === from?.id) return false
        const { utilization, reserved } = device
        return utilization === undefined || withMore(utilization, reserved, item.demand) <= settings.marks.low
      })
      return { ...item, id: placement.key, eligible: [...eligible, ...(from === undefined ? [] : [from.id])] }
    })
    const problem: Problem = {
      items,
      devices: picture.problem.devices
        .filter(({ id }) => known.has(id))
        .map((device) => ({
          ...device,
          free: rooms.get(device.id) ?? device.free,
          held:
            (device.held ?? 0) - (sources.find((one) => one.device.id === device.id)?.movables.length ?? 0),
        })),
      objective,
    }
    return { problem, devices }
  }

  #begin(
    { moves, before, after }: Improvement,
    movables: readonly Movable[],
    devices: ReadonlyMap<string, DeviceRecord>,
    objective: Improvable,
  ): void {
    const { scheduler, settings } = this.#office
    const { what, value } = TOLD[objective]
    const lowers = `${moves.length === 1 ? 'lowers' : `one of ${moves.length} moves that lower`} ${what} from ${value(before)} to ${value(after)}`
    for (const { item, from, to } of moves) {
      const { task, placement } = movables.find((one) => one.placement.key === item) as Movable
      const source = devices.get(from) as DeviceRecord
      const target = devices.get(to) as DeviceRecord
      const why = `moved off ${from} to ${to}: ${lowers}`
      const graceMs = task.demand?.graceMs ?? 0
      const untilMs = this.#nowMs + graceMs + MOVE_MARGIN_MS
      target.claim = { task, priority: task.demand?.priority ?? 0 }
      scheduler.destinations.set(task, target)
      this.#underWay.set(task, { placement, source, target, untilMs })
      source.restUntilMs = this.#nowMs + settings.marks.cooldownMs
      this.#lifecycle.move(task, source, placement, { why })
    }
  }

  /** A task is being placed. @returns the decision, which says so when it was planned */
  placed(decision: Decision): Decision {
    const { task, device } = decision
    const move = this.#underWay.get(task)
    if (move === undefined) return decision
    this.#release(task, move)
    if (device !== move.target) return decision
    const left = Math.max(0, mostFree(device, task.demand?.resources ?? {}))
    const explanation = `placed on ${device.id}: planned there when it was moved off ${move.source.id}; ${percent(left)} of its scarcest resource is left`
    return { ...decision, explanation }
  }

  /** A move ends when the task is placed or has ended, or its target is lost; and in any case at some time. */
  #settle(): void {
    const { devices } = this.#office
    for (const [task, move] of this.#underWay) {
      const { placement, source, target, untilMs } = move
      const goes = source.placements.get(placement.key)?.phase === 'revoking'
      const stands = devices.get(target.id) === target && target.condition === 'online'
      if ((goes || task.queued !== undefined) && stands && this.#nowMs < untilMs) continue
      this.#release(task, move)
    }
  }

  #release(task: TaskRecord, { target }: Move): void {
    this.#underWay.delete(task)
    this.#office.scheduler.destinations.delete(task)
    target.claim = undefined
    this.#office.freed(target)
  }
}

/**
 * How much there is to gain on a device, as far as it alone tells: the greatest share that is reserved of any of its
 * resources, the number of its tasks, or, where it is to be left, how little is reserved.
 */
function burdenOf({ capacity, reserved, held }: DeviceRecord, objective: Improvable): number {
  if (objective === 'spread') return held
  let most = 0
  for (const name in reserved) {
    const whole = capacity[name] ?? 0
    if (whole > 0) most = Math.max(most, (reserved[name] as number) / whole)
  }
  return objective === 'packing' ? 1 - most : most
}
