/**
 * Successors: tasks that are `after` others. One waits here until all of them have succeeded, and goes on to wait for
 * a device; it is rejected as soon as one of them has ended otherwise, cannot be found, or waits for it in turn.
 *
 * A predecessor counts from the moment the broker has its terminal status, so that whoever coordinates next sees the
 * same. What happens to a successor is its own end, and reaches those behind it in the same way, one at a time.
 */
import { type Failure, failure } from '../../shared/errors/errors.ts'
import { formatDuration } from '../../shared/model/duration.ts'
import { isTerminal } from '../../shared/protocol/schemas/index.ts'
import type { Endings } from './endings.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Office } from './office.ts'
import type { TaskRecord } from './task-record.ts'

/** Names that an explanation lists; the rest are counted. */
const NAMES_SHOWN_MAX = 5
/** Characters of a predecessor's own explanation that its successors repeat. */
const REASON_CHARS_MAX = 512

export class Successors {
  readonly #office: Office
  readonly #lifecycle: Lifecycle
  readonly #endings: Endings

  constructor(office: Office, lifecycle: Lifecycle, endings: Endings) {
    this.#office = office
    this.#lifecycle = lifecycle
    this.#endings = endings
  }

  /** An unfinished task names others: their statuses stay until it has ended, and they go before what nobody waits for. */
  name(id: string, after: readonly string[] = []): void {
    const { dependencies, ledger, scheduler } = this.#office
    for (const raised of dependencies.name(id, after)) {
      const task = ledger.get(raised)
      if (task !== undefined) scheduler.raise(task, dependencies.rank(raised))
    }
    for (const predecessor of after) {
      const task = ledger.get(predecessor)
      if (task?.settled === true) this.#endings.keep(task)
    }
  }

  /**
   * A task is about to wait for a device.
   *
   * @returns true when it may; else it waits for its predecessors, or was rejected
   */
  admit(task: TaskRecord): boolean {
    const after = task.spec?.after
    // What began once had been released; its predecessors are not asked about again.
    const begun = task.over !== undefined || (task.array !== undefined && task.attempts > 0)
    if (after === undefined || begun) return true
    const { dependencies, due, ledger, settings } = this.#office
    const through = dependencies.link(task.id)
    if (through !== undefined) return this.#reject(task, cycle(task.id, through))
    const unmet = new Set<string>()
    for (const id of after) {
      const predecessor = ledger.get(id)
      if (predecessor?.settled !== true) unmet.add(id)
      else if (predecessor.state !== 'succeeded') return this.#rejectAfter(task, predecessor)
    }
    if (unmet.size === 0) return true
    dependencies.wait(task.id, unmet)
    const unknown = after.some((id) => ledger.get(id) === undefined)
    if (unknown) due.add(settings.predecessorWaitMs, 'predecessor', task.id)
    this.#explain(task)
    return false
  }

  /** A task has come that others may have been waiting to hear of. */
  known(id: string): void {
    for (const task of this.#waitingFor(id)) this.#tell(task)
  }

  /** The broker has a task's terminal status: what follows for those that are after it. */
  settled(predecessor: TaskRecord): void {
    for (const task of this.#waitingFor(predecessor.id)) {
      if (predecessor.state !== 'succeeded') this.#rejectAfter(task, predecessor)
      else if (this.#office.dependencies.met(task.id, predecessor.id)) this.#release(task)
      else this.#tell(task)
    }
  }

  /** An unknown predecessor was awaited for long enough. */
  overdue(task: TaskRecord): void {
    const { dependencies, ledger, settings } = this.#office
    const unknown = [...(dependencies.unmet(task.id) ?? [])].filter((id) => ledger.get(id) === undefined)
    if (unknown.length === 0) return
    const waited = formatDuration(settings.predecessorWaitMs)
    const message = `${listed(unknown)}, which it is after, did not become known within ${waited}`
    this.#reject(task, failure('E_PREDECESSOR_UNKNOWN', message))
  }

  *#waitingFor(id: string): IterableIterator<TaskRecord> {
    const { dependencies, ledger } = this.#office
    for (const successor of dependencies.successors(id)) {
      const task = ledger.get(successor)
      if (task !== undefined && dependencies.unmet(successor)?.has(id) === true) yield task
    }
  }

  #release(task: TaskRecord): void {
    this.#office.due.drop('predecessor', task.id)
    task.explanation = 'all that it is after have succeeded'
    this.#lifecycle.placing.enqueue(task)
    this.#endings.statuses.touch(task)
  }

  #tell(task: TaskRecord): void {
    this.#explain(task)
    this.#endings.statuses.touch(task)
  }

  #explain(task: TaskRecord): void {
    const { dependencies, ledger } = this.#office
    const unmet = [...(dependencies.unmet(task.id) ?? [])]
    const all = task.spec?.after?.length ?? 0
    const unknown = unmet.filter((id) => ledger.get(id) === undefined)
    const yet = unknown.length === 0 ? '' : `; not known yet: ${listed(unknown)}`
    task.explanation = `waits for ${listed(unmet)} (${all - unmet.length} of ${all} have succeeded)${yet}`
    task.reasons = undefined
  }

  /** A reason travels down a chain as it is; only the last link before each task is named with it. */
  #rejectAfter(task: TaskRecord, { id, state, error, explanation }: TaskRecord): false {
    const why = `${id}, which it is after, ended ${state}`
    if (error?.code === 'E_PREDECESSOR_FAILED') {
      return this.#reject(task, { ...error }, `${why}: ${error.message}`)
    }
    const reason = explanation.slice(0, REASON_CHARS_MAX)
    return this.#reject(task, failure('E_PREDECESSOR_FAILED', `${id} ended ${state}: ${reason}`))
  }

  #reject(task: TaskRecord, error: Failure, explanation = error.message): false {
    if (isTerminal(task.state)) return false
    task.error = error
    this.#endings.end(task, 'rejected', explanation)
    return false
  }
}

function cycle(id: string, through: string): Failure {
  const message =
    through === id
      ? 'it is after itself'
      : `it is after ${through}, and ${through} after it, directly or through others`
  return failure('E_CYCLE', message)
}

function listed(ids: readonly string[]): string {
  const more = ids.length - NAMES_SHOWN_MAX
  const shown = ids.slice(0, NAMES_SHOWN_MAX).join(', ')
  return more > 0 ? `${shown} and ${more} more` : shown
}
