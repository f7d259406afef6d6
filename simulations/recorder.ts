/** Writes what the cores do into a trace, for whoever has to find out why a run failed. */
import type { AgentEffect, AgentInput, Now } from '../shared/ports.ts'
import type { Connection } from './broker/connection.ts'
import type { Packet } from './broker/packet.ts'
import type { Engine } from './engine/engine.ts'
import type { Trace } from './engine/trace.ts'
import type { Process } from './node/executor.ts'
import { SimNode } from './node/node.ts'
import type { NodeEvent, Observer } from './observer.ts'

/** Routes that come so often, and say so little, that they would only hide the rest. */
const TOO_FREQUENT: readonly string[] = ['load', 'events', 'log']

export class Recorder implements Observer {
  readonly #trace: Trace
  readonly #engine: Engine

  constructor(trace: Trace, engine: Engine) {
    this.#trace = trace
    this.#engine = engine
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[], now: Now): void {
    const dull = isDull(input)
    const told = effects.filter((effect) => !isDullEffect(effect))
    if (dull && told.length === 0) return
    this.#add(node.device, `step ${input.in}`, { monoMs: now.monoMs, input, effects: told })
  }

  accepted(packet: Packet, from: Connection | undefined): void {
    if (packet.route !== undefined && TOO_FREQUENT.includes(packet.route)) return
    const sender = from?.endpoint
    const who = sender instanceof SimNode ? `${sender.device}/${from?.tag}` : (from?.clientId ?? 'a will')
    this.#add('broker', `accepts ${packet.topic}`, { from: who, content: packet.content })
  }

  lost(topics: readonly string[] | undefined): void {
    this.#add('broker', 'lost what it had acknowledged', topics ?? 'all')
  }

  receipt(task: string): void {
    this.#add('submitter', 'has the receipt', { task })
  }

  node(node: SimNode, event: NodeEvent): void {
    this.#add(node.device, event)
  }

  sleep(node: SimNode, asleep: boolean): void {
    this.#add(node.device, asleep ? 'falls asleep' : 'wakes up')
  }

  process(node: SimNode, process: Process, running: boolean): void {
    this.#add(node.device, running ? 'process starts' : 'process is gone', { attempt: process.key })
  }

  threw(node: SimNode, input: AgentInput, error: Error): void {
    this.#add(node.device, 'its core threw', { input, stack: error.stack })
  }

  #add(who: string, what: string, detail?: unknown): void {
    this.#trace.add({ ms: this.#engine.nowMs, who, what, ...(detail === undefined ? {} : { detail }) })
  }
}

function isDull(input: AgentInput): boolean {
  if (input.in === 'measured' || input.in === 'timer' || input.in === 'acked') return true
  return input.in === 'message' && ['load', 'beacon', 'events'].includes(input.message.route)
}

function isDullEffect(effect: AgentEffect): boolean {
  if (effect.do === 'timer' || effect.do === 'cancel-timer' || effect.do === 'measure') return true
  return effect.do === 'publish' && ['load', 'beacon', 'events'].includes(effect.message.route)
}
