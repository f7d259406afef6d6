/**
 * Batches of tasks that a strategy plans together: when one is planned, by what, and what becomes of the plan.
 *
 * Tasks that come within a short time are waited for, so that they make one batch; a full one is waited for no longer.
 * A planner of agent/planning says where each goes. Everything is looked at once more before it is reserved. What the plan
 * leaves out, and what planners know nothing of, goes one by one as the scheduler places everything else.
 *
 * The coordinator is one thread that has beacons to send, so the work of one run is bounded; then messages have their turn.
 */
import { gpuMilliOf } from '../../../shared/model/gpus.ts'
import type { Now } from '../../../shared/ports.ts'
import type { Random } from '../../../shared/random/random.ts'
import type { Plan, Refusal } from '../../planning/plan.ts'
import type { Objective } from '../../planning/problem.ts'
import { planBy } from '../../planning/strategies.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import { type Batch, collect, judgedBy, problemOf, type Queues, type Unit } from './batch.ts'
import type { Decision } from './decision.ts'
import { canTake } from './destinations.ts'
import type { Explanation } from './explain.ts'
import { explainBatch, explainGathering } from './explain-batch.ts'
import type { Shape } from './shape.ts'
import type { BatchBounds } from './strategies.ts'

/** How long others are waited for that could be planned with a task. */
export const GATHER_MS = 100
/**
 * Work of a plan, and of a run that plans many: plans judged or states looked at, times tasks, times devices. As measured,
 * 15 to 30 ms of CPU on a server. The plan that goes beyond it in a run is the last one.
 */
export const WORK_MAX = 100_000
/** Plans that `genetic` judges of what is so small that work would allow more. */
const EVALUATIONS_MAX = 500
/** Plans that every planner begins with, those of `heuristic`. */
const FIRST_PLANS = 12

/** A plan that is carried out. */
export interface Planned {
  readonly plan: Plan
  readonly batch: Batch
  readonly objective: Objective
  /** Why it is not by the planner that was asked. */
  readonly instead?: string
}

/** What became of a turn: decisions that were made, or in how many milliseconds its time comes. */
export type Turn = { readonly placed: number } | { readonly pauseMs: number }

export class Batches {
  readonly #queues: Queues
  readonly #random: Random
  readonly #gatherMs: number
  /** Takes what a task stands for out of its queue. */
  readonly #take: (task: TaskRecord) => TaskRecord | undefined
  /** Something has come that was not waited with yet, and until when others are waited for. */
  #fresh = false
  #untilMs: number | undefined
  /** Spent in this run. */
  #work = 0
  /** Shapes whose tasks go one by one in this run, and why. */
  readonly #alone = new Map<Shape, string>()

  constructor(
    queues: Queues,
    take: (task: TaskRecord) => TaskRecord | undefined,
    random: Random,
    gatherMs: number,
  ) {
    this.#queues = queues
    this.#take = take
    this.#random = random
    this.#gatherMs = gatherMs
  }

  /** A task has come. @returns that others are waited for, when they are */
  joined(shape: Shape): Explanation | undefined {
    if (batchOf(shape) === undefined || shape.blocked) return undefined
    this.#fresh = true
    return explainGathering(shape.strategy.name, this.#gatherMs)
  }

  /** A run begins. */
  begin(now: Now): void {
    this.#work = 0
    this.#alone.clear()
    if (this.#fresh && this.#untilMs === undefined) this.#untilMs = now.monoMs + this.#gatherMs
    if (this.#untilMs === undefined || this.#untilMs > now.monoMs) return
    this.#untilMs = undefined
    this.#fresh = false
  }

  /** Whether the shape's next task is to be planned with others. */
  has(shape: Shape): boolean {
    if (batchOf(shape) === undefined || this.#alone.has(shape)) return false
    const next = shape.waiting.first()
    return next !== undefined && !this.#queues.destinations.has(next.task)
  }

  /** Why a task whose strategy plans batches was placed by itself; empty for others. */
  whyAlone(shape: Shape): string {
    const { strategy } = shape
    if (strategy.batch === undefined) return ''
    const unknown = unknownTo(shape)
    return unknown === undefined
      ? (this.#alone.get(shape) ?? '')
      : `; by itself, because ${strategy.name} ${unknown}`
  }

  /** Plans the batch that the shape's next task begins, at most `max`, and reserves what the plan says. */
  turn(lead: Shape, now: Now, max: number, reserve: (decision: Decision) => void): Turn {
    const bounds = batchOf(lead)
    if (bounds === undefined) return { placed: 0 }
    if (this.#work >= WORK_MAX) return { pauseMs: 0 }
    const tasksMax = Math.min(bounds.tasksMax, max)
    const objective = judgedBy(lead.objective)
    const batch = collect(
      lead,
      { tasksMax, devicesMax: bounds.devicesMax },
      this.#queues,
      now,
      (shape) => this.has(shape) && shape.strategy === lead.strategy,
      (shape) => this.#alone.set(shape, ''),
    )
    if (batch.units.length === 0) {
      // Whatever it was, the run must go on.
      if (this.has(lead)) this.#alone.set(lead, '')
      return { placed: 0 }
    }
    if (batch.units.length < tasksMax && this.#untilMs !== undefined)
      return { pauseMs: this.#untilMs - now.monoMs }
    const planned = this.#plan(bounds.planner, batch, objective)
    const why = whyNot(planned, batch)
    if (why === undefined) return { placed: this.#carryOut(planned as Planned, now, reserve) }
    for (const { shape } of batch.units) this.#alone.set(shape, `; by itself, because ${why}`)
    return { placed: 0 }
  }

  /** Asks the planner, or `heuristic` where that refuses for what it would cost. */
  #plan(planner: BatchBounds['planner'], batch: Batch, objective: Objective): Planned | Refusal {
    const problem = problemOf(batch, this.#queues.table, objective)
    const pairs = problem.items.length * problem.devices.length
    const most = Math.max(FIRST_PLANS, Math.floor(WORK_MAX / pairs))
    const options = {
      random: this.#random,
      statesMax: most,
      evaluationsMax: Math.min(EVALUATIONS_MAX, most),
    }
    const answer = planBy(planner, problem, options)
    this.#work += pairs * (FIRST_PLANS + (answer.ok ? answer.evaluations : most))
    if (answer.ok) return { plan: answer, batch, objective }
    if (answer.refused !== 'states') return answer
    const second = planBy('heuristic', problem, options)
    this.#work += pairs * FIRST_PLANS
    if (!second.ok) return second
    return { plan: second, batch, objective, instead: `${planner} would look at more than ${most} states` }
  }

  /** Reserves what the plan says; what it leaves out goes one by one next. */
  #carryOut(planned: Planned, now: Now, reserve: (decision: Decision) => void): number {
    const { batch, plan } = planned
    const devices = new Map(batch.devices.map((device) => [device.id, device]))
    const places = new Map<TaskRecord, { readonly shape: Shape; readonly devices: DeviceRecord[] }>()
    const alone = ({ shape }: Pick<Unit, 'shape'>): void => {
      const why = `; by itself, because ${plan.strategy} had no place for it on ${batch.devices.length} devices`
      this.#alone.set(shape, why)
    }
    for (const [place, unit] of batch.units.entries()) {
      const device = devices.get(plan.placed.get(String(place)) ?? '')
      if (device === undefined) {
        alone(unit)
        continue
      }
      const known = places.get(unit.task)
      if (known === undefined) places.set(unit.task, { shape: unit.shape, devices: [device] })
      else known.devices.push(device)
    }
    const { table, tenants } = this.#queues
    const allows = ({ tenant, resources }: Shape): boolean => tenants.excess(tenant, resources) === undefined
    let placed = 0
    for (const [task, { shape, devices: chosen }] of places) {
      // Elements of an array are alike: those for one device one after another, so that they are told as one.
      chosen.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
      let last: DeviceRecord | undefined
      for (const device of chosen) {
        const may = canTake(table, shape, task, device, now)
        const unit = may && allows(shape) ? this.#take(task) : undefined
        if (unit === undefined) {
          alone({ shape })
          continue
        }
        const score = shape.strategy.score(device, shape.resources, shape.durationMs)
        const explanation = explainBatch(planned, shape, device)
        reserve({
          task: unit,
          device,
          gpus: [],
          explanation,
          candidates: [{ device, score, own: score }],
          follows: last === device,
        })
        table.refresh(table.slotOf(device) ?? 0)
        last = device
        placed++
      }
    }
    return placed
  }
}

/** How tasks of the shape are planned together, if they are. Planners know neither wishes nor other tasks. */
function batchOf(shape: Shape): BatchBounds | undefined {
  const { batch } = shape.strategy
  return batch === undefined || unknownTo(shape) !== undefined ? undefined : batch
}

/** What planners do not know of that counts for the shape, if there is such. */
function unknownTo({ byLabels, relations, resources }: Shape): string | undefined {
  if (byLabels?.preferences !== undefined) return 'knows no preferences'
  if (byLabels !== undefined) return 'does not know where data lies'
  if (relations !== undefined) return 'knows nothing of groups'
  return gpuMilliOf(resources) > 0 ? 'knows nothing of single gpus' : undefined
}

/** Why a batch goes one by one instead, if it does. */
function whyNot(planned: Planned | Refusal, { units }: Batch): string | undefined {
  if ('refused' in planned) return `${planned.strategy} refused: ${planned.reason}`
  // Whose tasks are left out is a matter of shares, of which planners know nothing.
  const shared = units.some(({ shape }) => shape.tenant !== units[0]?.shape.tenant)
  if (planned.plan.unplaced.length === 0) return undefined
  if (shared) return 'the tasks of several tenants had not all room'
  // Planners leave out what makes room for most; among deadlines it must not be the earlier.
  const due = ({ task }: Unit): number | undefined => task.demand?.deadlineMs
  const urgent = units.some((unit) => due(unit) !== due(units[0] as Unit))
  return urgent ? 'tasks of unlike deadlines had not all room' : undefined
}
