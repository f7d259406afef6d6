/**
 * Rules of the protocol for auctions:
 *
 * - A device answers a round at most once.
 * - What is told to have been won was won by a device that bid in that round, while its coordinator knew the round as its last.
 */
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import type { Auction, Bid, MeshEvent } from '../../shared/protocol/schemas/index.ts'
import type { SimNode } from '../node/node.ts'
import type { NodeEvent } from '../observer.ts'
import type { Checker, Violations } from './checker.ts'

/** What one start of an agent has opened as a coordinator and was answered, and what it has answered itself. */
interface Known {
  open: string
  bidders: Set<string>
  /** Of the round before: many tasks are placed in several goes. */
  before: Set<string>
  answered: string
}

const nameOf = ({ term, agent, round }: Auction | Bid): string => `${term}/${agent}/${round}`

export class AuctionChecker implements Checker {
  readonly name = 'wire'
  readonly #violations: Violations
  readonly #known = new Map<string, Known>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  node(node: SimNode, event: NodeEvent): void {
    if (event !== 'wiped') this.#known.delete(node.device)
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[]): void {
    if (input.in === 'message' && input.message.route === 'bid' && 'body' in input.message) {
      const known = this.#of(node)
      if (nameOf(input.message.body) === known.open) known.bidders.add(input.message.id)
    }
    for (const effect of effects) {
      if (effect.do !== 'publish' || effect.message.body === null) continue
      const { route, body } = effect.message
      if (route === 'auction') this.#opened(node, body)
      else if (route === 'bid') this.#answered(node, body)
      else if (route === 'events' && body.kind === 'placed') this.#placed(node, body)
    }
  }

  #opened(node: SimNode, auction: Auction): void {
    const known = this.#of(node)
    known.open = nameOf(auction)
    known.before = known.bidders
    known.bidders = new Set()
  }

  #answered(node: SimNode, bid: Bid): void {
    const known = this.#of(node)
    const round = nameOf(bid)
    if (known.answered === round) {
      this.#violations.add('wire', node.device, `one answer to round ${round}`, 'it answers again')
    }
    known.answered = round
  }

  #placed(node: SimNode, { task = '', device = '', message }: MeshEvent): void {
    if (!message.includes(': won with ')) return
    const { bidders, before, open } = this.#of(node)
    if (bidders.has(device) || before.has(device)) return
    this.#violations.add(
      'wire',
      `task ${task}`,
      `a bid of ${device} in round ${open}`,
      `${node.device} knows of none`,
    )
  }

  #of(node: SimNode): Known {
    let known = this.#known.get(node.device)
    if (known === undefined) {
      known = { open: '', bidders: new Set(), before: new Set(), answered: '' }
      this.#known.set(node.device, known)
    }
    return known
  }
}
