/** Auctions beside greedy in the simulator: how evenly the same work is spread, and what that costs in messages. */
import { type MarketResult, runMarket } from '../simulations/market.ts'
import { table } from './table.ts'

const SIZES = [20, 100, 300]
const SEEDS = 3
/** How much an auction may be behind greedy, and how many bids a device may send in a round. */
const BEHIND_MAX = 0.05
const BIDS_MAX = 1

/** Means over seeds; the most of the most. */
export interface AuctionRow {
  readonly devices: number
  readonly greedy: MarketResult
  readonly auction: MarketResult
}

/** True when auctions spread work nearly as greedy does, for one message a device and round at most. */
export function metAuctions(rows: readonly AuctionRow[]): boolean {
  return rows.every(({ greedy, auction }) => {
    const even =
      auction.peak <= (1 + BEHIND_MAX) * greedy.peak && auction.left >= (1 - BEHIND_MAX) * greedy.left
    return even && auction.bidsMost <= BIDS_MAX && auction.ended === auction.tasks
  })
}

/** Runs all sizes of fleets by both strategies; `tell` hears of each. */
export function runAuctions(seed: string, quick: boolean, tell: (line: string) => void): AuctionRow[] {
  return (quick ? SIZES.slice(0, 2) : SIZES).map((devices) => {
    const run = (strategy: 'greedy' | 'auction'): MarketResult =>
      meanOf(
        Array.from({ length: quick ? 1 : SEEDS }, (_, n) =>
          runMarket({ seed: `${seed}/${n}`, devices, strategy }),
        ),
      )
    const row = { devices, greedy: run('greedy'), auction: run('auction') }
    tell(
      `auctions, ${devices} devices: peak ${(100 * (row.auction.peak / row.greedy.peak)).toFixed(1)} % of greedy's`,
    )
    return row
  })
}

function meanOf(results: readonly MarketResult[]): MarketResult {
  const mean = (of: (result: MarketResult) => number): number =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length
  return {
    tasks: mean(({ tasks }) => tasks),
    ended: mean(({ ended }) => ended),
    peak: mean(({ peak }) => peak),
    left: mean(({ left }) => left),
    placedMs: { p50: mean(({ placedMs }) => placedMs.p50), p99: mean(({ placedMs }) => placedMs.p99) },
    rounds: mean(({ rounds }) => rounds),
    bids: mean(({ bids }) => bids),
    bidsMost: Math.max(...results.map(({ bidsMost }) => bidsMost)),
    bidsPerDevice: mean(({ bidsPerDevice }) => bidsPerDevice),
    roundBytes: mean(({ roundBytes }) => roundBytes),
    bidBytes: mean(({ bidBytes }) => bidBytes),
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
const whole = (value: number): string => value.toFixed(0)

/** The rows as text. */
export function auctionTable(rows: readonly AuctionRow[]): string {
  const head = [
    'devices',
    'peak',
    'greedy',
    'left',
    'greedy',
    'bids',
    'a device',
    'most',
    'bytes',
    'p50 ms',
    'greedy',
  ]
  return table(
    head,
    rows.map(({ devices, greedy, auction }) => [
      String(devices),
      ...[auction.peak, greedy.peak, auction.left, greedy.left].map(percent),
      ...[
        (auction.bids / auction.rounds).toFixed(1),
        auction.bidsPerDevice.toFixed(2),
        whole(auction.bidsMost),
      ],
      `${whole(auction.roundBytes)}, ${whole(auction.bidBytes)}`,
      ...[whole(auction.placedMs.p50), whole(greedy.placedMs.p50)],
    ]),
  )
}
