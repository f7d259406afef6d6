/**
 * I5: a task starts only after all it is `after` have succeeded. Nor is it rejected for a predecessor without a
 * reason: one of them must have ended otherwise, or wait for it in turn, or the broker must have been without a status
 * of it at some time since the task was taken up. And what it is after stays known: no status is cleared while a task
 * that has not ended names it.
 *
 * What a task is after is what submitters have said of it, told apart by what it runs; who has succeeded is what the
 * broker has accepted. Of an id under which the same command was sent with different predecessors, or with none, any
 * will do.
 * What a broker loses need not be known any more, and nothing is asked of a task that is after it, until that is
 * submitted anew. A task that has started once may start again: a device that remembers an attempt proves that all it
 * is after had succeeded.
 */
import { attemptKey } from '../../shared/protocol/attempt.ts'
import { isWithdraw } from '../../shared/protocol/codec.ts'
import { contentDigest } from '../../shared/protocol/digest.ts'
import {
  type Inbox,
  isTerminal,
  type TaskSpec,
  type TaskStatus,
  type Withdraw,
} from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Kept } from '../broker/broker.ts'
import type { Connection } from '../broker/connection.ts'
import type { Packet } from '../broker/packet.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

interface Wish {
  /** Empty when it is after nothing. */
  readonly digest: string
  readonly run: string
  readonly after: readonly string[]
}

export class OrderChecker implements Checker {
  readonly name = 'I5'
  readonly #violations: Violations
  readonly #wishes = new Map<string, Wish[]>()
  readonly #succeeded = new Set<string>()
  /** Tasks that have ended otherwise. */
  readonly #fell = new Set<string>()
  /** By predecessor: tasks that have been taken up, are after it, and have not ended. */
  readonly #namedBy = new Map<string, Set<string>>()
  /** By task: when the broker came to have a status of it; and when it was taken up. Both count statuses. */
  readonly #heldSince = new Map<string, number>()
  readonly #takenUp = new Map<string, number>()
  #statuses = 0
  /** Tasks of which nothing is asked, because of what the broker has lost. */
  readonly #excused = new Set<string>()
  /** By task that is after others: what has run of it when it might. */
  readonly #begun = new Map<string, Set<string>>()
  /** By attempt: the task that it is of. */
  readonly #tasks = new Map<string, string>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  accepted(packet: Packet, from: Connection | undefined): void {
    if (packet.empty && packet.route === 'status') this.#onCleared(packet.address?.id ?? '')
    if (packet.body === undefined) return
    if (packet.route === 'spec' && from?.tag === 'submitter') {
      this.#onSpec(packet.address?.id ?? '', packet.body as TaskSpec | Withdraw)
    } else if (packet.route === 'inbox') {
      for (const { attempt, task } of (packet.body as Inbox).assign) {
        if (this.#wishes.has(task)) this.#tasks.set(attemptKey(attempt), task)
      }
      const { term, agent, batches = [] } = packet.body as Inbox
      for (const { task, elements } of batches) {
        if (!this.#wishes.has(task)) continue
        for (const { n } of elements) this.#tasks.set(attemptKey({ term, agent, n }), task)
      }
    } else if (packet.route === 'status') this.#onStatus(packet.body as TaskStatus)
  }

  lost(topics: readonly string[] | undefined, kept: Kept): void {
    if (topics === undefined) {
      this.#namedBy.clear()
      this.#succeeded.clear()
      this.#fell.clear()
      this.#heldSince.clear()
      for (const task of this.#wishes.keys()) this.#excused.add(task)
    }
    for (const topic of topics ?? []) {
      const { route, id = '' } = parseTopic(topic) ?? {}
      if (route === 'spec') this.#onLost(id)
      else if (route === 'status') {
        this.#onLost(id)
        this.#onStatusLost(id, kept(topic)?.body as TaskStatus | undefined)
      }
    }
  }

  /** Of a spec it may be the clearing that is lost: how its task ended is still there to be read. */
  #onLost(task: string): void {
    this.#unname(task)
    for (const other of this.#wishes.keys()) {
      if (other === task || this.#names(other).includes(task)) this.#excused.add(other)
    }
  }

  /** An end that was told more than once may be there all the same. */
  #onStatusLost(task: string, kept: TaskStatus | undefined): void {
    if (kept?.state !== 'succeeded') this.#succeeded.delete(task)
    if (kept === undefined || kept.state === 'succeeded' || !isTerminal(kept.state)) this.#fell.delete(task)
    if (kept === undefined) this.#heldSince.delete(task)
  }

  process(node: SimNode, { key, spec }: Process, running: boolean): void {
    const task = this.#tasks.get(key)
    if (task === undefined) return
    if (!running) {
      this.#tasks.delete(key)
      return
    }
    const run = JSON.stringify(spec.run)
    const begun = this.#begun.get(task) ?? new Set()
    if (begun.has(run)) return
    const wishes = (this.#wishes.get(task) ?? []).filter((wish) => wish.run === run)
    const missing = wishes.map(({ after }) => after.filter((id) => !this.#succeeded.has(id)))
    const least = missing.sort((a, b) => a.length - b.length)[0] ?? []
    if (wishes.every(({ after }) => after.length === 0)) return
    if (least.length === 0 || this.#excused.has(task)) {
      this.#begun.set(task, begun.add(run))
      return
    }
    const about = `task ${task} on ${node.device}`
    this.#violations.add('I5', about, `a start after ${least.join(', ')} succeeded`, 'one before')
  }

  #onSpec(task: string, spec: TaskSpec | Withdraw): void {
    if (isWithdraw(spec)) return
    this.#excused.delete(task)
    const { after = [] } = spec
    const digest = after.length === 0 ? '' : contentDigest(spec)
    const wish = { digest, run: JSON.stringify(spec.run), after }
    const wishes = this.#wishes.get(task)
    if (wishes === undefined) this.#wishes.set(task, [wish])
    else if (!wishes.some((one) => one.digest === digest && one.run === wish.run)) wishes.push(wish)
  }

  #onCleared(task: string): void {
    this.#heldSince.delete(task)
    this.#takenUp.delete(task)
    const names = this.#namedBy.get(task)
    if (names === undefined || names.size === 0) return
    const who = [...names].join(', ')
    this.#violations.add(
      'I5',
      `task ${task}`,
      `a status for as long as ${who} may ask for it`,
      'it is cleared',
    )
  }

  #name(task: string, digest: string): void {
    const wish = this.#wishes.get(task)?.find((one) => one.digest === digest)
    for (const id of wish?.after ?? []) {
      const names = this.#namedBy.get(id) ?? new Set()
      this.#namedBy.set(id, names.add(task))
    }
  }

  #unname(task: string): void {
    for (const id of this.#names(task)) {
      const names = this.#namedBy.get(id)
      if (names?.delete(task) === true && names.size === 0) this.#namedBy.delete(id)
    }
  }

  #onStatus({ task, state, digest, error }: TaskStatus): void {
    this.#statuses++
    if (!this.#heldSince.has(task)) this.#heldSince.set(task, this.#statuses)
    if (!isTerminal(state)) {
      if (!this.#takenUp.has(task)) this.#takenUp.set(task, this.#statuses)
      return this.#name(task, digest)
    }
    this.#unname(task)
    const takenUp = this.#takenUp.get(task)
    this.#takenUp.delete(task)
    if (state === 'succeeded') this.#succeeded.add(task)
    else this.#fell.add(task)
    if (state !== 'rejected' || this.#excused.has(task)) return
    if (error?.code === 'E_PREDECESSOR_FAILED' && !this.#names(task).some((id) => this.#fell.has(id))) {
      this.#violations.add('I5', `task ${task}`, 'a predecessor that ended otherwise', error.message)
    }
    if (error?.code === 'E_PREDECESSOR_UNKNOWN' && this.#wereKnown(task, digest, takenUp)) {
      this.#violations.add(
        'I5',
        `task ${task}`,
        'predecessors to be known of which there are statuses',
        error.message,
      )
    }
    if (error?.code === 'E_CYCLE' && !this.#waitsForItself(task)) {
      this.#violations.add('I5', `task ${task}`, 'a cycle among what was submitted', error.message)
    }
  }

  /** Whether the broker has had a status of each predecessor for as long as the task was taken up. */
  #wereKnown(task: string, digest: string, takenUp = 0): boolean {
    const wish = this.#wishes.get(task)?.find((one) => one.digest === digest)
    return wish?.after.every((id) => (this.#heldSince.get(id) ?? takenUp) < takenUp) === true
  }

  /** All that a task was ever said to be after. */
  #names(task: string): readonly string[] {
    return (this.#wishes.get(task) ?? []).flatMap(({ after }) => after)
  }

  #waitsForItself(task: string): boolean {
    const reached = new Set(this.#names(task))
    // A set takes in what is added to it while it is walked.
    for (const id of reached) for (const next of this.#names(id)) reached.add(next)
    return reached.has(task)
  }
}
