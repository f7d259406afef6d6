import { describe, expect, it } from 'vitest'
import { type MarketResult, runMarket } from './market.ts'

const mean = (results: readonly MarketResult[], of: (result: MarketResult) => number): number =>
  results.reduce((sum, result) => sum + of(result), 0) / results.length

describe.each([
  [12, ['1', '2', '3']],
  [60, ['1']],
])('a market of %d devices', (devices, seeds) => {
  const run = (strategy: 'greedy' | 'auction' | 'best-fit') =>
    seeds.map((seed) => runMarket({ seed, devices, strategy }))

  it('is spread by auction as evenly as by greedy, with one message a device and round at most', () => {
    const [greedy, auction] = [run('greedy'), run('auction')]
    for (const { ended, tasks } of [...greedy, ...auction]) expect(ended).toBe(tasks)
    expect(mean(auction, ({ peak }) => peak)).toBeLessThan(1.05 * mean(greedy, ({ peak }) => peak))
    expect(mean(auction, ({ left }) => left)).toBeGreaterThan(0.95 * mean(greedy, ({ left }) => left))
    for (const { rounds, bids, bidsMost, bidsPerDevice } of auction) {
      expect(rounds).toBeGreaterThan(0)
      expect(bids).toBeGreaterThan(rounds)
      expect(bidsMost).toBe(1)
      expect(bidsPerDevice).toBeLessThanOrEqual(1)
    }
    for (const { rounds, bids } of greedy) expect([rounds, bids]).toEqual([0, 0])
  })
})

describe('a market', () => {
  it('tells strategies apart: what is packed has another peak', () => {
    const [packed, spread] = (['best-fit', 'greedy'] as const).map((strategy) =>
      runMarket({ seed: '1', devices: 12, strategy }),
    )
    expect(packed?.peak).toBeGreaterThan(1.2 * (spread?.peak ?? 1))
  })

  it('of restless devices sends less to those that are busy when they say themselves how they are', () => {
    const [greedy, auction] = (['greedy', 'auction'] as const).map((strategy) =>
      runMarket({ seed: '1', devices: 40, strategy, restless: true }),
    )
    expect(auction?.ended).toBe(auction?.tasks)
    expect(greedy?.disturbed).toBeGreaterThan(0.05)
    expect(auction?.disturbed).toBeLessThan(0.8 * (greedy?.disturbed ?? 0))
  })

  it('of many devices asks some dozens of them in a round, whatever their number', () => {
    const { rounds, bids, bidsPerDevice, ended, tasks } = runMarket({
      seed: '1',
      devices: 150,
      strategy: 'auction',
    })
    expect(ended).toBe(tasks)
    expect(bids / rounds).toBeLessThan(80)
    expect(bidsPerDevice).toBeLessThan(0.5)
  })
})
