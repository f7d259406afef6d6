import { describe, expect, it } from 'vitest'
import { demandOf } from '../../../shared/model/task.ts'
import { OBJECTIVES, type ObjectiveName, type TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import { DeviceRecord, type Placement } from '../device-record.ts'
import { newTask, type TaskRecord } from '../task-record.ts'
import { COLUMNS_MAX } from './fleet-table.ts'
import { Scheduler } from './scheduler.ts'
import { hasRoom } from './score.ts'
import { STRATEGY, towards } from './strategies.ts'

const SAME = 1e-9
const ZONES = ['north', 'south', 'west']

interface Running {
  readonly device: DeviceRecord
  readonly placement: Placement
}

/** A fleet that lives: tasks come and end, devices close, open, go, come back, change and measure. */
class Meadow {
  readonly random: Random
  readonly scheduler = new Scheduler()
  readonly devices: DeviceRecord[] = []
  readonly running: Running[] = []
  readonly waiting = new Set<TaskRecord>()
  now = { monoMs: 0, wallMs: 0 }
  placed = 0
  #seq = 0

  constructor(
    seed: string,
    size: number,
    strategy: keyof typeof STRATEGY,
    objective: ObjectiveName = 'peak',
  ) {
    this.random = new Random(seed)
    Object.assign(this.scheduler.defaults, { strategy: STRATEGY[strategy], objective })
    for (let index = 0; index < size; index++) this.join(`d${index}`)
  }

  join(id: string): void {
    const device = new DeviceRecord(id, this.#state(id), 0)
    device.reportedNonce = id
    this.devices.push(device)
    this.scheduler.deviceChanged(device)
  }

  #state(id: string): DeviceRecord['state'] {
    const { random } = this
    return {
      ...{ incarnation: 1, nonce: id, online: true, version: '1', candidate: 'auto' as const },
      labels: { zone: ZONES[random.below(ZONES.length)] as string },
      capacity: {
        cpu: `${1 + random.below(8)}`,
        memory: `${1 + random.below(8)}Gi`,
        ...(random.chance(0.2) ? { gpu: 1 + random.below(2) } : {}),
      },
      executors: ['exec'],
    }
  }

  come(): void {
    const { random } = this
    const spec: TaskSpec = {
      run: { exec: ['true'] },
      resources: {
        cpu: `${250 * (1 + random.below(4))}m`,
        memory: `${256 * (1 + random.below(4))}Mi`,
        ...(random.chance(0.1) ? { gpu: 1 } : {}),
      },
      ...(random.chance(0.5) ? { duration: random.chance(0.5) ? '1s' : '100ms' } : {}),
      ...(random.chance(0.5) ? { where: { zone: ZONES[random.below(ZONES.length)] as string } } : {}),
    }
    const task = newTask(`t${++this.#seq}`, this.#seq, 'digest', '', spec, demandOf(spec))
    this.waiting.add(task)
    this.scheduler.enqueue(task)
  }

  end(): void {
    const [running] = this.running.splice(this.random.below(Math.max(1, this.running.length)), 1)
    if (running === undefined) return
    running.device.remove(running.placement)
    this.scheduler.deviceFreed(running.device)
  }

  /** Something happens to a device, told as the coordinator tells it. */
  befall(device: DeviceRecord): void {
    const { random, scheduler } = this
    const what = random.below(8)
    if (what === 0) device.desired = { cordon: true }
    else if (what === 1) device.condition = 'lost'
    else if (what === 2) device.avoidUntilMs = this.now.monoMs + random.below(50)
    else if (what === 3) {
      if (device.update(this.#state(device.id))) scheduler.deviceChanged(device)
    } else if (what === 4) {
      scheduler.deviceGone(device)
      this.devices.splice(this.devices.indexOf(device), 1)
      for (let i = this.running.length - 1; i >= 0; i--)
        if (this.running[i]?.device === device) this.running.splice(i, 1)
      this.join(`${device.id}x`)
    } else if (what < 7) this.#measure(device)
    else {
      device.desired = {}
      device.condition = 'online'
      scheduler.deviceFreed(device)
    }
  }

  #measure(device: DeviceRecord): void {
    const load = {
      ...{ incarnation: 1, nonce: device.id, seq: 1, inboxSeq: 1, heldDigest: '' },
      highestTerm: { term: 1, agent: 'a' },
      cpu: this.random.float() * 4,
      memoryUsed: this.random.float() * 2 ** 32,
      memoryTotal: 2 ** 32,
    }
    if (device.measured(load, 0.9, this.now.monoMs)) this.scheduler.deviceFreed(device)
    else this.scheduler.deviceMeasured(device)
  }

  /** Lets the scheduler run; every choice is held against a look at all devices. */
  run(): void {
    this.scheduler.run(
      this.now,
      1_000,
      ({ task, device }) => {
        const resources = task.demand?.resources ?? {}
        const durationMs = task.demand?.durationMs ?? 0
        const strategy = towards(this.scheduler.defaults.strategy, this.scheduler.defaults.objective)
        const fitting = this.fitting(task)
        const scores = fitting.map((one) => strategy.score(one, resources, durationMs))
        expect(Math.max(...scores)).toBeLessThanOrEqual(1)
        // What is measured may be more than there is, with what was placed since; what is reserved may not.
        if (strategy !== STRATEGY.greedy) expect(Math.min(...scores)).toBeGreaterThanOrEqual(0)
        expect(fitting.includes(device)).toBe(true)
        // A burst fills one device, so that only its first task goes where it is best.
        if (this.waiting.size < this.devices.length / ZONES.length)
          expect(scores[fitting.indexOf(device)]).toBeGreaterThanOrEqual(Math.max(...scores) - SAME)
        const attempt = { term: 1, agent: 'a', n: ++this.#seq }
        const placement: Placement = {
          ...{ key: `${this.#seq}`, attempt, task: task.id, resources, seq: 1 },
          phase: 'held',
          endsMs: this.now.monoMs + durationMs,
        }
        device.add(placement)
        this.running.push({ device, placement })
        this.waiting.delete(task)
        this.placed++
      },
      () => undefined,
    )
  }

  /** Devices that the task may go to now. */
  fitting(task: TaskRecord): DeviceRecord[] {
    const zone = task.spec?.where?.['zone']
    return this.devices.filter(
      (device) =>
        device.closedReason(this.now.monoMs, this.now.wallMs) === undefined &&
        hasRoom(device, task.demand?.resources ?? {}) &&
        (zone === undefined || device.labels['zone'] === zone),
    )
  }
}

describe('the index of the best devices', () => {
  it.each([
    ...[7, 150].flatMap((size) => [
      ...OBJECTIVES.map((objective) => ['greedy', objective, size] as const),
      ['best-fit', 'spread', size] as const,
      ['dot-product', 'peak', size] as const,
    ]),
    ['greedy', 'peak', 1_300],
  ] as const)(
    'by %s for %s chooses of %i devices as a look at all of them would',
    (strategy, objective, size) => {
      let placed = 0
      for (let round = 0; round < (size > 1_000 ? 1 : 4); round++) {
        const meadow = new Meadow(`${strategy} ${objective} ${size} ${round}`, size, strategy, objective)
        const { random } = meadow
        for (let step = 0; step < 60; step++) {
          for (let n = random.below(1 + Math.min(size / 10, 20)); n >= 0; n--) meadow.come()
          for (let n = random.below(1 + Math.min(size / 12, 18)); n > 0; n--) meadow.end()
          for (let n = random.below(3); n > 0; n--) {
            meadow.befall(meadow.devices[random.below(meadow.devices.length)] as DeviceRecord)
          }
          meadow.now = { monoMs: meadow.now.monoMs + 10, wallMs: meadow.now.wallMs + 10 }
          meadow.run()
        }
        // Those that opened with nobody telling are found within a few runs.
        for (let runs = 0; runs < size; runs += 16) meadow.run()
        for (const task of meadow.waiting) expect(meadow.fitting(task)).toEqual([])
        placed += meadow.placed
      }
      expect(placed).toBeGreaterThan(100)
    },
  )

  it('chooses the same again from the same', () => {
    const run = () => {
      const meadow = new Meadow('again', 200, 'greedy')
      for (let step = 0; step < 50; step++) {
        for (let n = 0; n < 10; n++) meadow.come()
        for (let n = 0; n < 6; n++) meadow.end()
        meadow.run()
      }
      return meadow.running.map(({ device, placement }) => `${placement.task} ${device.id}`)
    }
    expect(run()).toEqual(run())
  })

  it('holds to resources that are one too many for its columns', () => {
    const scheduler = new Scheduler()
    const names = Array.from({ length: COLUMNS_MAX + 2 }, (_, index) => `r${index}`)
    const capacity = { cpu: '4', memory: '4Gi', ...Object.fromEntries(names.map((name) => [name, 1])) }
    const device = new DeviceRecord(
      'd',
      {
        ...{ incarnation: 1, nonce: 'n', online: true, version: '1', candidate: 'auto', labels: {} },
        ...{ capacity, executors: ['exec'] },
      },
      0,
    )
    device.reportedNonce = 'n'
    scheduler.deviceChanged(device)
    const placed: string[] = []
    for (const round of [0, 1]) {
      for (const name of names) {
        const spec: TaskSpec = { run: { exec: ['true'] }, resources: { cpu: '1m', memory: '1Mi', [name]: 1 } }
        scheduler.enqueue(newTask(`${name}-${round}`, placed.length, '', '', spec, demandOf(spec)))
        scheduler.run(
          { monoMs: 0, wallMs: 0 },
          10,
          ({ task }) => {
            const attempt = { term: 1, agent: 'a', n: placed.push(task.id) }
            const resources = task.demand?.resources ?? {}
            device.add({ key: task.id, attempt, task: task.id, resources, seq: 1, phase: 'held' })
          },
          () => undefined,
        )
      }
    }
    expect(placed).toEqual(names.map((name) => `${name}-0`))
  })
})
