/**
 * I6: once faults stop, a coordinator takes office within a stated time and every task that can end does. This
 * is asked by the runner after it has healed everything; if the answer is no it says why.
 */
import { fits } from '../../shared/model/resources.ts'
import { demandOf } from '../../shared/model/task.ts'
import { tenantRules } from '../../shared/model/tenants.ts'
import {
  type Beacon,
  isTerminal,
  type MeshConfig,
  type TaskSpec,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { needsOthers } from '../workload.ts'
import type { World } from '../world.ts'
import type { Violations } from './checker.ts'
import type { OnceChecker } from './i2-once.ts'

export interface LivenessBounds {
  /** From the end of faults until one coordinator is steadily in office, in milliseconds. */
  readonly coordinatorMs: number
  /**
   * From then until every task has ended, in milliseconds; anew for as long as tasks go on ending within it,
   * because a small fleet may have more work waiting than it can do in that time.
   */
  readonly tasksMs: number
}

/** How long a holder must stay to count as steady: longer than a lease. */
const STEADY_MS = 5_000
const TASKS_SHOWN_MAX = 5
/** Even a fleet that gets its work done must be through some time. */
const ROUNDS_MAX = 10

/** True when the mesh converged. Runs the world on; all faults must have ended. */
export function demandLiveness(
  world: World,
  once: OnceChecker,
  bounds: LivenessBounds,
  violations: Violations,
): boolean {
  let holder = inOffice(world)
  let sinceMs = world.engine.nowMs
  const steady = world.runUntil(() => {
    const now = inOffice(world)
    if (now === undefined || now !== holder) sinceMs = world.engine.nowMs
    holder = now
    return now !== undefined && world.engine.nowMs - sinceMs >= STEADY_MS
  }, bounds.coordinatorMs + STEADY_MS)
  if (!steady) {
    violations.add('I6', 'the seat', `a coordinator within ${bounds.coordinatorMs}ms`, describeSeat(world))
    return false
  }
  const submitted = (): boolean => world.submitters.every((submitter) => submitter.idle)
  world.runUntil(submitted, bounds.tasksMs)
  for (const task of unplaceable(world)) world.submitters[0]?.act({ atMs: 0, do: 'withdraw', task })
  const converged = (): boolean => submitted() && once.openCount === 0 && settled(world)
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const open = once.openCount
    if (world.runUntil(converged, bounds.tasksMs, 200)) return true
    if (once.openCount === open) break
  }
  const open = once.open()
  const shown = open.slice(0, TASKS_SHOWN_MAX).map((task) => describeTask(world, task))
  const unsettled = unsettledSpecs(world).slice(0, TASKS_SHOWN_MAX)
  const found =
    open.length > 0
      ? `${open.length} open: ${shown.join('; ')}`
      : unsettled.length > 0
        ? `specs still there: ${unsettled.map((task) => describeTask(world, task)).join('; ')}`
        : 'a submitter without its receipt'
  violations.add('I6', 'tasks', `all ended within ${bounds.tasksMs}ms; ${describeSeat(world)}`, found)
  return false
}

/**
 * Tasks that may wait for ever, as they should: what came before the quota that is too small for it, and what must be near
 * others and was to be taken back, of which the broker may have lost what it acknowledged. Whoever is after them waits, too.
 */
function unplaceable(world: World): string[] {
  const rules = tenantRules(
    world.broker.retained.get(world.topics.of('config'))?.body as MeshConfig | undefined,
  )
  return unsettledSpecs(world).filter((task) => {
    const spec = world.broker.retained.get(world.topics.of('spec', task))?.body as TaskSpec | undefined
    if (spec === undefined || !('run' in spec)) return false
    const { tenant, resources } = demandOf(spec)
    return needsOthers(spec) || !fits(resources, { ...resources, ...rules.get(tenant)?.quota })
  })
}

/** `<agent>:<term>` of who is in office: it holds the seat, and its own beacon is the retained one. */
function inOffice(world: World): string | undefined {
  const beacon = world.broker.retained.get(world.topics.of('beacon'))?.body as Beacon | undefined
  const holder = world.holder
  if (beacon === undefined || holder === undefined || holder.device !== beacon.agent) return undefined
  return `${beacon.agent}:${beacon.term}`
}

/** Every spec has been cleared: who submits may rely on it, and so does the next restore. */
function settled(world: World): boolean {
  return unsettledSpecs(world).length === 0
}

function unsettledSpecs(world: World): string[] {
  const tasks: string[] = []
  for (const packet of world.broker.retained.all()) {
    if (packet.route === 'spec') tasks.push(packet.address?.id ?? packet.topic)
  }
  return tasks
}

function describeSeat(world: World): string {
  const beacon = world.broker.retained.get(world.topics.of('beacon'))?.body as Beacon | undefined
  const seat = world.holder?.device ?? 'nobody'
  const told = beacon === undefined ? 'no beacon' : `beacon of ${beacon.agent} in term ${beacon.term}`
  const running = world.nodes.filter((node) => node.running).length
  return `${seat} holds the seat, ${told}, ${running} of ${world.nodes.length} agents run`
}

function describeTask(world: World, task: string): string {
  const status = world.broker.retained.get(world.topics.of('status', task))?.body as TaskStatus | undefined
  const spec = world.broker.retained.get(world.topics.of('spec', task))
  const where = world.nodes.filter((node) =>
    [...node.executor.processes.values()].some(
      (process) => status?.attempt !== undefined && process.attempt.n === status.attempt.n,
    ),
  )
  const state = status === undefined ? 'no status' : `${status.state} (${status.explanation})`
  const runs = where.length === 0 ? 'runs nowhere' : `runs on ${where.map((node) => node.device).join(', ')}`
  const ended = status !== undefined && isTerminal(status.state) ? 'ended' : runs
  return `${task} ${state}, spec ${spec === undefined ? 'gone' : 'retained'}, ${ended}`
}
