/** When devices are told to listen for rounds, and that rounds wait for them to. */
import { describe, expect, it } from 'vitest'
import { Hall, SPEC } from './testing/hall.ts'

describe('devices are to listen', () => {
  const flags = (hall: Hall) => {
    hall.driver.timer('election/beacon')
    return hall.driver.published<{ auctions?: boolean }>('beacon').map(({ auctions }) => auctions)
  }

  it('when the mesh goes by auction, and not when it never did', () => {
    expect(flags(new Hall(['a']))).toEqual([true])
    expect(flags(new Hall(['a'], 'greedy'))).toEqual([undefined])
  })

  const soon = (hall: Hall) =>
    hall.driver.take('timer').find(({ name }) => name === 'election/beacon')?.delayMs
  const held = (hall: Hall) =>
    hall.driver.take('timer').findLast(({ name }) => name === 'coordinator/round')?.delayMs

  it('from the first task on that asks for one, which is told soon; its round begins when they can have heard', () => {
    const hall = new Hall(['a'], 'greedy')
    hall.floor.submit('t', { ...SPEC, strategy: 'auction' })
    hall.driver.effects = []
    expect(hall.opened()).toBeUndefined()
    expect(soon(hall)).toBeLessThanOrEqual(50)
    hall.floor.turn()
    expect(hall.floor.assigned).toEqual([])
    expect(flags(hall)).toEqual([true])
    hall.driver.pass(250)
    hall.driver.timer('coordinator/round')
    hall.bid('a', hall.round(), 0.5)
    hall.floor.turn()
    expect(hall.why('t')).toContain('won with 50 %')
    // From now on they listen.
    hall.driver.pass(50)
    hall.floor.submit('next', { ...SPEC, strategy: 'auction' })
    expect(hall.round().round).toBe(2)
  })

  it('soon after the mesh goes by auction, and rounds begin when they can have heard', () => {
    const hall = new Hall(['a'], 'greedy')
    hall.driver.effects = []
    hall.floor.configure({ strategy: 'auction' })
    expect(soon(hall)).toBeLessThanOrEqual(50)
    expect(flags(hall)).toEqual([true])
    hall.floor.submit('t', SPEC)
    expect(hall.opened()).toBeUndefined()
    expect(held(hall)).toBe(250)
    hall.driver.pass(250)
    expect(hall.round().round).toBe(1)
  })

  it('and not for a task that no device has room for', () => {
    const hall = new Hall(['a'], 'greedy')
    hall.floor.submit('t', { ...SPEC, resources: { cpu: '9' }, strategy: 'auction' })
    hall.driver.effects = []
    hall.floor.turn()
    expect(soon(hall)).toBeUndefined()
    expect(flags(hall)).toEqual([undefined])
  })

  it('again, when the mesh went by another strategy meanwhile', () => {
    const hall = new Hall(['a'])
    hall.floor.configure({ strategy: 'greedy' })
    expect(flags(hall)).toEqual([undefined])
    hall.driver.effects = []
    hall.floor.configure({ strategy: 'auction' })
    expect(soon(hall)).toBeLessThanOrEqual(50)
  })
})
