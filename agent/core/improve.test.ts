/** What runs is planned anew while nothing waits, and moved where that lowers the peak. */
import { describe, expect, it } from 'vitest'
import type { MeshConfig, TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { MOVES_MAX } from '../coordinator/revocable.ts'
import { SPEC } from './testing/driver.ts'
import { Floor } from './testing/floor.ts'

const IMPROVE = { improve: '10s', moveCooldown: '5s' } as const
const LONG = 60

/** Devices of eight cores with so many tasks of two on each. */
function laden(
  tasks: Record<string, number>,
  config: MeshConfig = IMPROVE,
  more: Partial<TaskSpec> = {},
): Floor {
  const floor = Floor.serving([], { strategy: 'best-fit', ...config })
  for (const [device, count] of Object.entries(tasks)) {
    floor.join(device)
    floor.seconds(1)
    for (let n = 0; n < count; n++)
      floor.submit(`${device}-${n}`, { ...SPEC, resources: { cpu: '2' }, ...more })
    // What is planned together waits a moment first.
    floor.seconds(2)
  }
  return floor
}

/** Lets time pass, and what is to end ends. */
function run(floor: Floor, seconds: number): void {
  for (let n = 0; n < seconds; n++) {
    floor.seconds(1)
    for (const task of [...floor.revoked.keys()]) floor.ends(task)
  }
}

describe('a mesh that improves', () => {
  it.each(['best-fit', 'dp'] as const)(
    'moves by %s what lowers the peak, where it was planned to go',
    (strategy) => {
      const floor = laden({ full: 4, half: 2, empty: 0 }, { ...IMPROVE, strategy })
      floor.seconds(10)
      const [task = ''] = floor.revoked.keys()
      expect(floor.revoked.size).toBe(1)
      expect(task).toMatch(/^full-/)
      const why = 'moved off full to empty: lowers the peak from 100 % to 75 %'
      expect(floor.last.get(task)?.explanation).toBe(`being ${why}`)
      floor.ends(task)
      // Best fit alone would have chosen the other.
      expect(floor.where(task)).toBe('empty')
      expect(floor.last.get(task)?.explanation).toBe(
        'placed on empty: planned there when it was moved off full; 75 % of its scarcest resource is left',
      )
      expect(floor.moved()).toMatchObject([{ task, device: 'full', message: why }])
    },
  )

  it('goes by the objective of the mesh: fewer devices in use, or as many tasks on each', () => {
    const packing = laden({ a: 4, b: 1 }, { ...IMPROVE, objective: 'packing' })
    run(packing, 2)
    packing.ends('a-0', 'succeeded')
    run(packing, 12)
    expect(packing.moved()[0]?.message).toBe('moved off b to a: lowers the devices in use from 2 to 1')
    const spread = laden({ a: 4 }, { ...IMPROVE, objective: 'spread' })
    spread.join('b')
    run(spread, 12)
    expect(spread.moved()[0]?.message).toMatch(
      /^moved off a to b: lowers the squares of tasks on each device from 16 to 10$/,
    )
    const makespan = laden({ a: 4 }, { ...IMPROVE, objective: 'makespan' })
    makespan.join('b')
    run(makespan, 12)
    expect(makespan.moved()).toEqual([])
  })

  it('looks as often as the settings say now, however long it was to wait before', () => {
    const floor = laden({ full: 4 }, { ...IMPROVE, improve: '1000h' })
    floor.join('empty')
    floor.seconds(12)
    expect(floor.revoked.size).toBe(0)
    floor.configure(IMPROVE)
    floor.seconds(12)
    expect(floor.revoked.size).toBe(1)
  })

  it('comes to rest when nothing changes', () => {
    const floor = laden({ full: 4, second: 4, half: 2, empty: 0, other: 0 })
    run(floor, LONG)
    const moved = floor.moved().length
    expect(moved).toBeGreaterThan(1)
    expect(moved).toBeLessThanOrEqual(8)
    // New work is what could be moved again; it stands where it does best.
    floor.submit('new', { ...SPEC, resources: { cpu: '2' } })
    run(floor, 5 * LONG)
    expect(floor.moved().length).toBeLessThanOrEqual(moved + 1)
    const after = floor.moved().length
    run(floor, 5 * LONG)
    expect(floor.moved()).toHaveLength(after)
  })

  it.each([
    ['it is not asked to', { moveCooldown: '5s' }, {}, 0],
    ['what runs is exclusive', IMPROVE, { exclusive: true }, 0],
    ['it has done much that would be lost', { ...IMPROVE, improve: '90s' }, {}, 0],
    ['nothing is in the way', IMPROVE, {}, 1],
  ] as const)('moves nothing when %s, and else it does', (_, config, more, moves) => {
    const floor = laden({ full: 4 }, config, more)
    // What is exclusive waits until nothing runs that an earlier coordinator began.
    floor.seconds('exclusive' in more ? 15 : 1)
    if (config !== IMPROVE && 'improve' in config) floor.seconds(61)
    floor.join('empty')
    floor.seconds(12)
    expect(floor.revoked.size).toBe(moves)
  })

  it('moves nothing while something waits, nor where devices would measure too much', () => {
    const floor = laden({ full: 4 })
    floor.submit('large', { ...SPEC, resources: { cpu: '8' }, where: { device: 'full' } })
    floor.join('empty')
    run(floor, 20)
    expect(floor.moved()).toEqual([])
    const busy = laden({ full: 4 })
    busy.join('busy')
    busy.measures('busy', 0.65)
    run(busy, 20)
    expect(busy.moved()).toEqual([])
  })

  it('does not wait for what no device could take', () => {
    const floor = laden({ full: 4 })
    floor.join('empty')
    floor.submit('impossible', { ...SPEC, resources: { cpu: '100' } })
    floor.seconds(12)
    expect(floor.revoked.size).toBe(1)
  })

  it('keeps the room for what is moved, and gives it up when that has ended by itself', () => {
    const floor = laden({ full: 4 })
    floor.join('empty')
    floor.seconds(12)
    const [task = ''] = floor.revoked.keys()
    floor.submit('wide', { ...SPEC, resources: { cpu: '8' } })
    floor.seconds(1)
    expect(floor.last.get('wide')?.explanation).toContain('kept for other work')
    floor.ends(task, 'succeeded')
    floor.seconds(2)
    expect(floor.where('wide')).toBe('empty')
  })

  it('lets nothing be moved off a hot device to room that it keeps', () => {
    const floor = laden({ full: 4, hot: 3 }, { ...IMPROVE, moveAfter: '2s' })
    floor.join('empty')
    for (let n = 0; n < 12 && floor.revoked.size === 0; n++) floor.seconds(1)
    const planned = [...floor.revoked.keys()]
    expect(planned).toHaveLength(1)
    floor.measures('hot', 0.95)
    floor.seconds(6)
    expect([...floor.revoked.keys()]).toEqual(planned)
    // Once it is there others may follow.
    floor.ends(planned[0] ?? '')
    floor.seconds(6)
    expect([...floor.revoked.values()].map(({ device }) => device)).toContain('hot')
  })

  it('moves so much at a time and no more', () => {
    const names = Array.from({ length: 6 }, (_, n) => `full-${n}`)
    const floor = laden(Object.fromEntries(names.map((name) => [name, 4])))
    for (let n = 0; n < 12; n++) floor.join(`empty-${n}`)
    for (let n = 0; n < 12; n++) {
      floor.seconds(1)
      expect(floor.revoked.size).toBeLessThanOrEqual(MOVES_MAX)
    }
    expect(floor.revoked.size).toBeGreaterThan(1)
    for (const [task, { device }] of floor.revoked) {
      const { explanation = '' } = floor.last.get(task) ?? {}
      expect(explanation).toMatch(
        new RegExp(
          `^being moved off ${device} to empty-\\d+: one of ${floor.revoked.size} moves that lower the peak from 100 % to 75 %$`,
        ),
      )
    }
  })
})
