import { describe, expect, it } from 'vitest'
import { backoffMs, Random } from './random.ts'

const draw = (random: Random) => Array.from({ length: 8 }, () => random.below(1_000))

describe('random', () => {
  it('gives the same numbers for the same seed, and others for another', () => {
    expect(draw(new Random('a'))).toEqual(draw(new Random('a')))
    expect(draw(new Random('a'))).not.toEqual(draw(new Random('b')))
  })

  it('forks generators that do not shift each other', () => {
    const parent = new Random('a')
    draw(parent.fork('x'))
    expect(draw(parent)).toEqual(draw(new Random('a')))
    expect(draw(new Random('a').fork('x'))).not.toEqual(draw(new Random('a').fork('y')))
  })

  it('spreads evenly', () => {
    const random = new Random('even')
    const buckets = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) (buckets[random.below(10)] as number)++
    for (const count of buckets) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  it('backs off within a growing, capped bound', () => {
    const random = new Random('backoff')
    for (let tries = 0; tries < 100; tries++) {
      const ms = backoffMs(random, tries, 100, 5_000)
      expect(ms).toBeGreaterThanOrEqual(0)
      expect(ms).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** tries))
    }
  })
})
