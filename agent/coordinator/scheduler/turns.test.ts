/** Whose turn it is, while things change within a run. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Network } from '../../../shared/model/network.ts'
import { DEFAULT_TENANT, tenantRules } from '../../../shared/model/tenants.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord, Placement } from '../device-record.ts'
import { kinOf } from '../kinship.ts'
import type { TaskRecord } from '../task-record.ts'
import { Tenants } from '../tenants.ts'
import type { Decision } from './decision.ts'
import { comesFirst, type Waiting } from './queue.ts'
import { Scheduler } from './scheduler.ts'
import { STRATEGY } from './strategies.ts'
import { device, fleet, NOW, run, task } from './testing/fleet.ts'

/** Of a kind of its own. */
const spec = (kind: number, priority: number): Partial<TaskSpec> => ({
  priority,
  resources: { cpu: `${100 + kind}m`, memory: '1Mi' },
})

/** A fleet to which the same things happen whenever the seed is the same. */
class Course {
  readonly random: Random
  readonly scheduler = new Scheduler(new Tenants(), new Random('course'), 0)
  readonly told: string[] = []
  readonly #waiting: TaskRecord[] = []
  readonly #running: [DeviceRecord, Placement][] = []
  readonly #devices: DeviceRecord[] = []
  #count = 0
  #now = NOW

  /** @param looked a kind of another tenant that no device can ever take waits too, so that all are looked at each time */
  constructor(seed: string, looked: boolean) {
    const { scheduler } = this
    this.random = new Random(seed)
    const strategy = STRATEGY[this.#one(['greedy', 'best-fit', 'dp', 'heuristic', 'auction'] as const)]
    scheduler.configure({ strategy, objective: 'peak', network: new Network() })
    const quota = { cpu: `${1 + this.random.below(5)}` }
    scheduler.tenants.configure(
      tenantRules(this.random.chance(0.5) ? { tenants: { [DEFAULT_TENANT]: { quota } } } : {}),
    )
    for (let n = 0; n < 4; n++) this.#join()
    if (looked) scheduler.enqueue(task('never', { tenant: 'other', where: { rack: 'nowhere' } }))
    this.#run()
    this.told.length = 0
  }

  #one<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)] as T
  }

  #join(): void {
    const labels = { rack: `r${this.random.below(3)}` }
    const one = device(
      `d${this.#devices.length}`,
      { cpu: `${1 + this.random.below(3)}`, memory: '4Gi' },
      labels,
    )
    one.kinship = this.scheduler.kinship
    this.#devices.push(one)
    this.scheduler.deviceChanged(one)
  }

  #come(): void {
    const { random } = this
    const group = `g${random.below(2)}`
    const one = task(`t${++this.#count}`, {
      priority: this.#one([40, 50, 60]),
      resources: { cpu: this.#one(['100m', '300m', '500m', '1']), memory: '1Mi' },
      ...(random.chance(0.15) ? { group } : {}),
      ...(random.chance(0.1) ? { near: [{ group, by: 'rack' }] } : {}),
      ...(random.chance(0.1) ? { apart: [{ group }] } : {}),
    })
    this.#waiting.push(one)
    this.scheduler.enqueue(one, random.below(3))
  }

  /** Also within a run. */
  #stir(): void {
    const { random, scheduler } = this
    if (random.chance(0.05)) this.#come()
    const one = this.#one(this.#waiting)
    if (one === undefined) return
    const what = random.below(20)
    if (what === 0) scheduler.raise(one, 5)
    if (what !== 1) return
    scheduler.remove(one)
    this.#waiting.splice(this.#waiting.indexOf(one), 1)
  }

  pass(): void {
    const { random, scheduler } = this
    for (let n = random.below(6); n > 0; n--) this.#come()
    const [ended] = this.#running.splice(random.below(Math.max(1, this.#running.length)), 1)
    if (ended !== undefined) {
      ended[0].remove(ended[1])
      scheduler.deviceFreed(ended[0])
    }
    if (random.chance(0.1)) this.#one(this.#devices).desired = { cordon: true }
    if (random.chance(0.1)) {
      const opened = this.#one(this.#devices)
      opened.desired = {}
      scheduler.deviceFreed(opened)
    }
    if (random.chance(0.05)) this.#join()
    this.#now = { monoMs: this.#now.monoMs + 200, wallMs: this.#now.wallMs + 200 }
    this.#run()
  }

  #run(): void {
    const { scheduler, told } = this
    const reserve = ({ task: placed, device: place }: Decision) => {
      told.push(`${placed.id} on ${place.id}`)
      const key = `${++this.#count}`
      const placement: Placement = {
        ...{ key, attempt: { term: 1, agent: 'a', n: this.#count }, task: placed.id, seq: 1, phase: 'held' },
        resources: placed.demand?.resources ?? {},
        kin: kinOf(placed.spec),
        account: scheduler.tenants.of(placed),
      }
      place.add(placement)
      this.#running.push([place, placement])
      this.#waiting.splice(this.#waiting.indexOf(placed), 1)
      this.#stir()
    }
    const waits = (tasks: readonly TaskRecord[]) => told.push(`waits: ${tasks.map(({ id }) => id).sort()}`)
    while (scheduler.run(this.#now, 1 + this.random.below(20), reserve, waits) !== undefined);
  }
}

describe('the order of turns', () => {
  it('is that of the tasks, whatever comes, goes and moves forward within the run', () => {
    const step = fc.record({
      what: fc.constantFrom('nothing', 'comes', 'goes', 'forward'),
      which: fc.nat(50),
      kind: fc.nat(6),
      priority: fc.constantFrom(40, 50, 60),
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(6), fc.constantFrom(40, 50, 60)), { minLength: 1, maxLength: 12 }),
        fc.array(step, { maxLength: 20 }),
        (first, steps) => {
          // So many that nothing goes in bursts.
          const devices = Array.from({ length: 20 }, (_, n) => device(`d${n}`, { cpu: '9', memory: '1Gi' }))
          const scheduler = fleet(...devices)
          const waiting = new Set<TaskRecord>()
          const add = (kind: number, priority: number) => {
            const one = task('t', spec(kind, priority))
            waiting.add(one)
            scheduler.enqueue(one)
          }
          for (const [kind, priority] of first) add(kind, priority)
          const left = [...steps]
          let ranks = 0
          const reserve = ({ task: placed }: Decision) => {
            const others = [...waiting].filter((one) => one !== placed).map(({ queued }) => queued as Waiting)
            // It has left its queue; only by who is still there can it be told whether it was first.
            const own = before.get(placed) as Waiting
            expect(others.filter((one) => comesFirst(one, own))).toEqual([])
            waiting.delete(placed)
            const next = left.shift()
            const chosen = [...waiting][(next?.which ?? 0) % Math.max(1, waiting.size)]
            if (next?.what === 'comes') add(next.kind, next.priority)
            else if (next?.what === 'goes' && chosen !== undefined) {
              scheduler.remove(chosen)
              waiting.delete(chosen)
            } else if (next?.what === 'forward' && chosen !== undefined) scheduler.raise(chosen, ++ranks)
            remember()
          }
          const before = new Map<TaskRecord, Waiting>()
          const remember = () => {
            for (const one of waiting) before.set(one, one.queued as Waiting)
          }
          remember()
          scheduler.run(NOW, 1_000, reserve, () => undefined)
          expect(waiting.size).toBe(0)
        },
      ),
    )
  })

  it('comes to what a placement of the run makes able to go', () => {
    const scheduler = fleet(
      device('a', { cpu: '2', memory: '1Gi' }, { rack: 'x' }),
      device('b', { cpu: '2', memory: '1Gi' }, { rack: 'y' }),
    )
    const near = task('near', { near: [{ group: 'db', by: 'rack' }], priority: 90 })
    scheduler.enqueue(near)
    scheduler.enqueue(task('db', { group: 'db' }))
    scheduler.enqueue(task('other', { priority: 10 }))
    expect(run(scheduler).placed.map(([id]) => id)).toEqual(['db', 'near', 'other'])
  })

  it('is what a look at all kinds for every task would find, by whatever strategy', () => {
    let placed = 0
    for (let round = 0; round < 100; round++) {
      const [heaped, looked] = [new Course(`${round}`, false), new Course(`${round}`, true)]
      for (let step = 0; step < 20; step++) {
        heaped.pass()
        looked.pass()
      }
      expect(heaped.told, `round ${round}`).toEqual(looked.told)
      placed += heaped.told.length
    }
    expect(placed).toBeGreaterThan(1_000)
  })
})
