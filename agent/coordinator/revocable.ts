/**
 * What may be taken off a device while it runs, to be placed again: by the rebalancer from a hot or a full device, by preemption
 * for work of higher priority. And what is lost with it.
 */
import { sameAttempt } from '../../shared/protocol/attempt.ts'
import type { Placement } from './device-record.ts'
import type { Office } from './office.ts'
import type { TaskRecord } from './task-record.ts'

/** Moves at a time in the whole mesh: each is work that is done twice. */
export const MOVES_MAX = 8
/** The most work that a move may throw away, in the time that it took. */
export const MOVE_LOSS_MS_MAX = 60_000
/** How long past its grace a move counts as being under way. */
export const MOVE_MARGIN_MS = 10_000

/** The task of a placement that may be taken off its device; `undefined` when it may not. Exclusive work never may. */
export function revocable(
  office: Office,
  { task: name, attempt, phase, leaseMs }: Placement,
): TaskRecord | undefined {
  const task = office.ledger.find(name)
  if (phase !== 'held' || leaseMs !== undefined || !sameAttempt(task?.current?.attempt, attempt))
    return undefined
  if (task?.spec === undefined || task.demand === undefined || task.demand.exclusive) return undefined
  if ((task.element?.of ?? task).stopping !== undefined || task.stopping !== undefined) return undefined
  return task
}

/** The task of a placement, when that may be moved and was not lately. */
export function movable(office: Office, placement: Placement): TaskRecord | undefined {
  const task = revocable(office, placement)
  const since = sinceMs(office, task?.moves?.at)
  return since === undefined || since >= office.settings.marks.cooldownMs ? task : undefined
}

/**
 * Milliseconds of work that would be done again: since the attempt was placed or published what it can go on from. Of one
 * that an earlier coordinator placed the status tells when it began; infinite when that is not known.
 */
export function lossMs(office: Office, task: TaskRecord, { savedMs }: Placement): number {
  if (savedMs !== undefined) return office.context.now.monoMs - savedMs
  return sinceMs(office, task.times.started) ?? Number.POSITIVE_INFINITY
}

/** Milliseconds since an instant; `undefined` when that is not known, or was told by a clock ahead of this one. */
export function sinceMs(office: Office, instant: string | undefined): number | undefined {
  const since = instant === undefined ? Number.NaN : office.context.now.wallMs - Date.parse(instant)
  return since >= 0 ? since : undefined
}
