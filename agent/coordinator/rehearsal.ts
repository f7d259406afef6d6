/**
 * Rehearsal: where tasks would go now, by the scheduler itself, from what the mesh tells everyone. Nothing is sent, and
 * what is decided is forgotten.
 */
import type { Rejection } from '../../shared/errors/errors.ts'
import { pastDeadline } from '../../shared/model/contradiction.ts'
import { marksOf } from '../../shared/model/marks.ts'
import { withDefaults } from '../../shared/model/mesh-defaults.ts'
import { Network } from '../../shared/model/network.ts'
import { DEFAULT_TIMEOUT_MS, demandOf } from '../../shared/model/task.ts'
import { tenantRules } from '../../shared/model/tenants.ts'
import type { Now } from '../../shared/ports.ts'
import type {
  Desired,
  DeviceLoad,
  DeviceState,
  MeshConfig,
  TaskSpec,
  TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { Random } from '../../shared/random/random.ts'
import { ArrayRecord, elementSpecOf } from './array-record.ts'
import { DeviceRecord } from './device-record.ts'
import { kinOf } from './kinship.ts'
import type { Decision } from './scheduler/decision.ts'
import type { Explanation } from './scheduler/explain.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import { STRATEGY } from './scheduler/strategies.ts'
import { expectedEndMs } from './scheduler/work-left.ts'
import { newTask, type TaskRecord } from './task-record.ts'
import { Tenants } from './tenants.ts'

/** What is retained of the mesh, and the last heartbeats. */
export interface Situation {
  readonly devices: readonly {
    readonly id: string
    readonly state?: DeviceState
    readonly desired?: Desired
    readonly load?: DeviceLoad
  }[]
  readonly config: MeshConfig | undefined
  readonly statuses: readonly TaskStatus[]
  /** Of unfinished tasks, by id. */
  readonly specs: ReadonlyMap<string, TaskSpec>
}

export interface Wanted {
  readonly id: string
  readonly spec: TaskSpec
}

/** What would become of one task. */
export interface Outcome {
  readonly task: string
  /** How many of it would be placed where: one task on one device, elements of an array on several. */
  readonly devices: Readonly<Record<string, number>>
  /** How many of it would wait. */
  readonly waiting: number
  /** No device could take it even if it were empty; also when it would be rejected. */
  readonly impossible: boolean
  /** Code of the error with which it would be rejected. */
  readonly rejected?: string
  /** Why there, or why not. */
  readonly explanation: string
  readonly reasons?: Readonly<Record<string, number>>
  /** The best of the devices looked at for it, with their scores from 0 to 1. */
  readonly candidates: readonly { readonly device: string; readonly score: number }[]
}

/**
 * Rehearses in the order of `wanted`, after what waits in the mesh already. A task that is `after` others is looked at
 * as if they had succeeded.
 *
 * What runs of arrays is not in any status, so its room counts as free; `unseen` says how many elements that are.
 */
export function rehearse(
  situation: Situation,
  wanted: readonly Wanted[],
  now: Now,
): { outcomes: Outcome[]; unseen: number } {
  // Nobody else comes meanwhile.
  const scheduler = new Scheduler(new Tenants(), new Random('rehearsal'), 0)
  const { strategy, objective } = withDefaults(situation.config)
  scheduler.configure({ strategy: STRATEGY[strategy], objective, network: new Network(situation.config) })
  scheduler.tenants.configure(tenantRules(situation.config))
  const devices = recordsOf(situation, scheduler, now)
  let seq = 0
  const enqueue = ({ id, spec }: Wanted): TaskRecord => {
    const task = newTask(id, ++seq, '', '', spec, demandOf(spec, DEFAULT_TIMEOUT_MS))
    if (spec.array !== undefined) {
      task.array = new ArrayRecord(spec.array.length)
      task.array.spec = elementSpecOf(spec)
    }
    scheduler.enqueue(task)
    return task
  }
  for (const waiting of waitingIn(situation)) enqueue(waiting)
  const tasks = wanted.map((one) => {
    const refusal = pastDeadline(one.spec, now.wallMs) ?? scheduler.tenants.refusal(demandOf(one.spec))
    return refusal === undefined ? enqueue(one) : rejectedOutcome(one, refusal)
  })
  const placed = new Map<TaskRecord, Decision[]>()
  const waits = new Map<TaskRecord, Explanation>()
  const reserve = (decision: Decision): void => {
    const { task, device, gpus } = decision
    const whole = task.element?.of ?? task
    const before = placed.get(whole)
    if (before === undefined) placed.set(whole, [decision])
    else before.push(decision)
    place(scheduler, device, task.id, task.spec, ++seq, now, undefined, gpus)
  }
  // As things stood when its turn came: with the change that is named it would have come before the others.
  const wait = (waiting: readonly TaskRecord[], explanation: Explanation): void => {
    for (const task of waiting) waits.set(task, explanation)
  }
  while (scheduler.run(now, Number.POSITIVE_INFINITY, reserve, wait) !== undefined);
  const outcomes = tasks.map((task): Outcome => {
    if ('rejected' in task) return task
    const decisions = placed.get(task) ?? []
    const waiting = (task.array?.size ?? 1) - decisions.length
    const wait = waiting > 0 ? waits.get(task) : undefined
    const counts: Record<string, number> = {}
    for (const { device } of decisions) counts[device.id] = (counts[device.id] ?? 0) + 1
    const impossible = decisions.length === 0 && devices.length > 0 && scheduler.able(task).length === 0
    return {
      task: task.id,
      devices: counts,
      waiting,
      impossible,
      explanation: wait?.text ?? decisions[0]?.explanation ?? '',
      ...(wait === undefined ? {} : { reasons: wait.reasons }),
      candidates: (decisions[0]?.candidates ?? []).map(({ device, score }) => ({ device: device.id, score })),
    }
  })
  return { outcomes, unseen: unseenOf(situation) }
}

function rejectedOutcome({ id, spec }: Wanted, refusal: Rejection): Outcome & { rejected: string } {
  return {
    task: id,
    devices: {},
    waiting: spec.array?.length ?? 1,
    impossible: true,
    rejected: refusal.code,
    explanation: `would be rejected: ${refusal.message}`,
    candidates: [],
  }
}

/** The fleet with all that is known to be placed on it. */
function recordsOf(
  { devices, config, statuses, specs }: Situation,
  scheduler: Scheduler,
  now: Now,
): DeviceRecord[] {
  const records = new Map<string, DeviceRecord>()
  for (const { id, state, desired } of devices) {
    if (state === undefined) continue
    const record = new DeviceRecord(id, state, now.monoMs)
    record.kinship = scheduler.kinship
    record.reportedNonce = state.nonce
    if (!state.online) record.condition = 'lost'
    record.desired = desired ?? {}
    records.set(id, record)
  }
  let n = 0
  for (const { task, state, device, times } of statuses) {
    const record = records.get(device ?? '')
    if (record === undefined || (state !== 'assigned' && state !== 'running')) continue
    const spec = specs.get(task)
    if (spec !== undefined && spec.array === undefined)
      place(scheduler, record, task, spec, ++n, now, times.assigned)
  }
  const { high } = marksOf(config)
  for (const { id, load } of devices) {
    const record = records.get(id)
    if (record !== undefined && load !== undefined && load.nonce === record.state.nonce)
      record.measured(load, high, now.monoMs)
  }
  for (const record of records.values()) scheduler.deviceChanged(record)
  return [...records.values()]
}

function place(
  { tenants }: Scheduler,
  device: DeviceRecord,
  task: string,
  spec: TaskSpec | undefined,
  n: number,
  now: Now,
  assigned?: string,
  gpus?: readonly number[],
): void {
  if (spec === undefined) return
  const { resources, tenant, durationMs } = demandOf(spec)
  const endsMs = expectedEndMs(durationMs, assigned, now)
  const attempt = { term: 0, agent: 'rehearsal', n }
  const head = { key: `${task} ${n}`, attempt, task, resources, gpus, seq: 0, endsMs }
  device.add({ ...head, kin: kinOf(spec), account: tenants.account(tenant), phase: 'held' })
}

/** Tasks that wait for a device already, whoever has waited longest first. */
function waitingIn({ statuses, specs }: Situation): Wanted[] {
  const succeeded = new Set(statuses.filter(({ state }) => state === 'succeeded').map(({ task }) => task))
  return statuses
    .filter(({ task, state }) => {
      const spec = specs.get(task)
      if (state !== 'pending' || spec === undefined || spec.array !== undefined) return false
      return (spec.after ?? []).every((id) => succeeded.has(id))
    })
    .sort((a, b) => ((a.times.seen ?? '') < (b.times.seen ?? '') ? -1 : 1))
    .map(({ task }) => ({ id: task, spec: specs.get(task) as TaskSpec }))
}

/** Elements of arrays that are under way somewhere. */
function unseenOf({ statuses }: Situation): number {
  let elements = 0
  for (const { array } of statuses)
    elements += (array?.states['assigned'] ?? 0) + (array?.states['running'] ?? 0)
  return elements
}
