/**
 * I5: a task starts only after all it is `after` have succeeded. Nor is it rejected for a predecessor without a
 * reason: one of them must have ended otherwise, or wait for it in turn.
 *
 * What a task is after is what submitters have said of it, told apart by what it runs; who has succeeded is what the
 * broker has accepted. Of an id under which the same command was sent with different predecessors any will do.
 */
import { attemptKey } from '../../shared/protocol/attempt.ts'
import { isWithdraw } from '../../shared/protocol/codec.ts'
import {
  type Inbox,
  isTerminal,
  type TaskSpec,
  type TaskStatus,
  type Withdraw,
} from '../../shared/protocol/schemas/index.ts'
import type { Connection } from '../broker/connection.ts'
import type { Packet } from '../broker/packet.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

interface Wish {
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
  /** By attempt: the task that it is of. */
  readonly #tasks = new Map<string, string>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  accepted(packet: Packet, from: Connection | undefined): void {
    if (packet.body === undefined) return
    if (packet.route === 'spec' && from?.tag === 'submitter') {
      this.#onSpec(packet.address?.id ?? '', packet.body as TaskSpec | Withdraw)
    } else if (packet.route === 'inbox') {
      for (const { attempt, task } of (packet.body as Inbox).assign) {
        if (this.#wishes.has(task)) this.#tasks.set(attemptKey(attempt), task)
      }
    } else if (packet.route === 'status') this.#onStatus(packet.body as TaskStatus)
  }

  process(node: SimNode, { key, spec }: Process, running: boolean): void {
    const task = this.#tasks.get(key)
    if (task === undefined) return
    if (!running) {
      this.#tasks.delete(key)
      return
    }
    const run = JSON.stringify(spec.run)
    const wishes = (this.#wishes.get(task) ?? []).filter((wish) => wish.run === run)
    const missing = wishes.map(({ after }) => after.filter((id) => !this.#succeeded.has(id)))
    const least = missing.sort((a, b) => a.length - b.length)[0] ?? []
    if (least.length === 0) return
    const about = `task ${task} on ${node.device}`
    this.#violations.add('I5', about, `a start after ${least.join(', ')} succeeded`, 'one before')
  }

  #onSpec(task: string, spec: TaskSpec | Withdraw): void {
    if (isWithdraw(spec) || spec.after === undefined) return
    const wish = { run: JSON.stringify(spec.run), after: spec.after }
    const wishes = this.#wishes.get(task)
    if (wishes === undefined) this.#wishes.set(task, [wish])
    else if (!wishes.some(({ run, after }) => run === wish.run && after.join() === wish.after.join()))
      wishes.push(wish)
  }

  #onStatus({ task, state, error }: TaskStatus): void {
    if (!isTerminal(state)) return
    if (state === 'succeeded') this.#succeeded.add(task)
    else this.#fell.add(task)
    if (state !== 'rejected') return
    if (error?.code === 'E_PREDECESSOR_FAILED' && !this.#names(task).some((id) => this.#fell.has(id))) {
      this.#violations.add('I5', `task ${task}`, 'a predecessor that ended otherwise', error.message)
    }
    if (error?.code === 'E_CYCLE' && !this.#waitsForItself(task)) {
      this.#violations.add('I5', `task ${task}`, 'a cycle among what was submitted', error.message)
    }
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
