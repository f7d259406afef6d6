/**
 * I1: a device never acts on a lower (term, agent) after a higher one, nor on an order twice or out of order.
 *
 * To act on an order is to journal, run or end an attempt, or to forget a result, in the very step that read it.
 * What a device was told by a higher reign before its disk was wiped, or was full, does not count after a restart: it
 * cannot know it any more.
 */
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { compareReigns, NO_REIGN, type Reign } from '../../shared/protocol/attempt.ts'
import type { Inbox } from '../../shared/protocol/schemas/index.ts'
import type { SimNode } from '../node/node.ts'
import type { NodeEvent } from '../observer.ts'
import type { Checker, Violations } from './checker.ts'

interface Seen {
  /** The highest reign whose order was acted on; survives restarts. */
  acted: Reign
  /** The last order of that reign that was acted on by this start of the agent. */
  seq: number
  /** The journal could not keep something: a restart cannot know what it should. */
  forgetful: boolean
}

export class FencingChecker implements Checker {
  readonly name = 'I1'
  readonly #violations: Violations
  readonly #seen = new Map<string, Seen>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[]): void {
    if (input.in === 'journaled' && input.error !== undefined) {
      const seen = this.#seen.get(node.device)
      if (seen !== undefined) seen.forgetful = true
    }
    if (input.in !== 'message' || input.link !== 'device' || input.message.route !== 'inbox') return
    if (!('body' in input.message) || !effects.some(isAct)) return
    this.#acted(node.device, input.message.body)
  }

  node(node: SimNode, event: NodeEvent): void {
    const seen = this.#seen.get(node.device)
    if (seen === undefined) return
    const forgets = event === 'wiped' || (event === 'boot' && seen.forgetful)
    if (forgets) this.#seen.delete(node.device)
    // A restarted agent may be told again what the dead one did not keep.
    else if (event === 'boot') seen.seq = 0
  }

  #acted(device: string, inbox: Inbox): void {
    const reign: Reign = { term: inbox.term, agent: inbox.agent }
    const seen = this.#seen.get(device) ?? { acted: NO_REIGN, seq: 0, forgetful: false }
    this.#seen.set(device, seen)
    const order = compareReigns(reign, seen.acted)
    if (order < 0) {
      this.#violations.add('I1', device, `orders of ${name(seen.acted)} or higher`, `acts on ${name(reign)}`)
    } else if (order > 0) {
      seen.acted = reign
      seen.seq = inbox.seq
    } else if (inbox.seq <= seen.seq) {
      this.#violations.add(
        'I1',
        device,
        `an order after ${seen.seq} of ${name(reign)}`,
        `acts on ${inbox.seq}`,
      )
    } else {
      seen.seq = inbox.seq
    }
  }
}

const name = (reign: Reign): string => `(${reign.term}, ${reign.agent})`

function isAct(effect: AgentEffect): boolean {
  if (effect.do === 'run' || effect.do === 'kill') return true
  return effect.do === 'persist' && (effect.change.put !== undefined || effect.change.drop !== undefined)
}
