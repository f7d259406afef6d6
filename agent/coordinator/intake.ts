/** Intake: what arrives on the topics of specs and statuses, and what becomes of it. */
import { type Failure, failure, type Rejection, rejection } from '../../shared/errors/errors.ts'
import type { ErrorCode } from '../../shared/errors/table.ts'
import { pastDeadline } from '../../shared/model/contradiction.ts'
import { demandOf } from '../../shared/model/task.ts'
import { type Incoming, isWithdraw } from '../../shared/protocol/codec.ts'
import { isId } from '../../shared/protocol/ids.ts'
import { isTerminal, type TaskSpec, type TaskStatus } from '../../shared/protocol/schemas/index.ts'
import type { Arrays } from './arrays.ts'
import type { Endings } from './endings.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Office } from './office.ts'
import type { Successors } from './successors.ts'
import { continueFrom, isTold, newTask, specDigest, type TaskRecord } from './task-record.ts'

/** Inventory windows after which a spec that was read twice and has not come is believed not to be there. */
const ABSENT_WINDOWS = 3

const READ_AGAIN = 'read again'

const TAKEN: ErrorCode = 'E_ID_TAKEN'

const taken = (): Rejection => rejection(TAKEN, '', 'a task of this id with other content exists')

const REPLACED = 'the spec was replaced by other content and the first is lost'
/** Nothing tells whether it was replaced, too: of what is refused only the reason is kept. */
const REFUSED_NOW = 'it was accepted once, and its retained spec is refused now'

const located = ({ message, path = '' }: Failure): string => (path === '' ? message : `${message} at ${path}`)

const WITHDRAWN = { state: 'cancelled', explanation: 'withdrawn by its submitter' } as const

export class Intake {
  readonly #office: Office
  readonly #lifecycle: Lifecycle
  readonly #endings: Endings
  readonly #successors: Successors
  readonly #arrays: Arrays
  readonly #windowMs: number
  /** The seat reads all specs once more, for tasks whose own has not come. */
  #readingSpecs = false
  /** Specs that the seat reads because the copy of them is in doubt. */
  #doubtful: readonly string[] = []

  /** @param windowMs length of an inventory window */
  constructor(
    office: Office,
    lifecycle: Lifecycle,
    endings: Endings,
    successors: Successors,
    arrays: Arrays,
    windowMs: number,
  ) {
    this.#office = office
    this.#lifecycle = lifecycle
    this.#endings = endings
    this.#successors = successors
    this.#arrays = arrays
    this.#windowMs = windowMs
  }

  /** A message on a spec's topic, live or restored. */
  spec(message: Extract<Incoming, { route: 'spec' }>): void {
    const { id } = message
    const task = this.#office.ledger.get(id)
    if ('empty' in message) return this.#cleared(task)
    if (!isId(id)) {
      if ('rejection' in message) this.#unusable(id, message.rejection)
      return
    }
    if (task !== undefined) task.specRetained = true
    if ('rejection' in message) {
      if (task === undefined) this.#reject(id, message.rejection)
      else this.#refuse(task, '', message.rejection)
    } else if (isWithdraw(message.body)) this.#withdraw(id, task)
    else if (task === undefined) this.#accept(id, message.body, message.retained)
    else this.#again(task, message.body)
  }

  /** The spec's topic was cleared: by this coordinator after the end, or by someone who wants the task gone. */
  #cleared(task: TaskRecord | undefined): void {
    if (task === undefined) return
    task.specRetained = false
    this.#lifecycle.stop(task, { state: 'cancelled', explanation: 'its spec was cleared' })
  }

  /** An id that cannot name a task: there is no status to say so in. */
  #unusable(id: string, why: Rejection): void {
    this.#office.event('rejected', `${why.message}; ${why.remedy}`, { task: id, code: why.code })
    this.#office.context.log('warn', 'a spec on an unusable topic was rejected', { task: id, code: why.code })
    this.#office.context.publish('seat', 'spec', id, null)
  }

  /**
   * A task that is seen for the first time.
   *
   * @param retained it may have been submitted long ago, when its deadline had not passed
   */
  #accept(id: string, spec: TaskSpec, retained: boolean): void {
    const { ledger, context, settings, scheduler, dependencies, due, tenants } = this.#office
    const demand = demandOf(spec, settings.defaultTimeoutMs)
    const task = newTask(id, ledger.nextSeq(), specDigest(spec), context.instant(), spec, demand)
    const waiting = scheduler.waiting + dependencies.waiting + due.count('retry')
    this.#arrays.open(task)
    if (waiting >= settings.pendingTasksMax) {
      ledger.add(task)
      const message = `${waiting} tasks wait and ${settings.pendingTasksMax} are allowed`
      return this.#endRejected(task, rejection('E_PENDING_MAX', '', message))
    }
    ledger.add(task)
    const late = retained ? undefined : pastDeadline(spec, context.now.wallMs)
    const refusal = late ?? tenants.refusal(demand)
    if (refusal !== undefined) return this.#endRejected(task, refusal)
    tenants.begun(task)
    this.#successors.name(id, spec.after)
    this.track(task)
    this.#successors.known(id)
    if (demand.deadlineMs !== undefined) {
      due.add(Math.max(0, demand.deadlineMs - context.now.wallMs), 'deadline', id)
    }
  }

  /** Lets a task wait for what it is after, then for a device, and tells so. */
  track(task: TaskRecord): void {
    if (this.#successors.admit(task)) this.#lifecycle.placing.enqueue(task)
    this.#endings.statuses.touch(task)
  }

  /** The same id again: the same content changes nothing, other content is refused. */
  #again(task: TaskRecord, spec: TaskSpec): void {
    const digest = specDigest(spec)
    if (digest !== task.digest) {
      return this.#refuse(task, digest, taken())
    }
    if (isTerminal(task.state) && isTold(task)) this.#endings.settle(task)
  }

  /** Other content under a known id: said in the status; the first content stands. */
  #refuse(task: TaskRecord, digest: string, why: Rejection): void {
    if (isTerminal(task.state)) {
      if (isTold(task)) this.#endings.clearSpec(task)
    } else if (task.spec !== undefined && task.stopping === undefined) {
      this.#office.context.publish('seat', 'spec', task.id, task.spec)
    }
    this.#office.event('refused', why.message, { task: task.id, code: why.code })
    if (task.refused?.digest === digest && task.refused.error.code === why.code) return
    task.refused = { digest, error: { ...why } }
    this.#endings.statuses.touch(task)
  }

  #withdraw(id: string, task: TaskRecord | undefined): void {
    if (task === undefined) {
      const unknown = newTask(id, this.#office.ledger.nextSeq(), '', this.#office.context.instant())
      this.#office.ledger.add(unknown)
      this.#endings.end(unknown, 'cancelled', 'withdrawn before it was known')
    } else if (isTerminal(task.state)) {
      if (isTold(task)) this.#endings.clearSpec(task)
    } else this.#lifecycle.stop(task, WITHDRAWN)
  }

  /** What cannot be read as a spec ends at once, with the reason. */
  #reject(id: string, why: Rejection): void {
    const task = newTask(id, this.#office.ledger.nextSeq(), '', this.#office.context.instant())
    this.#office.ledger.add(task)
    this.#endRejected(task, why)
  }

  #endRejected(task: TaskRecord, why: Rejection): void {
    task.error = { ...why }
    this.#office.context.log('warn', 'a task was rejected', { task: task.id, code: why.code, path: why.path })
    this.#endings.end(task, 'rejected', located(why))
  }

  /** What a restored spec is after must outlast the restore, in whatever order they are taken over. */
  foresee(id: string, spec: Extract<Incoming, { route: 'spec' }>): void {
    if ('body' in spec && !isWithdraw(spec.body)) this.#successors.name(id, spec.body.after)
  }

  /** Reads specs that may not be on the broker any more: those that are come as if they were submitted now. */
  confirm(ids: readonly string[]): void {
    this.#doubtful = ids
    this.#readDoubtful()
    this.#office.due.add(this.#windowMs, 'doubt', '', READ_AGAIN)
  }

  #readDoubtful(): void {
    const { context, ledger } = this.#office
    const missing = this.#doubtful.filter((id) => ledger.get(id) === undefined)
    if (missing.length === 0) return
    const to = missing.map((id) => ({ topic: context.topics.of('spec', id), qos: 0 as const }))
    // Where it is subscribed to already, the broker sends what is retained once more.
    context.emit({ do: 'subscribe', link: 'seat', to, token: context.token() })
  }

  /** Specs that have not come are read once more: what is read at QoS 0 may be lost. Then they are not there. */
  doubtDue(mark: string): void {
    const { context, due } = this.#office
    if (mark === READ_AGAIN) {
      this.#readDoubtful()
      return due.add((ABSENT_WINDOWS - 1) * this.#windowMs, 'doubt', '')
    }
    const topics = this.#doubtful.map((id) => context.topics.of('spec', id))
    context.emit({ do: 'unsubscribe', link: 'seat', topics })
  }

  /** Takes over a task from what is retained of it, before the inventory is looked at. */
  restore(id: string, status: TaskStatus, spec: Extract<Incoming, { route: 'spec' }> | undefined): void {
    const { ledger, context, settings, tenants } = this.#office
    const body = spec !== undefined && 'body' in spec && !isWithdraw(spec.body) ? spec.body : undefined
    const matches = body !== undefined && specDigest(body) === status.digest
    const kept = matches ? body : undefined
    const demand = kept === undefined ? undefined : demandOf(kept, settings.defaultTimeoutMs)
    const task = newTask(id, ledger.nextSeq(), status.digest, context.instant(), kept, demand)
    continueFrom(task, status)
    this.#office.checkpoints.found(task, status.checkpoint)
    this.#office.leases.found(status.leaseMs)
    this.#arrays.open(task)
    task.specRetained = spec !== undefined
    ledger.add(task)
    if (isTerminal(task.state)) {
      task.publication.version = task.publication.acked = 1
      if (body !== undefined && !matches) this.#refuse(task, specDigest(body), taken())
      this.#endings.settle(task)
      return
    }
    tenants.begun(task)
    if (spec === undefined) this.#orphan(id)
    else if ('body' in spec && isWithdraw(spec.body))
      this.#afterWindow.push(() => this.#lifecycle.stop(task, WITHDRAWN))
    else if (kept === undefined)
      this.#afterWindow.push(() => this.#spoiled(task, 'rejection' in spec ? spec.rejection : undefined))
    else if (demand?.deadlineMs !== undefined) {
      this.#office.due.add(Math.max(0, demand.deadlineMs - context.now.wallMs), 'deadline', id)
    }
  }

  readonly #afterWindow: (() => void)[] = []

  /** What had to wait until it is known which attempts there are. */
  windowClosed(): void {
    for (const act of this.#afterWindow.splice(0)) act()
  }

  /**
   * What is retained of an unfinished task's spec is not what was accepted: it was replaced while nobody was in office, or
   * an earlier version took what this one does not.
   *
   * @param refused why what is retained is refused, if not for being other content alone
   */
  #spoiled(task: TaskRecord, refused: Failure | undefined): void {
    const fault = refused?.code === TAKEN ? undefined : refused
    const error = fault === undefined ? failure('E_OVERWRITTEN', REPLACED) : { ...fault }
    const explanation = fault === undefined ? REPLACED : `${REFUSED_NOW}: ${located(fault)}`
    this.#office.event('rejected', explanation, { task: task.id, code: error.code })
    if (task.array !== undefined) return this.#lifecycle.stop(task, { state: 'rejected', explanation, error })
    const { current } = task
    const device = current === undefined ? undefined : this.#office.devices.get(current.device)
    const placement = current === undefined ? undefined : device?.placement(current.attempt)
    if (device !== undefined && placement !== undefined) this.#lifecycle.revoke(device, placement)
    if (isTerminal(task.state)) return
    task.over = current?.attempt ?? task.over
    task.current = undefined
    task.error = error
    this.#endings.end(task, 'rejected', explanation)
  }

  /** An unfinished status whose spec is not there: absence proves nothing yet. */
  #orphan(id: string): void {
    this.#office.due.add(this.#windowMs, 'orphan', id, READ_AGAIN)
  }

  /** First the specs are read once more, all together; a task whose own has not come then has lost it. */
  orphanDue(task: TaskRecord, mark: string): void {
    if (mark === READ_AGAIN) {
      this.#readSpecs(true)
      return this.#office.due.add((ABSENT_WINDOWS - 1) * this.#windowMs, 'orphan', task.id)
    }
    this.#readSpecs(false)
    if (isTerminal(task.state) || task.spec !== undefined || task.stopping !== undefined) return
    // What has come instead was refused.
    if (task.specRetained) return this.#spoiled(task, task.refused?.error)
    this.#lifecycle.stop(task, { state: 'cancelled', explanation: 'its spec is gone from the broker' })
  }

  #readSpecs(again: boolean): void {
    if (again === this.#readingSpecs) return
    this.#readingSpecs = again
    const { context } = this.#office
    const topic = context.topics.all('spec')
    if (again)
      context.emit({ do: 'subscribe', link: 'seat', to: [{ topic, qos: 0 }], token: context.token() })
    else context.emit({ do: 'unsubscribe', link: 'seat', topics: [topic] })
  }

  /** The spec of an orphan has turned up after all. @returns true when it was one */
  found(message: Extract<Incoming, { route: 'spec' }>): boolean {
    const task = this.#office.ledger.get(message.id)
    if (task === undefined || isTerminal(task.state) || task.spec !== undefined || !('body' in message))
      return false
    if (isWithdraw(message.body) || specDigest(message.body) !== task.digest) return false
    task.spec = message.body
    task.ttl = message.body.ttl
    task.demand = demandOf(message.body, this.#office.settings.defaultTimeoutMs)
    task.specRetained = true
    this.#office.tenants.begun(task)
    this.#successors.name(task.id, message.body.after)
    this.#arrays.open(task)
    if (task.current === undefined && task.stopping === undefined) this.track(task)
    return true
  }

  /** A status that this coordinator did not write: of an earlier one, late; or of someone who must not. */
  foreignStatus(id: string, status: TaskStatus): void {
    const task = this.#office.ledger.get(id)
    if (task === undefined) {
      this.restore(id, status, undefined)
      const restored = this.#office.ledger.get(id)
      if (restored === undefined) return
      this.#arrays.restored(restored)
      this.#lifecycle.takeOver(restored)
      return
    }
    if (isTerminal(status.state) && !isTerminal(task.state) && status.digest === task.digest) {
      return this.#adoptEnd(task, status)
    }
    if (status.digest === task.digest) this.#office.checkpoints.found(task, status.checkpoint)
    this.#endings.statuses.touch(task)
  }

  /** An earlier coordinator ended the task before this one did: its word stands. */
  #adoptEnd(task: TaskRecord, status: TaskStatus): void {
    const { current } = task
    const device = current === undefined ? undefined : this.#office.devices.get(current.device)
    const placement = current === undefined ? undefined : device?.placement(current.attempt)
    this.#office.scheduler.remove(task)
    this.#office.dependencies.leave(task.id)
    this.#arrays.abandon(task)
    this.#office.tenants.ended(task)
    this.#office.checkpoints.drop(task)
    this.#office.due.drop('retry', task.id)
    task.stopping = undefined
    task.over = current?.attempt ?? task.over
    task.current = undefined
    continueFrom(task, status)
    if (task.publication.inFlight === 0) {
      task.publication.version++
      task.publication.acked = task.publication.version
      this.#endings.statuses.forget(task)
      // What the statuses that are not sent any more would have acknowledged.
      for (const { device: id, attempt } of task.publication.owed.splice(0))
        this.#endings.acknowledge(id, attempt)
      this.#endings.settle(task)
      // A status of our own is on its way and would bury the end: the end goes after it.
    } else this.#endings.statuses.touch(task)
    if (device !== undefined && placement !== undefined) this.#lifecycle.revoke(device, placement)
  }

  /** Someone cleared the status of a task that still has one. */
  statusCleared(id: string): void {
    const task = this.#office.ledger.get(id)
    if (task !== undefined) this.#endings.statuses.touch(task)
  }
}
