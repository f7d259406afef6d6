import { describe, expect, it } from 'vitest'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { device, fleet, run, task } from './testing/fleet.ts'

const ROOM = { cpu: '4', memory: '4Gi' }
const zoned = (id: string, zone: string) => device(id, ROOM, { zone })

/** Takes everything off the device, as when it has ended. */
function empty(one: DeviceRecord): void {
  for (const placement of [...one.placements.values()]) one.remove(placement)
}

describe('relations between tasks', () => {
  it('spread a group evenly over the values of a label, whatever is free', () => {
    const big = device('big', { cpu: '64', memory: '64Gi' }, { zone: 'a' })
    const scheduler = fleet(big, zoned('b1', 'b'), zoned('b2', 'b'), zoned('c1', 'c'), device('none', ROOM))
    for (let n = 0; n < 9; n++) scheduler.enqueue(task(`t${n}`, { group: 'web', spread: 'zone' }))
    const zones: Record<string, number> = {}
    for (const [, id] of run(scheduler).placed) {
      const zone = id === 'none' ? 'none' : id === 'big' ? 'a' : (id as string).slice(0, 1)
      zones[zone] = (zones[zone] ?? 0) + 1
    }
    expect(zones).toEqual({ a: 3, b: 3, c: 3 })
  })

  it('keep tasks apart by device, say so, and go on when one has ended', () => {
    const devices = [device('x', ROOM), device('y', ROOM)]
    const scheduler = fleet(...devices)
    const spec: Partial<TaskSpec> = { group: 'db', apart: [{ group: 'db' }] }
    for (const id of ['a', 'b', 'c']) scheduler.enqueue(task(id, spec))
    const first = run(scheduler)
    expect(first.placed).toHaveLength(2)
    expect(new Set(first.placed.map(([, id]) => id))).toEqual(new Set(['x', 'y']))
    expect(first.waits[0]?.explanation.text).toBe(
      'waits: 2 of 2 devices have something of group db, from which it must stay apart',
    )
    expect(run(scheduler)).toMatchObject({ placed: [], waits: [] })
    empty(devices[1] as DeviceRecord)
    expect(run(scheduler).placed).toEqual([['c', 'y']])
  })

  it('keep away from a task those that it must stay apart from, too', () => {
    const scheduler = fleet(zoned('x', 'a'), zoned('y', 'a'))
    scheduler.enqueue(task('quiet', { apart: [{ group: 'noise', by: 'zone' }] }))
    expect(run(scheduler).placed).toHaveLength(1)
    scheduler.enqueue(task('loud', { group: 'noise' }))
    expect(run(scheduler).waits[0]?.explanation.text).toBe(
      'waits: 2 of 2 devices have something in their zone that must stay apart from group noise',
    )
  })

  it('bring tasks near others, wherever and whenever those are placed', () => {
    const there = zoned('there', 'b')
    const scheduler = fleet(zoned('here', 'a'), there, zoned('next', 'b'))
    scheduler.enqueue(task('reader', { priority: 90, near: [{ group: 'store', by: 'zone' }] }))
    expect(run(scheduler).waits[0]?.explanation.text).toBe(
      'waits: 3 of 3 devices have nothing of group store in their zone, which it must be near',
    )
    scheduler.enqueue(task('store', { group: 'store', where: { device: 'there' } }))
    const { placed } = run(scheduler)
    expect(placed[0]).toEqual(['store', 'there'])
    expect(placed[1]?.[0]).toBe('reader')
    expect(['there', 'next']).toContain(placed[1]?.[1])
  })

  it('let the first of a group that is to be together go anywhere', () => {
    const scheduler = fleet(...['a', 'b', 'c'].map((zone) => zoned(`in-${zone}`, zone)))
    for (let n = 0; n < 6; n++)
      scheduler.enqueue(task(`t${n}`, { group: 'team', near: [{ group: 'team', by: 'zone' }] }))
    const { placed } = run(scheduler)
    expect(placed).toHaveLength(6)
    expect(new Set(placed.map(([, id]) => id)).size).toBe(1)
  })

  it('let it go only where the others can be near it', () => {
    const scheduler = fleet(zoned('zoned', '1'), device('none', { cpu: '16', memory: '64Gi' }))
    for (let n = 0; n < 3; n++)
      scheduler.enqueue(task(`t${n}`, { group: 'team', near: [{ group: 'team', by: 'zone' }] }))
    expect(run(scheduler).placed).toEqual([
      ['t0', 'zoned'],
      ['t1', 'zoned'],
      ['t2', 'zoned'],
    ])
  })

  it('follow a device into another zone', () => {
    const mover = zoned('mover', 'a')
    const scheduler = fleet(mover, zoned('stays', 'b'))
    scheduler.enqueue(task('one', { group: 'g', where: { device: 'mover' } }))
    run(scheduler)
    mover.update({ ...mover.state, labels: { zone: 'b' } })
    scheduler.deviceChanged(mover)
    scheduler.enqueue(task('two', { apart: [{ group: 'g', by: 'zone' }] }))
    expect(run(scheduler).placed).toEqual([])
  })

  it('hold at every moment, and leave nothing waiting that a device could take, over random groups', () => {
    for (let round = 0; round < 40; round++) {
      const random = new Random(`relations ${round}`)
      const devices = Array.from({ length: 2 + random.below(6) }, (_, n) =>
        zoned(`d${n}`, `z${random.below(3)}`),
      )
      const scheduler = fleet(...devices)
      const specs = new Map<string, Partial<TaskSpec>>()
      const placed = new Set<string>()
      const note = (pairs: readonly (readonly (string | undefined)[])[]) => {
        for (const [id] of pairs) placed.add(id as string)
      }
      const groups = ['g0', 'g1']
      for (let n = 0; n < 30; n++) {
        const group = random.chance(0.7) ? random.pick(groups) : undefined
        const relation = { group: random.pick(groups), by: random.chance(0.5) ? 'zone' : 'device' }
        const spec: Partial<TaskSpec> = {
          resources: { cpu: '500m' },
          ...(group === undefined ? {} : { group }),
          ...(random.chance(0.3) ? { apart: [relation] } : {}),
          ...(random.chance(0.2) ? { near: [relation] } : {}),
        }
        specs.set(`t${n}`, spec)
        scheduler.enqueue(task(`t${n}`, spec))
        if (random.chance(0.3)) note(run(scheduler).placed)
        if (random.chance(0.2)) {
          const one = random.pick(devices)
          empty(one)
          scheduler.deviceFreed(one)
        }
      }
      note(run(scheduler).placed)
      const standing = devices.flatMap((at) =>
        [...at.placements.values()].map((placement) => ({ id: placement.task, at })),
      )
      const together = (a: DeviceRecord, b: DeviceRecord, by = 'device') => a.labels[by] === b.labels[by]
      const of = (group: string | undefined) => standing.filter(({ id }) => specs.get(id)?.group === group)
      for (const { id, at } of standing) {
        for (const { group, by } of specs.get(id)?.apart ?? []) {
          const others = of(group).filter((other) => other.id !== id && together(other.at, at, by))
          expect([round, id, others.map((other) => other.id)]).toEqual([round, id, []])
        }
      }
      const takes = (at: DeviceRecord, { group, near = [], apart = [] }: Partial<TaskSpec>): boolean =>
        (at.reserved['cpu'] ?? 0) + 500 <= (at.capacity['cpu'] ?? 0) &&
        near.every(
          ({ group: to, by }) =>
            of(to).some((other) => together(other.at, at, by)) || (to === group && of(to).length === 0),
        ) &&
        apart.every(({ group: from, by }) => !of(from).some((other) => together(other.at, at, by))) &&
        (group === undefined ||
          !standing.some((other) =>
            specs.get(other.id)?.apart?.some((its) => its.group === group && together(other.at, at, its.by)),
          ))
      for (const [id, spec] of specs) {
        if (placed.has(id)) continue
        expect([round, id, devices.filter((at) => takes(at, spec)).map((at) => at.id)]).toEqual([
          round,
          id,
          [],
        ])
      }
    }
  })
})
