/**
 * Rules of the protocol for measured load:
 *
 * - Nothing is placed on a device whose last heartbeat that its coordinator heard was at or above the high mark.
 * - Nothing exclusive is moved.
 *
 * What a task is, is what submitters have said of it: where they said different things under one id, any will do. Judged is
 * when it is decided: what is exclusive is sent only when the broker has its status.
 */

import { DEFAULT_HIGH_MARK } from '../../shared/model/marks.ts'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { parseWork } from '../../shared/protocol/ids.ts'
import type { DeviceLoad, TaskSpec, Withdraw } from '../../shared/protocol/schemas/index.ts'
import type { Packet } from '../broker/packet.ts'
import type { SimNode } from '../node/node.ts'
import type { NodeEvent } from '../observer.ts'
import type { Checker, Violations } from './checker.ts'

/** What one start of an agent has been told of a device. */
interface Known {
  /** The connection that its state names. */
  nonce: string
  /** The larger share that the last heartbeat of that connection told; `undefined` before any. */
  share: number | undefined
}

export class LoadChecker implements Checker {
  readonly name = 'wire'
  readonly #violations: Violations
  readonly #known = new Map<string, Map<string, Known>>()
  /** By task: whether it is exclusive, by all that submitters have said under its id. */
  readonly #exclusive = new Map<string, boolean>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  accepted(packet: Packet): void {
    if (packet.route !== 'spec') return
    const spec = packet.body as TaskSpec | Withdraw | undefined
    const { id = '' } = packet.address ?? {}
    if (spec === undefined || !('run' in spec)) return
    this.#exclusive.set(id, spec.exclusive === true && this.#exclusive.get(id) !== false)
  }

  node(node: SimNode, event: NodeEvent): void {
    if (event !== 'wiped') this.#known.delete(node.device)
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[]): void {
    if (input.in === 'message') this.#read(node, input.message)
    for (const effect of effects) {
      // What is heard on a former seat counts no more.
      if (effect.do === 'connect' && effect.link === 'seat') this.#forgetLoads(node)
      if (effect.do !== 'publish' || effect.message.route !== 'events' || effect.message.body === null)
        continue
      const { kind, task = '', device = '' } = effect.message.body
      if (kind === 'placed') this.#placed(node, task, device)
      else if (kind === 'moved' && this.#exclusive.get(parseWork(task).task) === true) {
        this.#violations.add('wire', `task ${task}`, 'exclusive work to stay where it is', 'it is moved')
      }
    }
  }

  #read(node: SimNode, message: Extract<AgentInput, { in: 'message' }>['message']): void {
    if (message.route === 'state') {
      const known = this.#of(node)
      if (!('body' in message)) known.delete(message.id)
      else if (known.get(message.id)?.nonce !== message.body.nonce) {
        known.set(message.id, { nonce: message.body.nonce, share: undefined })
      }
    } else if (message.route === 'load' && 'body' in message) {
      const device = this.#of(node).get(message.id)
      if (device?.nonce === message.body.nonce) device.share = shareOf(message.body)
    }
  }

  #placed(node: SimNode, task: string, device: string): void {
    const share = this.#of(node).get(device)?.share
    if (share === undefined || share < DEFAULT_HIGH_MARK) return
    const expected = `nothing to be placed on ${device}, which measures ${share.toFixed(3)}`
    this.#violations.add('wire', `task ${task}`, expected, `${node.device} places it there`)
  }

  #forgetLoads(node: SimNode): void {
    for (const device of this.#of(node).values()) device.share = undefined
  }

  #of(node: SimNode): Map<string, Known> {
    let known = this.#known.get(node.device)
    if (known === undefined) {
      known = new Map()
      this.#known.set(node.device, known)
    }
    return known
  }
}

/** The larger of the shares of cpu and memory that are in use. */
function shareOf({ cpu, cpuTotal, memoryUsed, memoryTotal }: DeviceLoad): number | undefined {
  const ofCpu = cpu === undefined || cpuTotal === undefined ? undefined : cpu / cpuTotal
  if (memoryUsed === undefined || memoryTotal === undefined) return ofCpu
  const ofMemory = memoryUsed / memoryTotal
  return ofCpu === undefined ? ofMemory : Math.max(ofCpu, ofMemory)
}
