import { describe, expect, it } from 'vitest'
import type { Auction, Bid, DeviceLoad, Lot } from '../../shared/protocol/schemas/index.ts'
import { assign, Driver, SPEC } from '../core/testing/driver.ts'

const LOT: Lot = { resources: { cpu: '500m', memory: '64Mi' }, executor: 'exec', count: 10 }
const IDLE = { cpu: 0, cpuTotal: 2, memoryUsed: 0, memoryTotal: 2 ** 30 }

/** A device of 2 cores and 1 GiB in a mesh that has auctions. */
class Bidder {
  readonly driver: Driver
  #round = 0

  constructor(...more: ConstructorParameters<typeof Driver>) {
    this.driver = new Driver(...more).online(undefined, { auctions: true })
    this.driver.settled()
  }

  /** Opens a round; the device measures `load` when it asks for that. @returns its messages */
  round(lots: readonly Lot[], load: object = IDLE, more: Partial<Auction> = {}): Bid[] {
    const body = { term: 1, agent: 'boss', round: ++this.#round, lots, ...more }
    this.driver.hear('device', { route: 'auction', id: '', body })
    for (const _ of this.driver.take('measure')) this.driver.give({ in: 'measured', load })
    return this.driver.published<Bid>('bid')
  }

  price(lot: Partial<Lot> = {}, load: object = IDLE): number | undefined {
    return this.round([{ ...LOT, ...lot }], load)[0]?.bids[0]?.price
  }
}

const listening = (driver: Driver) =>
  driver.effects
    .filter((effect) => effect.do === 'subscribe' || effect.do === 'unsubscribe')
    .map((effect) => [
      effect.do,
      effect.do === 'subscribe' ? effect.to.map(({ topic }) => topic) : effect.topics,
    ])
const TOPIC = 'covey/v1/home/coordinator/auction'

describe('a device listens for auctions', () => {
  it('while the beacon says that there are some, and not otherwise', () => {
    const driver = new Driver().online().settled()
    driver.beacon()
    expect(listening(driver)).toEqual([])
    driver.beacon({ auctions: true })
    driver.beacon({ auctions: true })
    expect(listening(driver)).toEqual([['subscribe', [TOPIC]]])
    driver.settled().beacon()
    expect(listening(driver)).toEqual([['unsubscribe', [TOPIC]]])
  })

  it('again on its next connection', () => {
    const { driver } = new Bidder()
    driver.give({ in: 'link-down', link: 'device', reason: 'cut' })
    driver.timer('worker/connect')
    driver.settled().reconnect({ auctions: true })
    expect(listening(driver)).toContainEqual(['subscribe', [TOPIC]])
  })

  it('and goes on without, where the broker refuses it', () => {
    const driver = new Driver().online().settled()
    driver.beacon({ auctions: true })
    const token = driver.take('subscribe')[0]?.token ?? 0
    driver.give({ in: 'subscribed', link: 'device', token, refused: [TOPIC] })
    expect(driver.take('disconnect')).toEqual([])
  })
})

describe('a device with GPUs bids', () => {
  it('for as many tasks as have room on single ones', () => {
    const bidder = new Bidder('never', { capacity: { cpu: '8', memory: '1Gi', gpu: 2 } })
    const counts = (gpu: string) =>
      bidder
        .round([{ ...LOT, resources: { cpu: '100m', gpu } }])
        .flatMap(({ bids }) => bids.map(({ count }) => count))
    expect(counts('300m')).toEqual([6])
    const spec = { run: { exec: ['true'] }, resources: { cpu: '100m', gpu: '600m' } }
    bidder.driver.inbox({ assign: [assign(1, spec), assign(2, spec)] })
    bidder.driver.settled()
    expect(counts('400m')).toEqual([2])
  })
})

describe('a bid', () => {
  it('says what would be left of what is scarcest, and for how many there is room', () => {
    const [bid] = new Bidder().round([LOT])
    expect(bid).toEqual({
      ...{ incarnation: 1, term: 1, agent: 'boss', round: 1, inboxSeq: 0 },
      bids: [{ lot: 0, price: 0.75, count: 4 }],
    })
  })

  it('takes off what the device holds, and says which orders it has read', () => {
    const bidder = new Bidder()
    bidder.driver.inbox({ seq: 3, assign: [assign(1)] })
    const [bid] = bidder.round([LOT])
    expect(bid).toMatchObject({ inboxSeq: 3, bids: [{ price: 0.25, count: 2 }] })
  })

  it('goes by what is measured now where that is worse, and not by the last heartbeat', () => {
    const bidder = new Bidder()
    bidder.driver.timer('worker/heartbeat')
    bidder.driver.give({ in: 'measured', load: IDLE })
    expect(bidder.price({}, { ...IDLE, cpu: 1 })).toBe(0.25)
    expect(bidder.price({}, IDLE)).toBe(0.75)
  })

  it('is no heartbeat, nor takes its place, nor the cpu out of it', () => {
    const bidder = new Bidder()
    bidder.round([LOT], { ...IDLE, cpu: 0.5 })
    expect(bidder.driver.published('load')).toEqual([])
    bidder.driver.timer('worker/heartbeat')
    bidder.driver.give({ in: 'measured', load: { memoryUsed: 0, memoryTotal: 2 ** 30 } })
    expect(bidder.driver.published<DeviceLoad>('load')).toMatchObject([{ cpu: 0.5, cpuTotal: 2 }])
    bidder.driver.pass(200)
    bidder.driver.timer('worker/heartbeat')
    bidder.driver.give({ in: 'measured', load: { memoryUsed: 0, memoryTotal: 2 ** 30 } })
    expect(bidder.driver.published<DeviceLoad>('load')[0]).not.toHaveProperty('cpu')
  })

  it('names several lots in one message, and only those that the device can take', () => {
    const bids = new Bidder('never', {
      labels: { disk: 'ssd' },
      executors: ['exec', 'function'],
      functions: ['f'],
    }).round([
      LOT,
      { ...LOT, where: { disk: 'hdd' } },
      { ...LOT, where: { disk: 'ssd', device: 'pi' }, count: 2 },
      { ...LOT, executor: 'wasm' },
      { ...LOT, executor: 'function', function: 'g' },
      { ...LOT, executor: 'function', function: 'f' },
      { ...LOT, resources: { cpu: '3' } },
      { ...LOT, resources: { gpu: 1 } },
    ])
    expect(bids.map((bid) => bid.bids.map(({ lot, count }) => [lot, count]))).toEqual([
      [
        [0, 4],
        [2, 2],
        [5, 4],
      ],
    ])
  })

  it.each([
    ['there is no room', { resources: { cpu: '3' } }, IDLE],
    ['nothing is left by what it measures', {}, { ...IDLE, cpu: 1.9 }],
    ['it would bid less than the floor', { floor: 0.8 }, IDLE],
    ['its battery is low', {}, { ...IDLE, battery: 9 }],
    ['others are to answer', { share: 0 }, IDLE],
  ])('is not made when %s', (_, lot, load) => {
    expect(new Bidder().round([{ ...LOT, ...lot }], load)).toEqual([])
  })

  it('is not made for a GPU of which others have a share each', () => {
    const bidder = new Bidder('never', { capacity: { cpu: 8, memory: '8Gi', gpu: 2 } })
    const gpu = (amount: number | string): Lot => ({
      resources: { cpu: '100m', gpu: amount },
      executor: 'exec',
      count: 9,
    })
    const of = (bids: Bid[]) => bids.flatMap((bid) => bid.bids.map(({ lot }) => lot))
    expect(of(bidder.round([gpu('500m'), gpu(1), gpu(2)]))).toEqual([0, 1, 2])
    const share = { ...SPEC, resources: { cpu: '100m', memory: '64Mi', gpu: '600m' } }
    bidder.driver.inbox({ assign: [assign(1, share), assign(2, share)] })
    expect(of(bidder.round([gpu('300m'), gpu('500m'), gpu(1)]))).toEqual([0])
  })

  it('is made at the floor, and by about the share that is asked for', () => {
    expect(new Bidder().price({ floor: 0.75 })).toBe(0.75)
    const answers = Array.from({ length: 200 }, (_, n) => {
      const bidder = new Bidder('never', { seed: `${n}` })
      return bidder.round([{ ...LOT, share: 0.3 }]).length
    })
    const count = answers.reduce((sum, one) => sum + one, 0)
    expect(count).toBeGreaterThan(40)
    expect(count).toBeLessThan(80)
  })

  it.each([
    ['an earlier reign', { term: 0 }],
    ['a reign that the device has not heard of', { term: 2 }],
    ['another agent of the same term', { agent: 'rival' }],
  ])('is not made for %s', (_, more) => {
    const bidder = new Bidder()
    expect(bidder.round([LOT], IDLE, more)).toEqual([])
    expect(bidder.round([LOT])).toHaveLength(1)
  })

  it('is not made by a device that stops, or whose disk does not keep the reign', () => {
    const stopping = new Bidder()
    stopping.driver.inbox({ assign: [assign(1)] })
    stopping.driver.give({ in: 'stop' })
    expect(stopping.round([LOT])).toEqual([])
    const forgetful = new Bidder()
    forgetful.driver.breakJournal()
    forgetful.driver.beacon({ term: 2, auctions: true })
    expect(forgetful.round([LOT], IDLE, { term: 2 })).toEqual([])
  })

  it('answers the last of two rounds that came before the device could measure', () => {
    const { driver } = new Bidder()
    for (const round of [1, 2]) {
      driver.hear('device', {
        route: 'auction',
        id: '',
        body: { term: 1, agent: 'boss', round, lots: [LOT] },
      })
    }
    expect(driver.take('measure')).toHaveLength(1)
    driver.give({ in: 'measured', load: IDLE })
    expect(driver.published<Bid>('bid').map(({ round }) => round)).toEqual([2])
  })
})
