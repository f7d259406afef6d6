/**
 * A batch: the tasks that come next in order and are planned together, with the devices that they are planned over.
 *
 * It keeps the order. All of it is of one priority, so that no plan leaves a task out for one of lower priority, and it
 * ends before the first task that is not planned with it. Among tenants the order is that in which they would come one
 * by one, as if each of the batch had been placed.
 */
import { gpuMilliOf } from '../../../shared/model/gpus.ts'
import { accumulate, type Resources, remaining } from '../../../shared/model/resources.ts'
import type { Now } from '../../../shared/ports.ts'
import type { ObjectiveName } from '../../../shared/protocol/schemas/index.ts'
import type { Objective, Problem } from '../../planning/problem.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Tenants } from '../tenants.ts'
import type { Destinations } from './destinations.ts'
import type { FleetTable } from './fleet-table.ts'
import type { Waiting } from './queue.ts'
import { isRelated } from './relations.ts'
import type { Shape } from './shape.ts'
import { type BatchBounds, STRATEGY, towards } from './strategies.ts'
import { Visits } from './visits.ts'
import { workLeftMs } from './work-left.ts'

/** What the scheduler lends. */
export interface Queues {
  readonly table: FleetTable
  readonly tenants: Tenants
  /** Those that have waiting tasks. */
  readonly shapes: Iterable<Shape>
  readonly destinations: Destinations
  /** Whether the shape's next task may be placed now, if there is room. */
  ready(shape: Shape): boolean
  /** Whether `firstOfA` is to be placed before `firstOfB`. */
  precedes(a: Shape, firstOfA: Waiting, b: Shape, firstOfB: Waiting): boolean
}

/** A task, or an element of an array. */
export interface Unit {
  readonly shape: Shape
  /** The array, where it is an element. */
  readonly task: TaskRecord
}

export interface Batch {
  /** In order. */
  readonly units: readonly Unit[]
  readonly devices: readonly DeviceRecord[]
}

/** Whether all that counts for where a task goes is what it asks for and its device's labels: planners know no more. */
export function isSimple({ spec, demand }: TaskRecord): boolean {
  if (spec === undefined || spec.prefer !== undefined || spec.data !== undefined || isRelated(spec))
    return false
  return demand === undefined || gpuMilliOf(demand.resources) === 0
}

/**
 * What plans are judged by for an objective. Where data lies is for labels to say, and those tasks go one by one: by `data`
 * the others are placed for the lowest peak, as `greedy` places them.
 */
export function judgedBy(objective: ObjectiveName): Objective {
  return objective === 'data' ? 'peak' : objective
}

/** A shape whose tasks may join, and which of them would be next. */
interface Head {
  readonly shape: Shape
  readonly joins: boolean
  /** The entries from the next one on, as far as they were fetched. */
  entries: Waiting[]
  at: number
  /** Elements of the next entry that are in the batch already. */
  drawn: number
}

/**
 * Collects the batch that `lead` begins.
 *
 * @param joins whether the tasks of a shape are planned with those of `lead`, if they are of its priority
 * @param alone hears of shapes for which there is no room, or no quota
 */
export function collect(
  lead: Shape,
  { tasksMax, devicesMax }: Pick<BatchBounds, 'tasksMax' | 'devicesMax'>,
  queues: Queues,
  now: Now,
  joins: (shape: Shape) => boolean,
  alone: (shape: Shape) => void,
): Batch {
  const { tenants } = queues
  const heads = headsOf(lead, queues, joins)
  const found = new Map<Shape, DeviceRecord[]>()
  const units: Unit[] = []
  while (units.length < tasksMax) {
    const head = first(heads, queues)
    if (head === undefined || !head.joins) break
    const { shape } = head
    if (!found.has(shape)) {
      found.set(shape, best(shape, devicesMax, now))
      head.entries = shape.waiting.foremost(tasksMax - units.length)
    }
    if (found.get(shape)?.length === 0 || tenants.excess(shape.tenant, shape.resources) !== undefined) {
      heads.delete(head)
      alone(shape)
      continue
    }
    const { task } = head.entries[head.at] as Waiting
    if (queues.destinations.has(task)) break
    units.push({ shape, task })
    accumulate(tenants.account(shape.tenant).reserved, shape.resources, 1)
    advance(head, lead.priority, heads)
  }
  for (const { shape } of units) accumulate(tenants.account(shape.tenant).reserved, shape.resources, -1)
  return { units, devices: joined([...found.values()], devicesMax) }
}

/** All that are ready and whose first task is of the lead's priority. */
function headsOf(lead: Shape, { shapes, ready }: Queues, joins: (shape: Shape) => boolean): Set<Head> {
  const heads = new Set<Head>()
  for (const shape of shapes) {
    const entry = ready(shape) && shape.priority === lead.priority ? shape.waiting.first() : undefined
    if (entry !== undefined) heads.add({ shape, joins: joins(shape), entries: [entry], at: 0, drawn: 0 })
  }
  return heads
}

function first(heads: Iterable<Head>, queues: Queues): Head | undefined {
  let best: Head | undefined
  for (const head of heads) {
    const entry = head.entries[head.at] as Waiting
    if (
      best === undefined ||
      queues.precedes(head.shape, entry, best.shape, best.entries[best.at] as Waiting)
    )
      best = head
  }
  return best
}

/** Goes on to the next element or task; a head with none of the priority left goes. */
function advance(head: Head, priority: number, heads: Set<Head>): void {
  const { array } = (head.entries[head.at] as Waiting).task
  if (array !== undefined && ++head.drawn < array.waiting) return
  head.at++
  head.drawn = 0
  const next = head.entries[head.at]
  if (next === undefined || (next.task.demand?.priority ?? 0) !== priority) heads.delete(head)
}

/** The devices with room that a strategy scores highest, by default the shape's; the best first. */
function best(shape: Shape, max: number, now: Now, strategy = shape.strategy): DeviceRecord[] {
  const found: { readonly device: DeviceRecord; readonly score: number }[] = []
  for (const { index } of shape.tiers.sorted) {
    index.search(strategy, now, {
      visits: new Visits(),
      look: (device, score) => found.push({ device, score }),
      enough: () => (found.length < max ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY),
      worthwhile: () => Number.NEGATIVE_INFINITY,
    })
  }
  found.sort((a, b) => b.score - a.score || (a.device.id < b.device.id ? -1 : 1))
  return found.slice(0, max).map(({ device }) => device)
}

/** Of several lists the first `max` different ones, from each in turn. */
function joined(lists: readonly (readonly DeviceRecord[])[], max: number): DeviceRecord[] {
  const all = new Set<DeviceRecord>()
  const longest = Math.max(0, ...lists.map((list) => list.length))
  for (let at = 0; at < longest; at++) {
    for (const list of lists) {
      const device = list[at]
      if (device !== undefined && all.size < max) all.add(device)
    }
  }
  return [...all]
}

/** Units over the devices named and those that suit the objective most, as many as there may be, as planners see it. */
export function pictured(
  units: readonly Unit[],
  devices: readonly DeviceRecord[],
  devicesMax: number,
  table: FleetTable,
  now: Now,
  objective: Objective,
): { readonly devices: readonly DeviceRecord[]; readonly problem: Problem } {
  const shapes = [...new Set(units.map(({ shape }) => shape))]
  const strategy = towards(STRATEGY.greedy, objective)
  const roomy = shapes.map((shape) => best(shape, devicesMax, now, strategy))
  const all = [...new Set([...devices, ...joined(roomy, devicesMax)])].slice(0, devicesMax)
  return { devices: all, problem: problemOf({ units, devices: all }, table, objective) }
}

/** The batch as planners see it; items are named by their places in it. */
export function problemOf({ units, devices }: Batch, table: FleetTable, objective: Objective): Problem {
  const slots = devices.map((device) => table.slotOf(device) ?? -1)
  const able = new Map<Shape, readonly DeviceRecord[]>()
  const items = units.map(({ shape, task }, place) => {
    const takers = able.get(shape) ?? devices.filter((_, at) => shape.eligible.has(slots[at] as number))
    able.set(shape, takers)
    const eligible = takers.filter((device) => !device.isKeptFrom(task)).map(({ id }) => id)
    return {
      id: String(place),
      demand: shape.resources,
      durationMs: task.demand?.durationMs ?? shape.durationMs,
      ...(eligible.length === devices.length ? {} : { eligible }),
    }
  })
  const timed = objective === 'makespan'
  return { items, devices: devices.map((device) => roomOf(device, timed)), objective, sideBySide: true }
}

/** @param timed whether work counts: that costs a look at all that is placed there */
function roomOf(device: DeviceRecord, timed: boolean): Problem['devices'][number] {
  const { id, capacity, reserved, held } = device
  const free: Record<string, number> = remaining(capacity, reserved)
  // A device may have become smaller than what it holds.
  for (const name in free) free[name] = Math.max(0, free[name] as number)
  const busyMs = timed ? Math.round(workLeftMs(device)) : 0
  return { id, free: free as Resources, capacity, held, busyMs }
}
