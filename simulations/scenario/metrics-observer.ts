/** What an observer of a simulated run tells the metrics. */
import { demandOf } from '../../shared/model/task.ts'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { attemptKey } from '../../shared/protocol/attempt.ts'
import type { Connection } from '../broker/connection.ts'
import type { Packet } from '../broker/packet.ts'
import type { Process } from '../node/executor.ts'
import { SimNode } from '../node/node.ts'
import type { NodeEvent, Observer } from '../observer.ts'
import { departureIn } from './departures.ts'
import type { Metrics } from './metrics.ts'

export class MetricsObserver implements Observer {
  readonly #metrics: Metrics

  constructor(metrics: Metrics) {
    this.#metrics = metrics
  }

  receipt(): void {
    this.#metrics.receipt()
  }

  accepted(packet: Packet, from: Connection | undefined): void {
    const { endpoint, tag } = from ?? {}
    if (endpoint instanceof SimNode && tag === 'device') this.#metrics.sign(endpoint.device)
    if (packet.route !== 'spec') this.#metrics.message(packet)
    else if (packet.body !== undefined && tag === 'submitter') this.#metrics.spec(packet.address?.id ?? '')
  }

  lost(topics: readonly string[] | undefined): void {
    this.#metrics.lost(topics)
  }

  node(node: SimNode, event: NodeEvent): void {
    if (event !== 'boot' && event !== 'wiped') this.#metrics.gone(node.device)
  }

  process(_node: SimNode, { spec }: Process, running: boolean): void {
    this.#metrics.process(demandOf(spec).resources['cpu'] ?? 0, running)
  }

  step(_node: SimNode, input: AgentInput, effects: readonly AgentEffect[]): void {
    for (const effect of effects) {
      const reason = departureIn(effect)
      if (reason !== undefined) this.#metrics.departures.left(reason)
    }
    if (input.in === 'ended') {
      this.#metrics.finished(attemptKey(input.attempt), input.end.outcome === 'succeeded')
    }
  }
}
