/**
 * I7: only the current attempt's result becomes the status. A status that ends a task with an attempt must name
 * the last attempt that its own reign has sent for the task, and say of it what the device's executor saw. So must
 * each end of an element in a page.
 *
 * Not covered: attempts of terms that began anew because the broker had lost the last beacon.
 */
import type { AgentInput } from '../../shared/ports.ts'
import { type Attempt, attemptKey, sameAttempt } from '../../shared/protocol/attempt.ts'
import { elementName } from '../../shared/protocol/ids.ts'
import type { Beacon, Inbox, ResultPage, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Packet } from '../broker/packet.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

/** What is said of an end: of a task, or of an element. */
type End = Pick<TaskStatus, 'task' | 'state' | 'term' | 'agent' | 'attempt' | 'device' | 'error'>

export class CurrentChecker implements Checker {
  readonly name = 'I7'
  readonly #violations: Violations
  /** By task: the last attempt that any coordinator has sent. */
  readonly #sent = new Map<string, Attempt>()
  /** By attempt: how it ended, as its agent was told. */
  readonly #ended = new Map<string, { device: string; outcome: string }>()

  #termMax = 0
  /** Attempts of terms up to this may be named twice: the broker lost the term, and another began with it. */
  #excusedTerm = 0

  constructor(violations: Violations) {
    this.#violations = violations
  }

  step(node: SimNode, input: AgentInput): void {
    if (input.in !== 'ended') return
    const key = attemptKey(input.attempt)
    // Of an attempt that is not running `ended` comes too; the first one tells how it really was.
    if (!this.#ended.has(key)) this.#ended.set(key, { device: node.device, outcome: input.end.outcome })
  }

  accepted(packet: Packet): void {
    if (packet.route === 'inbox') {
      const inbox = packet.body as Inbox | undefined
      for (const { task, attempt } of inbox?.assign ?? []) this.#sent.set(task, attempt)
      for (const { task, elements } of inbox?.batches ?? []) {
        const { term = 0, agent = '' } = inbox ?? {}
        for (const { element, n } of elements) this.#sent.set(elementName(task, element), { term, agent, n })
      }
    } else if (packet.route === 'beacon' && packet.body !== undefined) {
      this.#termMax = Math.max(this.#termMax, (packet.body as Beacon).term)
    } else if (packet.route === 'status' && packet.body !== undefined) {
      this.#onEnd(packet.body as TaskStatus)
    } else if (packet.route === 'results' && packet.body !== undefined) {
      const { task, term, agent, results } = packet.body as ResultPage
      for (const result of results)
        this.#onEnd({ ...result, task: elementName(task, result.element), term, agent })
    }
  }

  lost(topics: readonly string[] | undefined): void {
    const term = topics === undefined || topics.some((topic) => parseTopic(topic)?.route === 'beacon')
    if (term) this.#excusedTerm = this.#termMax
  }

  #onEnd(status: End): void {
    const { task, attempt, state } = status
    if (attempt === undefined || attempt.term <= this.#excusedTerm) return
    if (state === 'failed') this.#onFailed(status, attempt)
    if (state !== 'succeeded') return
    const current = this.#sent.get(task)
    // An adopted status may name an attempt of an earlier reign; what its own reign sent later is current.
    const ours = current !== undefined && current.term === status.term && current.agent === status.agent
    if (ours && !sameAttempt(current, attempt)) {
      this.#violations.add(
        'I7',
        `task ${task}`,
        `the current attempt ${attemptKey(current)}`,
        attemptKey(attempt),
      )
    }
    const truth = this.#ended.get(attemptKey(attempt))
    if (truth === undefined) {
      this.#violations.add('I7', `task ${task}`, `an end of ${attemptKey(attempt)} on a device`, 'none yet')
    } else if (truth.outcome !== 'succeeded') {
      this.#violations.add('I7', `task ${task}`, `${attemptKey(attempt)} to have succeeded`, truth.outcome)
    } else if (status.device !== undefined && status.device !== truth.device) {
      this.#violations.add('I7', `task ${task}`, `device ${truth.device}`, status.device)
    }
  }

  /** An attempt that was lost may have ended well without anybody having heard of it; any other failed itself. */
  #onFailed({ task, error }: End, attempt: Attempt): void {
    const truth = this.#ended.get(attemptKey(attempt))
    if (error?.code === 'E_LOST' || truth?.outcome !== 'succeeded') return
    this.#violations.add('I7', `task ${task}`, `success, as ${attemptKey(attempt)} ended`, 'failed')
  }
}
