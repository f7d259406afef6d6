/**
 * I2: every receipted task reaches exactly one terminal status; none is lost, none ends twice.
 *
 * A terminal status may be published again, by the same coordinator or the next: it ends twice only when it
 * says something else, another state or another attempt. A task that is cancelled although nobody wished it is
 * lost. Not covered: what a broker loses after it had acknowledged it, and tasks whose spec was cleared by an empty
 * payload that nobody may have seen.
 */

import { attemptKey } from '../../shared/protocol/attempt.ts'
import { isWithdraw } from '../../shared/protocol/codec.ts'
import {
  isTerminal,
  type TaskSpec,
  type TaskStatus,
  type TerminalState,
} from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Connection } from '../broker/connection.ts'
import type { Packet } from '../broker/packet.ts'
import type { Checker, Violations } from './checker.ts'

interface Fate {
  receipted: boolean
  /** What its submitter has asked for. */
  wish: 'nothing' | 'a run' | 'an end'
  end: string | undefined
  state: TerminalState | undefined
  last: string
  excused: boolean
}

export class OnceChecker implements Checker {
  readonly name = 'I2'
  readonly #violations: Violations
  readonly #fates = new Map<string, Fate>()
  /** Receipted tasks without a terminal status, so that asking for progress is cheap. */
  readonly #open = new Set<string>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  receipt(task: string): void {
    const fate = this.#fate(task)
    fate.receipted = true
    if (fate.end === undefined && !fate.excused) this.#open.add(task)
  }

  accepted(packet: Packet, from: Pick<Connection, 'tag'> | undefined): void {
    if (packet.route === 'status') this.#onStatus(packet)
    else if (packet.route === 'spec' && from?.tag === 'submitter') {
      // Known from here on: the receipt may still be on its way when the broker loses it all.
      if (packet.empty) this.#excuse(packet.address?.id ?? '')
      else {
        const fate = this.#fate(packet.address?.id ?? '')
        const withdraws = packet.body !== undefined && isWithdraw(packet.body as TaskSpec)
        if (fate.wish !== 'an end') fate.wish = withdraws ? 'an end' : 'a run'
      }
    }
  }

  lost(topics: readonly string[] | undefined): void {
    if (topics === undefined) for (const task of this.#fates.keys()) this.#excuse(task)
    else {
      for (const topic of topics) {
        const address = parseTopic(topic)
        if (address?.route === 'spec' || address?.route === 'status') this.#excuse(address.id ?? '')
      }
    }
  }

  /** Receipted tasks that have not ended and whose end is owed. */
  open(): readonly string[] {
    return [...this.#open]
  }

  get openCount(): number {
    return this.#open.size
  }

  /** How tasks ended: the count of each terminal state. */
  ends(): Record<string, number> {
    const ends: Record<string, number> = {}
    for (const { state } of this.#fates.values()) {
      if (state !== undefined) ends[state] = (ends[state] ?? 0) + 1
    }
    return ends
  }

  finish(): void {
    for (const task of this.#open) {
      const last = this.#fates.get(task)?.last ?? ''
      this.#violations.add(
        'I2',
        `task ${task}`,
        'one terminal status',
        last === '' ? 'no status at all' : last,
      )
    }
  }

  #onStatus(packet: Packet): void {
    const task = packet.address?.id ?? ''
    const status = packet.body as TaskStatus | undefined
    if (status === undefined) return
    const fate = this.#fate(task)
    fate.last = `${status.state} (${status.explanation})`
    if (!isTerminal(status.state)) {
      if (fate.end !== undefined && !fate.excused) {
        this.#violations.add('I2', `task ${task}`, `nothing after ${fate.end}`, `it is ${status.state} again`)
      }
      return
    }
    const end = `${status.state} by ${status.attempt === undefined ? 'no attempt' : attemptKey(status.attempt)}`
    this.#open.delete(task)
    if (status.state === 'cancelled' && fate.wish === 'a run' && !fate.excused) {
      this.#violations.add('I2', `task ${task}`, 'an end that somebody wished', fate.last)
    }
    if (fate.end === undefined) {
      fate.end = end
      fate.state = status.state
    } else if (fate.end !== end && !fate.excused) {
      this.#violations.add('I2', `task ${task}`, `one end, ${fate.end}`, `another, ${end}`)
    }
  }

  #excuse(task: string): void {
    this.#fate(task).excused = true
    this.#open.delete(task)
  }

  #fate(task: string): Fate {
    let fate = this.#fates.get(task)
    if (fate === undefined) {
      fate = { receipted: false, wish: 'nothing', end: undefined, state: undefined, last: '', excused: false }
      this.#fates.set(task, fate)
    }
    return fate
  }
}
