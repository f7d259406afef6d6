/** Auctions beside greedy in the simulator: how evenly the same work is spread, and what that costs in messages. */
import { type MarketResult, runMarket } from '../simulations/market.ts'
import { table } from './table.ts'

const MARKETS: readonly { readonly devices: number; readonly restless: boolean }[] = [
  { devices: 20, restless: false },
  { devices: 100, restless: false },
  { devices: 100, restless: true },
  { devices: 300, restless: false },
]
const QUICK_MARKETS = 3
const SEEDS = 3
/** How much an auction may be behind greedy, and how many bids a device may send in a round. */
const BEHIND_MAX = 0.05
const BIDS_MAX = 1

/** Means over seeds; the most of the most. */
export interface AuctionRow {
  readonly devices: number
  /** Devices are busy every now and then with what nobody placed there. */
  readonly restless: boolean
  readonly greedy: MarketResult
  readonly auction: MarketResult
}

/**
 * True when auctions spread work nearly as greedy does, for one message a device and round at most, and where devices are
 * restless place less on those that are busy.
 */
export function metAuctions(rows: readonly AuctionRow[]): boolean {
  return rows.every(({ restless, greedy, auction }) => {
    const even =
      auction.peak <= (1 + BEHIND_MAX) * greedy.peak && auction.left >= (1 - BEHIND_MAX) * greedy.left
    const aware = !restless || auction.disturbed < greedy.disturbed
    return even && aware && auction.bidsMost <= BIDS_MAX && auction.ended === auction.tasks
  })
}

/** Runs all markets by both strategies; `tell` hears of each. */
export function runAuctions(seed: string, quick: boolean, tell: (line: string) => void): AuctionRow[] {
  return MARKETS.slice(0, quick ? QUICK_MARKETS : undefined).map(({ devices, restless }) => {
    const seeds = Array.from({ length: quick ? 1 : SEEDS }, (_, n) => `${seed}/${n}`)
    const run = (strategy: 'greedy' | 'auction'): MarketResult =>
      meanOf(seeds.map((one) => runMarket({ seed: one, devices, strategy, restless })))
    const row = { devices, restless, greedy: run('greedy'), auction: run('auction') }
    const behind = (100 * (row.auction.peak / row.greedy.peak)).toFixed(1)
    tell(`auctions, ${nameOf(row)} devices: peak ${behind} % of greedy's`)
    return row
  })
}

const nameOf = ({ devices, restless }: AuctionRow): string => `${devices}${restless ? ' restless' : ''}`

function meanOf(results: readonly MarketResult[]): MarketResult {
  const mean = (of: (result: MarketResult) => number): number =>
    results.reduce((sum, result) => sum + of(result), 0) / results.length
  return {
    tasks: mean(({ tasks }) => tasks),
    ended: mean(({ ended }) => ended),
    peak: mean(({ peak }) => peak),
    left: mean(({ left }) => left),
    disturbed: mean(({ disturbed }) => disturbed),
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
    'by',
    'peak',
    'left',
    'on busy',
    'bids',
    'a device',
    'most',
    'bytes',
    'p50 ms',
    'p99 ms',
  ]
  const lineOf = (row: AuctionRow, by: 'greedy' | 'auction'): string[] => {
    const { peak, left, disturbed, rounds, bids, bidsPerDevice, bidsMost, roundBytes, bidBytes, placedMs } =
      row[by]
    const messages =
      rounds === 0
        ? ['', '', '', '']
        : [
            (bids / rounds).toFixed(1),
            bidsPerDevice.toFixed(2),
            whole(bidsMost),
            `${whole(roundBytes)}, ${whole(bidBytes)}`,
          ]
    return [
      ...[nameOf(row), by, percent(peak), percent(left), percent(disturbed)],
      ...[...messages, whole(placedMs.p50), whole(placedMs.p99)],
    ]
  }
  return table(
    head,
    rows.flatMap((row) => [lineOf(row, 'greedy'), lineOf(row, 'auction')]),
  )
}
