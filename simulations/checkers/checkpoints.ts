/**
 * Checkpoints: what an attempt is given to go on from is what an earlier attempt of the same task had published, and
 * never older than what a coordinator has put into the task's status. A status does not go back to an older one either,
 * and the last one has none.
 *
 * Not covered: attempts of terms that began anew because the broker had lost the last beacon.
 */
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { type Attempt, attemptKey, compareAttempts } from '../../shared/protocol/attempt.ts'
import { elementName } from '../../shared/protocol/ids.ts'
import {
  type Beacon,
  type Checkpoint,
  type Inbox,
  isTerminal,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Packet } from '../broker/packet.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

export class CheckpointChecker implements Checker {
  readonly name = 'wire'
  readonly #violations: Violations
  /** By attempt: its task, and what it was given. */
  readonly #given = new Map<string, { readonly task: string; readonly checkpoint: Checkpoint | undefined }>()
  /** By attempt: what it has published, the oldest first, as JSON. */
  readonly #published = new Map<string, string[]>()
  /** By task: what its status had last. */
  readonly #told = new Map<string, Checkpoint>()
  #termMax = 0
  /** Attempts of terms up to this may be named twice: the broker lost the term, and another began with it. */
  #excusedTerm = 0

  constructor(violations: Violations) {
    this.#violations = violations
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[]): void {
    if (input.in === 'checkpoint') {
      const key = attemptKey(input.attempt)
      const values = this.#published.get(key)
      const value = JSON.stringify(input.value)
      if (values === undefined) this.#published.set(key, [value])
      else values.push(value)
    }
    for (const effect of effects) {
      if (effect.do !== 'run' || this.#excused(effect.attempt)) continue
      const key = attemptKey(effect.attempt)
      const ordered = this.#given.get(key)?.checkpoint
      if (JSON.stringify(ordered) === JSON.stringify(effect.checkpoint)) continue
      this.#add(`${key} on ${node.device}`, `to go on from ${shown(ordered)}`, shown(effect.checkpoint))
    }
  }

  accepted(packet: Packet): void {
    if (packet.route === 'inbox') {
      const { term = 0, agent = '', assign = [], batches = [] } = (packet.body as Inbox | undefined) ?? {}
      for (const { task, attempt, checkpoint } of assign) this.#onGiven(task, attempt, checkpoint)
      for (const { task, elements } of batches) {
        for (const { element, n, checkpoint } of elements)
          this.#onGiven(elementName(task, element), { term, agent, n }, checkpoint)
      }
    } else if (packet.route === 'beacon' && packet.body !== undefined) {
      this.#termMax = Math.max(this.#termMax, (packet.body as Beacon).term)
    } else if (packet.route === 'status') {
      this.#onStatus(packet.address?.id ?? '', packet.body as TaskStatus | undefined)
    }
  }

  lost(topics: readonly string[] | undefined): void {
    if (topics === undefined) this.#told.clear()
    for (const topic of topics ?? []) {
      const { route, id = '' } = parseTopic(topic) ?? {}
      if (route === 'status' || route === 'spec') this.#told.delete(id)
      if (route === 'beacon') this.#excusedTerm = this.#termMax
    }
    if (topics === undefined) this.#excusedTerm = this.#termMax
  }

  #onGiven(task: string, attempt: Attempt, checkpoint: Checkpoint | undefined): void {
    this.#given.set(attemptKey(attempt), { task, checkpoint })
    if (this.#excused(attempt)) return
    const about = `${attemptKey(attempt)} of ${task}`
    if (checkpoint !== undefined) {
      this.#mustBeOf(task, checkpoint, about)
      if (compareAttempts(checkpoint.attempt, attempt) >= 0)
        this.#add(about, 'to go on from an earlier attempt', shown(checkpoint))
    }
    this.#mustNotBeOlder(task, checkpoint, about)
  }

  #onStatus(task: string, status: TaskStatus | undefined): void {
    const checkpoint = status?.checkpoint
    if (status === undefined || isTerminal(status.state)) {
      this.#told.delete(task)
      if (checkpoint !== undefined) this.#add(`status of ${task}`, 'none at its end', shown(checkpoint))
      return
    }
    if (checkpoint === undefined) return
    this.#mustBeOf(task, checkpoint, `status of ${task}`)
    this.#mustNotBeOlder(task, checkpoint, `status of ${task}`)
    this.#told.set(task, checkpoint)
  }

  #mustBeOf(task: string, checkpoint: Checkpoint, about: string): void {
    const key = attemptKey(checkpoint.attempt)
    if (this.#excused(checkpoint.attempt)) return
    const published = this.#indexOf(checkpoint) >= 0 && this.#given.get(key)?.task === task
    if (!published) this.#add(about, `what an attempt of ${task} has published`, shown(checkpoint))
  }

  #mustNotBeOlder(task: string, checkpoint: Checkpoint | undefined, about: string): void {
    const told = this.#told.get(task)
    if (told === undefined || this.#excused(told.attempt)) return
    const later =
      checkpoint !== undefined &&
      (compareAttempts(checkpoint.attempt, told.attempt) ||
        this.#indexOf(checkpoint) - this.#indexOf(told)) >= 0
    if (!later) this.#add(about, `nothing older than ${shown(told)}`, shown(checkpoint))
  }

  #indexOf({ attempt, value }: Checkpoint): number {
    return this.#published.get(attemptKey(attempt))?.lastIndexOf(JSON.stringify(value)) ?? -1
  }

  #excused(attempt: Attempt): boolean {
    return attempt.term <= this.#excusedTerm
  }

  #add(about: string, expected: string, found: string): void {
    this.#violations.add('wire', about, expected, found)
  }
}

const shown = (checkpoint: Checkpoint | undefined): string =>
  checkpoint === undefined
    ? 'no checkpoint'
    : `checkpoint ${JSON.stringify(checkpoint.value)} of ${attemptKey(checkpoint.attempt)}`
