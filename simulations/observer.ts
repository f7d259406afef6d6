/**
 * What can be seen of a run. Observers see everything and decide nothing: whether they are there makes no difference
 * to what happens.
 */
import type { AgentEffect, AgentInput, Now } from '../shared/ports.ts'
import type { Kept } from './broker/broker.ts'
import type { Connection } from './broker/connection.ts'
import type { Packet } from './broker/packet.ts'
import type { Process } from './node/executor.ts'
import type { SimNode } from './node/node.ts'

/** What became of a node, or of its agent. */
export type NodeEvent = 'boot' | 'crash' | 'power loss' | 'exit' | 'wiped'

export interface Observer {
  /** A core made a step. */
  step?(node: SimNode, input: AgentInput, effects: readonly AgentEffect[], now: Now): void
  /** A message became visible to others: the broker accepted it from a connection, or sent it as a will. */
  accepted?(packet: Packet, from: Connection | undefined): void
  /**
   * The broker lost changes of retained topics that it had acknowledged; `undefined` means all. `kept` tells what it
   * has of a topic now: an earlier message perhaps.
   */
  lost?(topics: readonly string[] | undefined, kept: Kept): void
  /** A submitter has the broker's PUBACK for a task's spec. */
  receipt?(task: string): void
  node?(node: SimNode, event: NodeEvent): void
  /** A device fell asleep, with all that runs there, or woke up. */
  sleep?(node: SimNode, asleep: boolean): void
  /** A process started (`running`) or is gone. */
  process?(node: SimNode, process: Process, running: boolean): void
  /** A core threw. */
  threw?(node: SimNode, input: AgentInput, error: Error): void
}

/** Hands what is seen to several observers; each event only to those that asked for it. */
export class Observers implements Required<Observer> {
  readonly #of: { [K in keyof Observer]-?: NonNullable<Observer[K]>[] }

  constructor(observers: readonly Observer[]) {
    const pick = <K extends keyof Observer>(name: K): NonNullable<Observer[K]>[] =>
      observers.flatMap((observer) => {
        const hook = observer[name]
        return hook === undefined ? [] : [hook.bind(observer) as NonNullable<Observer[K]>]
      })
    this.#of = {
      step: pick('step'),
      accepted: pick('accepted'),
      lost: pick('lost'),
      receipt: pick('receipt'),
      node: pick('node'),
      sleep: pick('sleep'),
      process: pick('process'),
      threw: pick('threw'),
    }
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[], now: Now): void {
    for (const hook of this.#of.step) hook(node, input, effects, now)
  }
  accepted(packet: Packet, from: Connection | undefined): void {
    for (const hook of this.#of.accepted) hook(packet, from)
  }
  lost(topics: readonly string[] | undefined, kept: Kept): void {
    for (const hook of this.#of.lost) hook(topics, kept)
  }
  receipt(task: string): void {
    for (const hook of this.#of.receipt) hook(task)
  }
  node(node: SimNode, event: NodeEvent): void {
    for (const hook of this.#of.node) hook(node, event)
  }
  sleep(node: SimNode, asleep: boolean): void {
    for (const hook of this.#of.sleep) hook(node, asleep)
  }
  process(node: SimNode, process: Process, running: boolean): void {
    for (const hook of this.#of.process) hook(node, process, running)
  }
  threw(node: SimNode, input: AgentInput, error: Error): void {
    for (const hook of this.#of.threw) hook(node, input, error)
  }
}
