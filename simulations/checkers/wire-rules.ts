/**
 * Rules of the protocol that hold for every message: it matches its schema, and only who may write a topic
 * does. A core that throws is a violation too.
 */
import type { AgentInput } from '../../shared/ports.ts'
import { checkBody } from '../../shared/protocol/codec.ts'
import { TOPICS, type Writer } from '../../shared/protocol/topics.ts'
import type { Connection } from '../broker/connection.ts'
import type { Packet } from '../broker/packet.ts'
import { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

export class WireChecker implements Checker {
  readonly name = 'wire'
  readonly #violations: Violations

  constructor(violations: Violations) {
    this.#violations = violations
  }

  threw(node: SimNode, input: AgentInput, error: Error): void {
    const found = (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ')
    this.#violations.add('wire', `${node.device} at ${input.in}`, 'a step that returns', found)
  }

  accepted(packet: Packet, from: Connection | undefined): void {
    if (!(from?.endpoint instanceof SimNode)) return
    const { route, address, topic } = packet
    if (route === undefined || address === undefined) {
      this.#violations.add('wire', from.endpoint.device, 'a topic of the protocol', topic)
      return
    }
    const rule = TOPICS[route]
    const writer: Writer = from.tag === 'seat' ? 'seat' : 'device'
    if (!(rule.writers as readonly Writer[]).includes(writer)) {
      this.#violations.add('wire', topic, `a writer of ${rule.writers.join(', ')}`, writer)
    }
    if (writer === 'device' && rule.pattern.startsWith('devices/') && address.id !== from.endpoint.device) {
      this.#violations.add('wire', topic, `device ${address.id} as its writer`, from.endpoint.device)
    }
    if (packet.retain !== rule.retained || packet.qos !== rule.qos) {
      const found = `qos ${packet.qos}, retain ${packet.retain}`
      this.#violations.add('wire', topic, `qos ${rule.qos}, retain ${rule.retained}`, found)
    }
    this.#checkContent(packet)
  }

  #checkContent(packet: Packet): void {
    if (packet.empty || packet.route === undefined) return
    const fault = checkBody(packet.route, packet.body)
    if (fault === undefined) return
    const found = `${fault.message} at ${fault.path}: ${JSON.stringify(packet.body).slice(0, 300)}`
    this.#violations.add('wire', packet.topic, `a ${packet.route} that matches its schema`, found)
  }
}
