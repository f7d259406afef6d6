/**
 * What some coordinator may count as placed: what one has decided to place, until a while after its process has gone and
 * its task has ended by its status, from which the next coordinator learns it. It is the most that may stand anywhere, as
 * standing.ts is the least that one coordinator knows.
 */
import type { AgentEffect } from '../../shared/ports.ts'
import { attemptKey } from '../../shared/protocol/attempt.ts'
import { parseWork } from '../../shared/protocol/ids.ts'
import {
  isTerminal,
  type MeshEvent,
  type TaskSpec,
  type TaskStatus,
  type Withdraw,
} from '../../shared/protocol/schemas/index.ts'
import type { Packet } from '../broker/packet.ts'
import type { Engine } from '../engine/engine.ts'
import type { Process } from '../node/executor.ts'
import type { Assigned } from './standing.ts'

type Counted = Pick<Assigned, 'task' | 'device' | 'spec'>

/** How long a coordinator may count what has ended: until a silent device is lost, or a lease is over. */
export const HEARD_LATE_MS = 30_000

export class Countable {
  readonly #engine: Pick<Engine, 'nowMs'>
  /** By task: the latest that submitters have said of it. */
  readonly #specs = new Map<string, TaskSpec>()
  /** Tasks whose status says that they have ended. */
  readonly #ended = new Set<string>()
  /** By the attempt's key, or the task's name while no attempt of it was sent: and since when it has not been there. */
  readonly #counted = new Map<string, Counted & { goneMs?: number }>()

  constructor(engine: Pick<Engine, 'nowMs'>) {
    this.#engine = engine
  }

  accepted(packet: Packet): void {
    const { id = '' } = packet.address ?? {}
    if (packet.route === 'spec') {
      const spec = packet.body as TaskSpec | Withdraw | undefined
      if (spec !== undefined && 'run' in spec) this.#specs.set(id, spec)
    } else if (packet.route === 'status') {
      const status = packet.body as TaskStatus | undefined
      if (status === undefined) return
      if (isTerminal(status.state)) this.#ended.add(id)
      else this.#ended.delete(id)
    }
  }

  /** The broker has lost what it knew. */
  lost(): void {
    this.#ended.clear()
  }

  /** Takes in what an agent does: what it decided, and of that what it assigned. */
  step(effects: readonly AgentEffect[], sent: readonly Assigned[]): void {
    for (const effect of effects) {
      if (effect.do !== 'publish' || effect.message.route !== 'events' || effect.message.body === null)
        continue
      if (effect.message.body.kind === 'placed') this.#placed(effect.message.body)
    }
    for (const one of sent) {
      this.#counted.delete(one.task)
      this.#counted.set(attemptKey(one.attempt), { ...one })
    }
  }

  /** It may be sent only later: what is exclusive is when the broker has its status. */
  #placed({ task = '', device = '' }: MeshEvent): void {
    const spec = this.#specs.get(parseWork(task).task)
    if (spec !== undefined) this.#counted.set(task, { task, device, spec, goneMs: this.#engine.nowMs })
  }

  gone(process: Process): void {
    const counted = this.#counted.get(attemptKey(process.attempt))
    if (counted !== undefined) counted.goneMs = this.#engine.nowMs
  }

  /** All that may be counted now, but for what was decided of one task and is only being sent. */
  *all(unsent?: string): IterableIterator<Counted> {
    for (const [key, counted] of this.#counted) {
      const { goneMs, task } = counted
      const gone = goneMs !== undefined && this.#engine.nowMs - goneMs > HEARD_LATE_MS
      if (gone && this.#ended.has(parseWork(task).task)) this.#counted.delete(key)
      else if (key !== unsent) yield counted
    }
  }
}
