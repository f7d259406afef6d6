/** A coordinator of a mesh with auctions: rounds are opened, devices bid as a test says. */
import type { Auction, Bid } from '../../../shared/protocol/schemas/index.ts'
import { Floor } from './floor.ts'

export const SPEC = { run: { exec: ['true'] }, resources: { cpu: '2', memory: '64Mi' } }

export class Hall {
  readonly floor: Floor

  constructor(devices: readonly string[], strategy: 'auction' | 'greedy' = 'auction') {
    this.floor = Floor.serving(devices, { strategy })
  }

  get driver() {
    return this.floor.driver
  }

  /** The round that was opened since the last call. */
  opened(): Auction | undefined {
    this.driver.timer('coordinator/run')
    const [round, ...more] = this.driver.published<Auction>('auction')
    if (more.length > 0) throw new Error('two rounds were opened at once')
    return round
  }

  /** Opens a round for what was submitted. */
  round(): Auction {
    const round = this.opened()
    if (round === undefined) throw new Error('no round was opened')
    return round
  }

  bid(
    device: string,
    { term, agent, round }: Auction,
    price: number,
    more: Partial<Bid> = {},
    count = 4,
  ): void {
    const bids = [{ lot: 0, price, count }]
    const body = { incarnation: 1, term, agent, round, inboxSeq: 0, bids, ...more }
    this.driver.hear('seat', { route: 'bid', id: device, body })
  }

  /** Nothing more is waited for. */
  timeUp(): void {
    this.driver.pass(200)
    this.driver.timer('coordinator/round')
    this.floor.turn()
  }

  why(task: string): string | undefined {
    return this.floor.last.get(task)?.explanation
  }
}
