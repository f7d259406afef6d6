import { describe, expect, it } from 'vitest'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import { Bids, leftAsOf } from './bids.ts'
import type { Decision } from './decision.ts'
import { BIDS_WANTED_MIN, lotOf } from './lots.ts'
import { Scheduler } from './scheduler.ts'
import { hasRoom, mostFree } from './score.ts'
import type { Shape } from './shape.ts'
import { STRATEGY } from './strategies.ts'
import { device, NOW, run, task } from './testing/fleet.ts'

/** A scheduler that waits for bids, and its fleet; what is drawn from one seed is the same. */
class Sale {
  readonly random: Random
  readonly scheduler = new Scheduler()
  readonly devices: DeviceRecord[]

  constructor(seed: string, size: number, alike = false) {
    this.random = new Random(seed)
    this.scheduler.defaults.strategy = STRATEGY.auction
    this.devices = Array.from({ length: size }, (_, n) => {
      const cpu = alike ? 4 : 1 + this.random.below(8)
      const one = device(`d${n}`, { cpu: `${cpu}`, memory: `${alike ? 4 : 1 + this.random.below(8)}Gi` })
      one.kinship = this.scheduler.kinship
      this.scheduler.deviceChanged(one)
      return one
    })
  }

  submit(kinds: number, tasks: number): void {
    const shapes = Array.from({ length: kinds }, () => ({
      cpu: `${100 * (1 + this.random.below(9))}m`,
      memory: `${64 * (1 + this.random.below(9))}Mi`,
    }))
    for (let n = 0; n < tasks; n++) {
      this.scheduler.enqueue(
        task(`t${n}`, { resources: this.random.pick(shapes), priority: this.random.below(3) }),
      )
    }
  }

  /** The shape that waits for bids. */
  shape(): Shape {
    const [shape] = this.scheduler.awaitingBids()
    if (shape === undefined) throw new Error('nothing waits for bids')
    return shape
  }

  /** Every device says of every shape what the record says. */
  bidAll(): void {
    for (const shape of this.scheduler.awaitingBids()) {
      const entries = this.devices.map((one) => ({
        device: one,
        price: mostFree(one, shape.resources),
        leftThen: leftAsOf(one, 1, shape.resources),
        count: Number.MAX_SAFE_INTEGER,
        score: Number.POSITIVE_INFINITY,
      }))
      shape.bids = new Bids(shape, entries, Number.MAX_SAFE_INTEGER, 1)
    }
  }
}

describe('a sale', () => {
  it.each(['a', 'b', 'c', 'd', 'e', 'f'])(
    'of true bids by all gives each task to the most free device (%s)',
    (seed) => {
      const sale = new Sale(seed, 40)
      sale.submit(5, 200)
      sale.scheduler.auctions = true
      expect(run(sale.scheduler).placed).toEqual([])
      sale.bidAll()
      let placed = 0
      const reserve = ({ task: { id, demand }, device: chosen, explanation }: Decision) => {
        const need = demand?.resources ?? {}
        const best = Math.max(
          ...sale.devices.filter((one) => hasRoom(one, need)).map((one) => mostFree(one, need)),
        )
        expect(mostFree(chosen, need)).toBeCloseTo(best, 9)
        expect(explanation).toContain(': won with ')
        const attempt = { term: 1, agent: 'a', n: ++placed }
        chosen.add({ key: `${placed}`, attempt, task: id, resources: need, seq: 2, phase: 'assigned' })
      }
      sale.scheduler.run(NOW, 1_000, reserve, () => undefined)
      expect(placed).toBe(200)
    },
  )
})

describe('bids that are used up', () => {
  const entry = (one: DeviceRecord) => ({
    ...{ device: one, price: 1, leftThen: 1, count: 500 },
    score: Number.POSITIVE_INFINITY,
  })

  it('place nothing more, also when by the score more was placed at once than was left of them', () => {
    const sale = new Sale('two', 2, true)
    sale.scheduler.auctions = true
    for (let n = 0; n < 20; n++) sale.scheduler.enqueue(task(`t${n}`, { resources: { cpu: '10m' } }))
    const [bidder, other] = sale.devices as [DeviceRecord, DeviceRecord]
    sale.shape().bids = new Bids(sale.shape(), [entry(bidder)], 4, 1)
    bidder.desired = { cordon: true }
    expect(run(sale.scheduler, 5).placed.every(([, id]) => id === other.id)).toBe(true)
    // What the bidder could take now is offered again; a run that went on with fewer than none would never end.
    bidder.desired = {}
    sale.scheduler.deviceFreed(bidder)
    expect(sale.scheduler.awaitingBids()).toHaveLength(1)
  })

  it('are not asked about tasks that go where they were planned to go', () => {
    const sale = new Sale('two', 2, true)
    sale.scheduler.auctions = true
    const tasks = Array.from({ length: 20 }, (_, n) => task(`t${n}`, { resources: { cpu: '10m' } }))
    for (const one of tasks) sale.scheduler.enqueue(one)
    const [bidder, other] = sale.devices as [DeviceRecord, DeviceRecord]
    sale.scheduler.destinations.set(tasks[0] as TaskRecord, other)
    sale.shape().bids = new Bids(sale.shape(), [entry(bidder)], 500, 1)
    expect(run(sale.scheduler, 3).placed).toEqual([
      ['t0', other.id],
      ['t1', bidder.id],
      ['t2', bidder.id],
    ])
  })
})

describe('bids of a group that is spread', () => {
  it('are looked at anew for each task: what was uneven may be even again', () => {
    const sale = new Sale('spread', 0)
    for (const [n, zone] of ['a', 'a', 'a', 'b', 'b'].entries()) {
      const one = device(`d${n}`, { cpu: '1000', memory: '64Gi' }, { zone })
      one.kinship = sale.scheduler.kinship
      sale.scheduler.deviceChanged(one)
      sale.devices.push(one)
    }
    sale.scheduler.auctions = true
    for (let n = 0; n < 4; n++)
      sale.scheduler.enqueue(task(`t${n}`, { resources: { cpu: '1' }, group: 'g', spread: 'zone' }))
    const shape = sale.shape()
    const entries = sale.devices.map((one) => ({
      ...{ device: one, price: one.labels['zone'] === 'a' ? 0.9 : 0.2, count: 500 },
      ...{ leftThen: leftAsOf(one, 0, shape.resources), score: Number.POSITIVE_INFINITY },
    }))
    shape.bids = new Bids(shape, entries, 500, 1)
    const zones = run(sale.scheduler).decisions.map(({ device: { labels } }) => labels['zone'])
    expect(zones).toEqual(['a', 'b', 'a', 'b'])
  })
})

describe('who is asked', () => {
  const asked = (sale: Sale) => {
    const open = lotOf(sale.shape(), NOW, sale.random)
    if (open === undefined) throw new Error('there is no lot')
    const { floor = 0, share = 1 } = open.lot
    const above = sale.devices.filter((one) => mostFree(one, open.shape.resources) >= floor)
    return { ...open, above: above.length, expected: above.length * share }
  }

  it('are all where few have room', () => {
    const sale = new Sale('few', BIDS_WANTED_MIN)
    sale.scheduler.auctions = true
    sale.submit(1, 3)
    expect(asked(sale)).toMatchObject({ enough: BIDS_WANTED_MIN, asksAll: true, lot: { count: 3 } })
    expect(asked(sale).lot).not.toHaveProperty('floor')
  })

  it.each([
    ['unlike', false],
    ['alike', true],
  ])('are some dozens of a thousand that are %s', (_, alike) => {
    const sale = new Sale('many', 1_000, alike)
    sale.scheduler.auctions = true
    sale.submit(1, 1)
    const { asksAll, expected, enough } = asked(sale)
    expect(asksAll).toBe(false)
    expect(expected).toBeGreaterThan(enough)
    expect(expected).toBeLessThan(4 * BIDS_WANTED_MIN)
  })

  it('are more where more waits, two for each task', () => {
    const sale = new Sale('many', 1_000)
    sale.scheduler.auctions = true
    for (let n = 0; n < 200; n++) sale.scheduler.enqueue(task(`t${n}`, { resources: { cpu: '100m' } }))
    const { expected } = asked(sale)
    expect(expected).toBeGreaterThan(300)
    expect(expected).toBeLessThan(600)
  })

  it('are none where nobody has room, nor where only the coordinator knows who of many is the right place', () => {
    const sale = new Sale('many', 300)
    sale.scheduler.auctions = true
    sale.scheduler.enqueue(task('huge', { resources: { cpu: '64' } }))
    expect(lotOf(sale.shape(), NOW, sale.random)).toBeUndefined()
    const wishes = new Sale('many', 300)
    wishes.scheduler.auctions = true
    wishes.scheduler.enqueue(task('apart', { group: 'g', apart: [{ group: 'g' }] }))
    expect(lotOf(wishes.shape(), NOW, wishes.random)).toBeUndefined()
  })

  it('are told amounts exactly', () => {
    const sale = new Sale('few', 4, true)
    sale.scheduler.auctions = true
    sale.scheduler.enqueue(task('odd', { resources: { cpu: '70m', memory: '1.5Mi', lamps: 2 } }))
    sale.devices[0]?.update({
      ...(sale.devices[0] as DeviceRecord).state,
      capacity: { cpu: 4, memory: '4Gi', lamps: 3 },
    })
    sale.scheduler.deviceChanged(sale.devices[0] as DeviceRecord)
    expect(asked(sale).lot.resources).toEqual({ cpu: '70m', memory: 1_572_864, lamps: 2 })
  })
})
