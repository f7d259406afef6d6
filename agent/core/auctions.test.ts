/** Auctions as a coordinator holds them: rounds, bids that count, and what is placed without one. */
import { describe, expect, it } from 'vitest'
import type { Bid } from '../../shared/protocol/schemas/index.ts'
import { Hall, SPEC } from './testing/hall.ts'
import { born } from './testing/office.ts'

describe('a round', () => {
  it('offers what waits, by kind, and nothing is placed while it is open', () => {
    const hall = new Hall(['a', 'b'])
    for (const id of ['t1', 't2', 't3']) hall.floor.submit(id, SPEC)
    hall.floor.submit('other', { ...SPEC, where: { device: 'a' }, priority: 60 })
    expect(hall.round()).toEqual({
      ...{ term: 1, agent: 'pi', round: 1 },
      lots: [
        { resources: { cpu: 2, memory: 67_108_864 }, executor: 'exec', where: { device: 'a' }, count: 1 },
        { resources: { cpu: 2, memory: 67_108_864 }, executor: 'exec', count: 3 },
      ],
    })
    hall.floor.turn()
    expect(hall.floor.assigned).toEqual([])
  })

  it('gives each task to the highest bid, and says against whom', () => {
    const hall = new Hall(['a', 'b', 'c'])
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    hall.bid('a', round, 0.3)
    hall.bid('b', round, 0.72)
    hall.bid('c', round, 0.61)
    hall.floor.turn()
    expect(hall.floor.assigned).toEqual(['t to b'])
    expect(hall.why('t')).toMatch(
      /^placed on b: won with 72 % against c 61 %, a 30 % \(3 bids\); \d+ % of its/,
    )
  })

  it('ends when all that have room have bid, and otherwise when its time is up', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    hall.bid('a', round, 0.3)
    hall.floor.turn()
    expect(hall.floor.assigned).toEqual([])
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['t to a'])
    expect(hall.why('t')).toContain('won with 30 % (1 bid)')
  })

  it('does not wait long for more once a bid has come, nor beyond its time', () => {
    const hall = new Hall(['a', 'b', 'c'])
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    const waits = () =>
      hall.driver
        .take('timer')
        .flatMap(({ name, delayMs }) => (name === 'coordinator/round' ? [delayMs] : []))
    expect(waits()).toEqual([200])
    hall.driver.pass(20)
    hall.bid('a', round, 0.3)
    hall.driver.pass(150)
    hall.bid('b', round, 0.4)
    expect(waits()).toEqual([75, 30])
  })

  it('sells task by task: what a device won takes its price down', () => {
    const hall = new Hall(['a', 'b'])
    for (const id of ['t1', 't2', 't3']) hall.floor.submit(id, SPEC)
    const round = hall.round()
    hall.bid('a', round, 0.75)
    hall.bid('b', round, 0.6)
    hall.floor.turn()
    expect(hall.floor.assigned.map((line) => line.slice(-1)).sort()).toEqual(['a', 'a', 'b'])
  })

  it('gives no device more than it said it has room for', () => {
    const hall = new Hall(['a', 'b'])
    for (const id of ['t1', 't2']) hall.floor.submit(id, SPEC)
    const round = hall.round()
    hall.bid('a', round, 0.75, {}, 1)
    hall.bid('b', round, 0.2)
    hall.floor.turn()
    expect(hall.floor.assigned.map((line) => line.slice(-1)).sort()).toEqual(['a', 'b'])
  })

  it('takes off the price what the device had not read of when it bid', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('before', {
      ...SPEC,
      resources: { cpu: '4' },
      where: { device: 'a' },
      strategy: 'greedy',
    })
    hall.floor.turn()
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    // It has not seen that half of it is taken, so it thinks that three quarters will be left.
    hall.bid('a', round, 0.75, { inboxSeq: 0 })
    hall.bid('b', round, 0.4)
    hall.floor.turn()
    expect(hall.floor.assigned).toEqual(['before to a', 't to b'])
    expect(hall.why('t')).toContain('won with 40 % against a 25 %')
  })

  it('covers what came while it was open, and the next one what did not fit into it', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t1', SPEC)
    const round = hall.round()
    hall.floor.submit('t2', SPEC)
    hall.floor.submit('other', { ...SPEC, resources: { cpu: '1' } })
    hall.bid('a', round, 0.7)
    hall.bid('b', round, 0.6)
    // Rounds begin some time apart, so that what comes in between shares one.
    expect(hall.opened()).toBeUndefined()
    hall.driver.pass(50)
    expect(hall.round()).toMatchObject({ round: 2, lots: [{ resources: { cpu: 1 }, count: 1 }] })
    hall.floor.turn()
    expect(hall.floor.assigned.map((line) => line.slice(0, 2))).toEqual(['t1', 't2'])
  })

  it('is of at most 16 lots, those first that are to be placed first', () => {
    const hall = new Hall(['a', 'b'])
    for (let n = 0; n < 20; n++)
      hall.floor.submit(`t${n}`, { ...SPEC, resources: { cpu: `${100 + n}m` }, priority: n })
    const { lots } = hall.round()
    expect(lots).toHaveLength(16)
    expect(lots[0]?.resources).toEqual({ cpu: '119m', memory: 33_554_432 })
    hall.driver.pass(200)
    hall.driver.timer('coordinator/round')
    expect(hall.round()).toMatchObject({ round: 2, lots: { length: 4 } })
    hall.floor.turn()
    expect(hall.floor.assigned).toHaveLength(16)
  })
})

describe('a bid counts nothing', () => {
  it.each<[string, Partial<Bid>]>([
    ['for another round', { round: 7 }],
    ['for another reign', { term: 2 }],
    ['for a coordinator of the same term', { agent: 'rival' }],
    ['of an earlier start of the device', { incarnation: 9 }],
    ['on a lot that is none', { bids: [{ lot: 5, price: 1, count: 1 }] }],
  ])('%s', (_, more) => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    hall.bid('b', round, 0.7, more)
    hall.bid('a', round, 0.2)
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['t to a'])
    expect(
      hall.driver
        .take('log')
        .map(({ message }) => message)
        .join(),
    ).toContain('a bid was ignored')
  })

  it('that is the second of a device, nor of a device that nobody knows', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    hall.bid('b', round, 0.2)
    hall.bid('b', round, 0.9)
    hall.bid('stranger', round, 1)
    hall.bid('a', round, 0.5)
    hall.floor.turn()
    expect(hall.floor.assigned).toEqual(['t to a'])
  })

  it('after its round', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    hall.timeUp()
    hall.bid('b', round, 0.9)
    hall.floor.submit('next', SPEC)
    expect(hall.round().round).toBe(2)
    hall.bid('b', round, 0.9)
    hall.floor.turn()
    expect(hall.floor.assigned).toHaveLength(1)
  })

  it('against what the coordinator knows: a device that is full, kept for others, or not the place', () => {
    const hall = new Hall(['a', 'b', 'c'])
    hall.floor.submit('big', { ...SPEC, resources: { cpu: '7' }, where: { device: 'a' }, strategy: 'greedy' })
    hall.floor.turn()
    hall.driver.hear('device', { route: 'desired', id: 'b', body: { cordon: true } })
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    hall.bid('a', round, 1)
    hall.bid('b', round, 1)
    hall.bid('c', round, 0.1)
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['big to a', 't to c'])
  })
})

describe('without a bid', () => {
  it('a task is placed by what the coordinator knows, when the round is over', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', SPEC)
    hall.round()
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['t to b'])
    expect(hall.why('t')).toMatch(
      /^placed on b: no bid came within 200 ms; most free of 2 with room looked at/,
    )
  })

  it('that has room left the rest is, too', () => {
    const hall = new Hall(['a', 'b'])
    for (const id of ['t1', 't2']) hall.floor.submit(id, SPEC)
    const round = hall.round()
    hall.bid('a', round, 0.5, {}, 1)
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['t1 to a', 't2 to b'])
    expect(hall.why('t2')).toContain('placed on b: the one bid has no room any more; most free')
  })

  it('and without room anywhere nobody is asked: the task waits, and is offered when something ends', () => {
    const hall = new Hall(['a'])
    hall.floor.submit('full', { ...SPEC, resources: { cpu: '8' }, strategy: 'greedy' })
    hall.floor.turn()
    hall.floor.submit('t', SPEC)
    expect(hall.opened()).toBeUndefined()
    hall.floor.turn()
    expect(hall.why('t')).toBe('waits: 1 of 1 devices have too little left; 2 more cpu on a would do')
    hall.floor.ends('full', 'succeeded')
    expect(hall.floor.assigned).toEqual(['full to a'])
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['full to a', 't to a'])
  })
})

describe('what changes while a round is open', () => {
  it('is looked at when it is closed: a task that is withdrawn, a device that is lost', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('gone', SPEC)
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    hall.bid('b', round, 0.9)
    hall.floor.submit('gone', { withdraw: true })
    hall.floor.dies('b')
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['t to a'])
    expect(hall.floor.last.get('gone')?.state).toBe('cancelled')
  })

  it('is looked at when it is closed: a device that is another now than the one that bid', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', { ...SPEC, where: { zone: 'lab' } })
    born(hall.driver, 'a', { labels: { zone: 'lab' } })
    born(hall.driver, 'b', { labels: { zone: 'lab' } })
    const round = hall.round()
    hall.bid('b', round, 0.9)
    born(hall.driver, 'b', { labels: { zone: 'attic' } })
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['t to a'])
  })

  it('is asked for anew, when the quota was used up by others and there is some again', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.configure({ strategy: 'auction', tenants: { team: { quota: { cpu: '2' } } } })
    hall.floor.submit('t', { ...SPEC, tenant: 'team' })
    const round = hall.round()
    hall.floor.submit('other', { ...SPEC, tenant: 'team', strategy: 'greedy', where: { device: 'a' } })
    hall.floor.turn()
    hall.bid('a', round, 0.9)
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['other to a'])
    hall.driver.pass(60_000)
    hall.floor.ends('other', 'succeeded')
    expect(hall.floor.assigned).toEqual(['other to a'])
    hall.driver.effects = []
    hall.timeUp()
    expect(hall.why('t')).toContain('no bid came')
  })

  it('is no reason to go by bids: the mesh may go by another strategy now', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', SPEC)
    const round = hall.round()
    for (const id of ['big-a', 'big-b']) {
      const only = { resources: { cpu: '7' }, where: { device: id.slice(-1) }, strategy: 'greedy' }
      hall.floor.submit(id, { ...SPEC, ...only, priority: 60 })
    }
    hall.floor.configure({ strategy: 'greedy' })
    hall.floor.turn()
    hall.bid('a', round, 0.9)
    hall.timeUp()
    expect(hall.floor.assigned).toEqual(['big-a to a', 'big-b to b'])
    for (const id of ['big-a', 'big-b']) hall.floor.ends(id, 'succeeded')
    expect(hall.why('t')).toContain('most free of')
  })

  it('is no reason to stay: all that was offered may be withdrawn', () => {
    const hall = new Hall(['a', 'b'])
    hall.floor.submit('t', SPEC)
    hall.round()
    hall.floor.submit('t', { withdraw: true })
    hall.timeUp()
    hall.floor.submit('next', SPEC)
    expect(hall.round()).toMatchObject({ round: 2, lots: [{ count: 1 }] })
  })
})
