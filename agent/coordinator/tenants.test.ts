/** Tenants as the scheduler treats them: quotas, and dominant resource fairness between those whose work waits. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseResources } from '../../shared/model/resources.ts'
import { demandOf } from '../../shared/model/task.ts'
import { type TenantRule, UNBOUND } from '../../shared/model/tenants.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { DeviceRecord } from './device-record.ts'
import type { Explanation } from './scheduler/explain.ts'
import { Scheduler } from './scheduler/scheduler.ts'
import { newTask, type TaskRecord } from './task-record.ts'
import { Tenants } from './tenants.ts'

const NOW = { monoMs: 1_000, wallMs: 1_700_000_000_000 }

function device(id: string, capacity: Record<string, string>): DeviceRecord {
  const record = new DeviceRecord(
    id,
    {
      incarnation: 1,
      nonce: 'n',
      online: true,
      labels: {},
      capacity,
      executors: ['exec'],
      candidate: 'auto',
      version: '1',
    },
    0,
  )
  record.reportedNonce = 'n'
  return record
}

/** A scheduler with devices, that reserves as the coordinator does. */
class Stage {
  readonly tenants = new Tenants()
  readonly scheduler = new Scheduler(this.tenants)
  readonly placed: string[] = []
  readonly waits: Explanation[] = []
  readonly devices: DeviceRecord[]
  #seq = 0

  constructor(devices: DeviceRecord[], rules: Record<string, Partial<TenantRule>> = {}) {
    this.devices = devices
    for (const one of devices) this.scheduler.deviceChanged(one)
    this.tenants.configure(
      new Map(Object.entries(rules).map(([name, more]) => [name, { ...UNBOUND, ...more }])),
    )
  }

  submit(tenant: string, resources: Record<string, string>, more: Partial<TaskSpec> = {}): TaskRecord {
    const spec: TaskSpec = { run: { exec: ['true'] }, resources, tenant, ...more }
    const task = newTask(`${tenant}${++this.#seq}`, this.#seq, '', '', spec, demandOf(spec))
    this.scheduler.enqueue(task)
    return task
  }

  run(max = 1_000): this {
    this.scheduler.run(
      NOW,
      max,
      ({ task, device: on }) => {
        this.placed.push(task.id)
        const { resources = {}, tenant = '' } = task.demand ?? {}
        const attempt = { term: 1, agent: 'a', n: this.placed.length }
        const account = this.tenants.account(tenant)
        const key = `${this.placed.length}`
        on.add({ key, attempt, task: task.id, resources, account, seq: 1, phase: 'held' })
      },
      (_, explanation) => this.waits.push(explanation),
    )
    return this
  }

  count(tenant: string): number {
    return this.placed.filter((id) => id.startsWith(tenant)).length
  }
}

describe('dominant resource fairness', () => {
  it('shares nine cores and 18 GB as in the paper: three tasks of A with 1 and 4, two of B with 3 and 1', () => {
    const stage = new Stage([device('d', { cpu: '9', memory: '18Gi' })])
    for (let n = 0; n < 9; n++) stage.submit('a', { cpu: '1', memory: '4Gi' })
    for (let n = 0; n < 9; n++) stage.submit('b', { cpu: '3', memory: '1Gi' })
    stage.run()
    expect([stage.count('a'), stage.count('b')]).toEqual([3, 2])
    expect([stage.tenants.share('a'), stage.tenants.share('b')]).toEqual([2 / 3, 2 / 3])
  })

  it('gives twice the share to twice the weight', () => {
    const stage = new Stage([device('d', { cpu: '9', memory: '9Gi' })], { a: { weight: 2 } })
    for (const tenant of ['a', 'b'])
      for (let n = 0; n < 9; n++) stage.submit(tenant, { cpu: '1', memory: '1Mi' })
    stage.run()
    expect([stage.count('a'), stage.count('b')]).toEqual([6, 3])
  })

  it('counts only among work of one priority', () => {
    const stage = new Stage([device('d', { cpu: '4', memory: '4Gi' })])
    for (let n = 0; n < 4; n++) stage.submit('a', { cpu: '1', memory: '1Mi' }, { priority: 55 })
    for (let n = 0; n < 4; n++) stage.submit('b', { cpu: '1', memory: '1Mi' })
    expect(stage.run().placed).toEqual(['a1', 'a2', 'a3', 'a4'])
  })

  it('leaves nothing idle that one tenant alone can use', () => {
    const stage = new Stage([device('d', { cpu: '8', memory: '8Gi' })])
    for (let n = 0; n < 9; n++) stage.submit('a', { cpu: '1', memory: '1Mi' })
    stage.submit('b', { cpu: '1', memory: '1Mi' })
    expect(stage.run().count('a')).toBe(7)
  })

  it('lets the one with the least share go next, of all whose task fits, over random demands', () => {
    const amount = fc.integer({ min: 1, max: 4 })
    const tenant = fc.record({ cpu: amount, memory: amount, weight: fc.integer({ min: 1, max: 3 }) })
    fc.assert(
      fc.property(fc.array(tenant, { minLength: 2, maxLength: 4 }), amount, (tenants, size) => {
        const names = tenants.map((_, n) => `t${n}x`)
        const rules = Object.fromEntries(tenants.map(({ weight }, n) => [names[n] as string, { weight }]))
        const whole = device('d', { cpu: `${4 * size}`, memory: `${4 * size}Gi` })
        const stage = new Stage([whole], rules)
        for (const [n, { cpu, memory }] of tenants.entries())
          for (let i = 0; i < 16; i++)
            stage.submit(names[n] as string, { cpu: `${cpu}`, memory: `${memory}Gi` })
        const used = tenants.map(() => 0)
        const share = (n: number) => {
          const { cpu, memory, weight } = tenants[n] as (typeof tenants)[number]
          return ((used[n] as number) * Math.max(cpu, memory)) / (4 * size) / weight
        }
        const left = (of: 'cpu' | 'memory') =>
          4 * size - tenants.reduce((sum, one, n) => sum + one[of] * (used[n] as number), 0)
        for (const id of stage.run().placed) {
          const went = names.findIndex((name) => id.startsWith(name))
          const could = tenants.flatMap(({ cpu, memory }, n) =>
            cpu <= left('cpu') && memory <= left('memory') ? [n] : [],
          )
          expect(could).toContain(went)
          for (const n of could) expect(share(went)).toBeLessThanOrEqual(share(n) + 1e-9)
          used[went] = (used[went] as number) + 1
        }
        // And nobody waits who would fit.
        expect(tenants.some(({ cpu, memory }) => cpu <= left('cpu') && memory <= left('memory'))).toBe(false)
        for (const [n, name] of names.entries()) expect(stage.tenants.share(name)).toBeCloseTo(share(n), 9)
      }),
    )
  })
})

describe('a quota', () => {
  const four = { a: { quota: parseResources({ cpu: '4' }) } }

  it('bounds what a tenant reserves on all devices together, and the wait says which and who uses it', () => {
    const stage = new Stage(
      [device('d', { cpu: '8', memory: '8Gi' }), device('e', { cpu: '8', memory: '8Gi' })],
      four,
    )
    for (let n = 0; n < 3; n++) stage.submit('a', { cpu: '1500m', memory: '1Gi' })
    stage.submit('b', { cpu: '8', memory: '1Gi' })
    stage.run()
    expect([stage.count('a'), stage.count('b')]).toEqual([2, 1])
    expect(stage.waits.map(({ text }) => text)).toEqual([
      'waits: tenant a has reserved 3 of its quota of 4 cpu, and this needs 1500m; it is used by a1 (1500m), a2 (1500m)',
    ])
  })

  it('lets the next go when something of the tenant ends, on whatever device', () => {
    const [d, e] = [device('d', { cpu: '4', memory: '8Gi' }), device('e', { cpu: '8', memory: '8Gi' })]
    const stage = new Stage([d, e], four)
    stage.submit('a', { cpu: '4', memory: '1Gi' }, { where: { device: 'd' } })
    stage.submit('a', { cpu: '1', memory: '1Gi' }, { where: { device: 'e' } })
    expect(stage.run().placed).toEqual(['a1'])
    expect(stage.run().placed).toEqual(['a1'])
    for (const placement of [...d.placements.values()]) d.finish(placement)
    stage.scheduler.deviceFreed(d)
    expect(stage.run().placed).toEqual(['a1', 'a2'])
  })

  it('that is raised lets the next go', () => {
    const stage = new Stage([device('d', { cpu: '8', memory: '8Gi' })], four)
    stage.submit('a', { cpu: '5', memory: '1Gi' })
    expect(stage.run().waits[0]?.text).toBe('waits: the quota of tenant a is 4 cpu, and this needs 5')
    stage.tenants.configure(new Map())
    stage.scheduler.quotasChanged()
    expect(stage.run().placed).toEqual(['a1'])
  })

  it('is never exceeded, and holds up nobody who is within his own, over random work', () => {
    const work = fc.record({ tenant: fc.constantFrom('a', 'b', 'c'), cpu: fc.integer({ min: 1, max: 3 }) })
    fc.assert(
      fc.property(fc.array(work, { maxLength: 40 }), fc.integer({ min: 1, max: 6 }), (list, cpu) => {
        const quota = parseResources({ cpu: `${cpu}` })
        const stage = new Stage([device('d', { cpu: '8', memory: '8Gi' })], { a: { quota }, b: { quota } })
        const tasks = list.map((one) => stage.submit(one.tenant, { cpu: `${one.cpu}`, memory: '1Mi' }))
        stage.run()
        const reserved = (tenant: string) => stage.tenants.account(tenant).reserved['cpu'] ?? 0
        for (const tenant of ['a', 'b']) expect(reserved(tenant)).toBeLessThanOrEqual(1_000 * cpu)
        const left = 8_000 - reserved('a') - reserved('b') - reserved('c')
        for (const [n, task] of tasks.entries()) {
          if (stage.placed.includes(task.id)) continue
          const { tenant, cpu: needs } = list[n] as (typeof list)[number]
          const within = tenant === 'c' || reserved(tenant) + 1_000 * needs <= 1_000 * cpu
          expect(within && 1_000 * needs <= left, task.id).toBe(false)
        }
      }),
    )
  })
})

describe('accounts', () => {
  it('are forgotten only when nothing is counted in them', () => {
    const tenants = new Tenants()
    const used = tenants.account('used')
    used.tasks = 1
    for (let n = 0; n < 3_000; n++) tenants.account(`t${n}`)
    expect(tenants.account('used')).toBe(used)
    expect(tenants.size).toBeLessThanOrEqual(1_000)
  })
})
