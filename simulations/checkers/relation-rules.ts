/**
 * Rules of `near` and `apart`, by what the coordinator that decides knows (standing.ts):
 *
 * - Nothing stands where something stands that is to be apart from it.
 * - Nothing is sent where nothing can be that it is to be near, unless it may be the first of its own group.
 *
 * What other coordinators placed may stand against it, and a device that was cut off may come back with what does.
 */
import { BY_DEVICE } from '../../shared/model/selector.ts'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import type { DeviceState } from '../../shared/protocol/schemas/index.ts'
import type { Packet } from '../broker/packet.ts'
import type { Engine } from '../engine/engine.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'
import { Countable, HEARD_LATE_MS } from './countable.ts'
import { type Assigned, Standing } from './standing.ts'

export class RelationChecker implements Checker {
  readonly name = 'relations'
  readonly #violations: Violations
  readonly #standing = new Standing()
  readonly #labels = new Map<string, Readonly<Record<string, string>>>()
  readonly #countable: Countable

  constructor(violations: Violations, engine: Pick<Engine, 'nowMs'>) {
    this.#violations = violations
    this.#countable = new Countable(engine)
  }

  lost(): void {
    this.#countable.lost()
  }

  accepted(packet: Packet): void {
    this.#countable.accepted(packet)
    const state = packet.route === 'state' ? (packet.body as DeviceState | undefined) : undefined
    if (state === undefined) return
    const { id = '' } = packet.address ?? {}
    this.#labels.set(id, { [BY_DEVICE]: id, ...state.labels })
  }

  node(node: SimNode): void {
    this.#standing.died(node)
  }

  step(_node: SimNode, _input: AgentInput, effects: readonly AgentEffect[]): void {
    const all = this.#standing.step(effects)
    for (const sent of all) this.#near(sent)
    this.#countable.step(effects, all)
  }

  process(node: SimNode, process: Process, running: boolean): void {
    if (!running) this.#countable.gone(process)
    const begun = this.#standing.process(node, process, running)
    if (begun === undefined) return
    for (const other of this.#standing.beside(begun.attempt)) {
      if (other === begun) continue
      const against = this.#against(begun, other) ?? this.#against(other, begun)
      if (against !== undefined) this.#violations.add('relations', `task ${begun.task}`, ...against)
    }
  }

  /** What is wrong with one standing where another does, which it is to be apart from. */
  #against(one: Assigned, other: Assigned): [expected: string, found: string] | undefined {
    for (const { group, by = BY_DEVICE } of one.spec.apart ?? []) {
      if (group !== other.spec.group || !this.#together(one.device, other.device, by)) continue
      const found = `${one.task} on ${one.device} and ${other.task} on ${other.device}, by one coordinator`
      return [`${one.task} apart from group ${group} by ${by}`, found]
    }
    return undefined
  }

  #near({ attempt, task, device, spec }: Assigned): void {
    for (const { group, by = BY_DEVICE } of spec.near ?? []) {
      const members = [...this.#countable.all(task)].filter((other) => other.spec.group === group)
      if (members.some((other) => this.#together(device, other.device, by))) continue
      const others = [...this.#standing.beside(attempt)]
      const first = others.every((other) => other.spec.group !== group || other.attempt.n > attempt.n)
      if (group === spec.group && first && this.#labels.get(device)?.[by] !== undefined) continue
      const found = `it goes to ${device}, where nothing of it has been for ${HEARD_LATE_MS} ms`
      this.#violations.add('relations', `task ${task}`, `it near group ${group} by ${by}`, found)
    }
  }

  #together(a: string, b: string, by: string): boolean {
    const place = this.#labels.get(a)?.[by]
    return place !== undefined && place === this.#labels.get(b)?.[by]
  }
}
