/**
 * Rules of the protocol for preemption:
 *
 * - Nothing exclusive is preempted.
 * - What is preempted has a priority that is lower by the gap than that of what it makes room for.
 * - Nothing is preempted more often than is allowed, within one reign and by what its status says.
 *
 * What a task is, is what submitters have said of it: where they said different things under one id, any will do.
 */
import { PREEMPTED_MAX, PREEMPTION_GAP } from '../../agent/coordinator/preemption.ts'
import { DEFAULT_PRIORITY } from '../../shared/model/task.ts'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { parseWork } from '../../shared/protocol/ids.ts'
import type { MeshEvent, TaskSpec, TaskStatus, Withdraw } from '../../shared/protocol/schemas/index.ts'
import type { Packet } from '../broker/packet.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

interface Wish {
  readonly lowest: number
  readonly highest: number
  readonly exclusive: boolean
  readonly array: boolean
}

export class PreemptionChecker implements Checker {
  readonly name = 'wire'
  readonly #violations: Violations
  readonly #wishes = new Map<string, Wish>()
  /** By reign and task: how often it was preempted. */
  readonly #counts = new Map<string, number>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  accepted(packet: Packet): void {
    const { id = '' } = packet.address ?? {}
    if (packet.route === 'spec') this.#wished(id, packet.body as TaskSpec | Withdraw | undefined)
    else if (packet.route === 'status') this.#told(id, packet.body as TaskStatus | undefined)
  }

  #wished(id: string, spec: TaskSpec | Withdraw | undefined): void {
    if (spec === undefined || !('run' in spec)) return
    const { priority = DEFAULT_PRIORITY } = spec
    const known = this.#wishes.get(id)
    this.#wishes.set(id, {
      lowest: Math.min(known?.lowest ?? priority, priority),
      highest: Math.max(known?.highest ?? priority, priority),
      exclusive: spec.exclusive === true && known?.exclusive !== false,
      array: spec.array !== undefined || known?.array === true,
    })
  }

  #told(id: string, status: TaskStatus | undefined): void {
    const count = status?.preemptions?.count ?? 0
    if (count <= PREEMPTED_MAX || this.#wishes.get(id)?.array === true) return
    this.#tooOften(id, `its status counts ${count}`)
  }

  step(_node: SimNode, _input: AgentInput, effects: readonly AgentEffect[]): void {
    for (const effect of effects) {
      if (effect.do !== 'publish' || effect.message.route !== 'events' || effect.message.body === null)
        continue
      if (effect.message.body.kind === 'preempted') this.#preempted(effect.message.body)
    }
  }

  #preempted({ task = '', by = '', term, agent }: MeshEvent): void {
    const about = `task ${task}`
    const victim = this.#wishes.get(parseWork(task).task)
    const preemptor = this.#wishes.get(parseWork(by).task)
    if (victim === undefined || preemptor === undefined) {
      this.#violations.add('wire', about, 'known work to be preempted by known work', `it is by ${by}`)
      return
    }
    if (victim.exclusive) this.#violations.add('wire', about, 'exclusive work to stay', `${by} preempts it`)
    const gap = preemptor.highest - victim.lowest
    if (gap < PREEMPTION_GAP) {
      const expected = `a priority that is lower by ${PREEMPTION_GAP} to be preempted`
      this.#violations.add('wire', about, expected, `that of ${by} is higher by ${gap}`)
    }
    const key = `${term} ${agent} ${task}`
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    if (count > PREEMPTED_MAX) this.#tooOften(task, `it is for the time ${count} in term ${term}`)
  }

  #tooOften(task: string, found: string): void {
    this.#violations.add('wire', `task ${task}`, `it to be preempted ${PREEMPTED_MAX} times at most`, found)
  }
}
