/** Measured load: what it keeps from a device, and what it moves off one. */
import { describe, expect, it } from 'vitest'
import type { Moves, TaskSpec, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { Random } from '../../shared/random/random.ts'
import { MOVES_MAX } from '../coordinator/revocable.ts'
import { specDigest } from '../coordinator/task-record.ts'
import { SPEC } from './testing/driver.ts'
import { Floor } from './testing/floor.ts'
import { elect } from './testing/office.ts'

const on = (device: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  ...SPEC,
  where: { device },
  ...more,
})

describe('a device that is at the high mark', () => {
  it('gets nothing new, says why, and gets it with the first heartbeat below the mark', () => {
    const floor = Floor.serving(['hot'])
    floor.measures('hot', 0.9)
    floor.seconds(1)
    floor.submit('t', SPEC)
    floor.seconds(3)
    expect(floor.assigned).toEqual([])
    expect(floor.last.get('t')).toMatchObject({
      state: 'pending',
      explanation: 'waits: 1 of 1 devices are above the high mark',
      reasons: { 'are above the high mark': 1 },
    })
    floor.measures('hot', 0.89)
    floor.beat('hot')
    floor.turn()
    expect(floor.assigned).toEqual(['t to hot'])
  })

  it('is passed over for one that measures less, also when that has more reserved', () => {
    const floor = Floor.serving(['busy', 'idle'])
    floor.submit('first', on('idle', { resources: { cpu: '2' } }))
    floor.seconds(1)
    floor.measures('busy', 0.8)
    floor.measures('idle', 0.1)
    floor.seconds(1)
    floor.submit('second', SPEC)
    floor.turn()
    expect(floor.assigned).toEqual(['first to idle', 'second to idle'])
  })

  it('counts what was placed since a device has measured as if it were used', () => {
    const floor = Floor.serving(['a', 'b'])
    floor.measures('a', 0.5)
    floor.measures('b', 0.45)
    floor.seconds(1)
    for (const id of ['t1', 't2', 't3', 't4']) {
      floor.submit(id, { ...SPEC, resources: { cpu: '800m' } })
      floor.turn()
    }
    expect(floor.assigned).toEqual(['t1 to b', 't2 to a', 't3 to b', 't4 to a'])
  })

  it('is open when nothing is measured, or when no mark is to count', () => {
    const floor = Floor.serving(['mute', 'loud'])
    floor.measures('mute', undefined)
    floor.measures('loud', 1)
    floor.seconds(1)
    floor.submit('to-mute', on('mute'))
    floor.submit('to-loud', on('loud'))
    floor.seconds(1)
    expect(floor.assigned).toEqual(['to-mute to mute'])
    floor.configure({ highMark: 'never' })
    floor.turn()
    expect(floor.assigned).toEqual(['to-mute to mute', 'to-loud to loud'])
  })
})

describe('the strategy of the mesh', () => {
  it('counts also when it was set after the election, before the coordinator served', () => {
    const floor = new Floor()
    const beacon = elect(floor.driver)
    floor.configure({ strategy: 'best-fit' })
    floor.driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
    floor.driver.timer('coordinator/settle')
    for (const id of ['a', 'b']) floor.join(id)
    floor.seconds(1)
    floor.submit('first', on('b', { resources: { cpu: '1' } }))
    floor.submit('second', { ...SPEC, resources: { cpu: '100m' } })
    floor.turn()
    expect(floor.assigned).toEqual(['first to b', 'second to b'])
  })

  it('decides among devices with room, from the moment it is set until it is taken back', () => {
    const floor = Floor.serving(['a', 'b'])
    floor.submit('first', on('b', { resources: { cpu: '1' } }))
    floor.turn()
    for (const [task, config] of [
      ['spread', {}],
      ['packed', { strategy: 'best-fit' }],
      ['again', {}],
    ] as const) {
      floor.configure(config)
      floor.submit(task, { ...SPEC, resources: { cpu: '100m' } })
      floor.turn()
    }
    expect(floor.assigned).toEqual(['first to b', 'spread to a', 'packed to b', 'again to a'])
    expect(floor.last.get('packed')?.explanation).toContain('best packed of 2 with room')
  })
})

/** Two tasks run on the hot device; the other is cool. */
function heated(config = {}, spec: Partial<TaskSpec> = {}): Floor {
  const floor = Floor.serving(['hot'], config)
  floor.submit('small', { ...SPEC, resources: { cpu: '500m' }, ...spec })
  floor.submit('large', { ...SPEC, resources: { cpu: '2' }, ...spec })
  // What is exclusive waits until nothing runs that an earlier coordinator began.
  floor.seconds(spec.exclusive === true ? 15 : 1)
  expect(floor.assigned).toEqual(['small to hot', 'large to hot'])
  floor.join('cool')
  floor.measures('cool', 0.4)
  floor.measures('hot', 0.97)
  return floor
}

describe('work', () => {
  it('is moved off a device that has been hot for some time: the one that frees most, once, and it is told', () => {
    const floor = heated()
    floor.seconds(15)
    expect([...floor.revoked.keys()]).toEqual([])
    floor.seconds(1)
    expect([...floor.revoked.keys()]).toEqual(['large'])
    const why = 'moved off hot, whose cpu has been at 97 % for 15 s, to make room; cool is at 40 %'
    expect(floor.last.get('large')?.explanation).toBe(`being ${why}`)
    expect(floor.moved()).toEqual([])
    floor.ends('large')
    expect(floor.assigned.at(-1)).toBe('large to cool')
    expect(floor.moved()).toMatchObject([{ task: 'large', device: 'hot', message: why }])
    expect(floor.last.get('large')).toMatchObject({
      failed: 0,
      lost: 0,
      attempts: 2,
      moves: { count: 1, from: 'hot', why },
    })
  })

  it('stays where the device was below the mark in between', () => {
    const floor = heated()
    floor.seconds(14)
    floor.measures('hot', 0.89)
    floor.seconds(1)
    floor.measures('hot', 0.97)
    floor.seconds(14)
    expect([...floor.revoked.keys()]).toEqual([])
  })

  it('is moved one at a time, and then the device rests', () => {
    const floor = heated()
    floor.seconds(30)
    expect([...floor.revoked.keys()]).toEqual(['large'])
    floor.ends('large')
    floor.seconds(25)
    expect([...floor.revoked.keys()]).toEqual([])
    // By then the other has run for longer than may be thrown away.
    floor.seconds(60)
    expect(floor.moved()).toHaveLength(1)
  })

  it('that is young enough is moved when the rest is over', () => {
    const floor = heated({ moveCooldown: '10s' })
    floor.seconds(16)
    floor.ends('large')
    floor.seconds(10)
    expect([...floor.revoked.keys()]).toEqual([])
    floor.seconds(1)
    expect([...floor.revoked.keys()]).toEqual(['small'])
  })

  it('that was moved is left alone for a while, wherever it is', () => {
    const floor = heated({ moveCooldown: '30s' })
    floor.seconds(16)
    floor.ends('large')
    floor.measures('hot', 0.1)
    floor.measures('cool', 0.95)
    floor.seconds(28)
    expect([...floor.revoked.keys()]).toEqual([])
    floor.seconds(3)
    expect([...floor.revoked.keys()]).toEqual(['large'])
  })

  it('that is exclusive is never moved', () => {
    const floor = heated({}, { exclusive: true })
    floor.seconds(60)
    expect([...floor.revoked.keys()]).toEqual([])
  })

  it('that has run for a minute is not moved: too much would be lost', () => {
    const floor = heated()
    floor.measures('hot', 0.1)
    floor.seconds(50)
    floor.measures('hot', 0.97)
    floor.seconds(60)
    expect([...floor.revoked.keys()]).toEqual([])
  })

  it('that has run for longer is moved when it published what it can go on from, and does', () => {
    const floor = heated()
    floor.measures('hot', 0.1)
    floor.seconds(50)
    floor.measures('hot', 0.97)
    floor.seconds(14)
    floor.publishes('small', 1)
    floor.seconds(3)
    expect([...floor.revoked.keys()]).toEqual(['small'])
    floor.ends('small')
    expect(floor.last.get('small')).toMatchObject({ device: 'cool', checkpoint: { value: 1 } })
  })

  it.each([
    ['would not stay cool', (floor: Floor) => floor.measures('cool', 0.65)],
    ['measures nothing', (floor: Floor) => floor.measures('cool', undefined)],
    ['has no room', (floor: Floor) => floor.submit('full', on('cool', { resources: { cpu: '7600m' } }))],
    [
      'is cordoned',
      (floor: Floor) => floor.driver.hear('device', { route: 'desired', id: 'cool', body: { cordon: true } }),
    ],
  ])('stays where the only other device %s', (_, change) => {
    const floor = heated()
    change(floor)
    floor.seconds(45)
    expect([...floor.revoked.keys()]).toEqual([])
  })

  it('stays while others wait for room, but not for those that wait for a device', () => {
    const floor = heated()
    floor.submit('elsewhere', on('nowhere'))
    floor.submit('wide', on('cool', { resources: { cpu: '8' } }))
    floor.submit('wider', on('cool', { resources: { cpu: '8' } }))
    floor.seconds(20)
    expect(floor.where('wide')).toBe('cool')
    expect([...floor.revoked.keys()]).toEqual([])
    floor.ends('wide', 'succeeded')
    floor.ends('wider', 'succeeded')
    floor.seconds(6)
    expect([...floor.revoked.keys()]).toEqual(['large'])
  })

  it('that ends by itself before it is told to has ended, and was not moved', () => {
    const floor = heated()
    floor.seconds(16)
    floor.ends('large', 'succeeded')
    expect(floor.last.get('large')).toMatchObject({ state: 'succeeded', attempts: 1 })
    expect(floor.last.get('large')).not.toHaveProperty('moves')
    expect(floor.moved()).toEqual([])
  })

  it('is moved from few devices at a time in the whole mesh', () => {
    const hot = Array.from({ length: MOVES_MAX + 4 }, (_, n) => `hot${n}`)
    const floor = Floor.serving(hot)
    for (const [n, device] of hot.entries())
      floor.submit(`on-${device}`, { ...SPEC, where: { device: [device, `cool${n}`] } })
    floor.seconds(1)
    for (const device of hot) floor.measures(device, 0.95)
    for (const n of hot.keys()) floor.join(`cool${n}`)
    floor.seconds(20)
    expect(floor.revoked.size).toBe(MOVES_MAX)
  })

  it('is moved to a cooler device one at a time, so that there is room for each', () => {
    const floor = Floor.serving(['hot1', 'hot2'])
    for (const n of [1, 2]) floor.submit(`t${n}`, { ...SPEC, where: { device: [`hot${n}`, 'cool'] } })
    floor.seconds(1)
    for (const n of [1, 2]) floor.measures(`hot${n}`, 0.95)
    floor.join('cool')
    floor.seconds(16)
    expect(floor.revoked.size).toBe(1)
    const [first = ''] = floor.revoked.keys()
    floor.ends(first)
    expect(floor.where(first)).toBe('cool')
    floor.seconds(6)
    expect([...floor.revoked.keys()]).toEqual([first === 't1' ? 't2' : 't1'])
  })

  it('does not go back at once when its device has cooled down without it', () => {
    const floor = heated()
    floor.seconds(16)
    expect([...floor.revoked.keys()]).toEqual(['large'])
    floor.measures('hot', 0.01)
    floor.beat('hot')
    floor.ends('large')
    expect(floor.where('large')).toBe('cool')
  })

  it('that has come to a good end although it was told to end has ended, and is not run again', () => {
    const floor = heated()
    floor.seconds(16)
    expect([...floor.revoked.keys()]).toEqual(['large'])
    floor.ends('large', 'succeeded')
    expect(floor.last.get('large')).toMatchObject({ state: 'succeeded', attempts: 1 })
  })

  it('that cannot be ended does not count as being moved for ever', () => {
    const floor = heated({ moveCooldown: '1s' })
    floor.seconds(16)
    expect([...floor.revoked.keys()]).toEqual(['large'])
    floor.seconds(15)
    expect([...floor.revoked.keys()]).toEqual(['large', 'small'])
  })
})

describe('a new coordinator', () => {
  const running: TaskStatus = {
    task: 't',
    state: 'running',
    digest: specDigest(SPEC),
    term: 1,
    agent: 'old',
    attempt: { term: 1, agent: 'old', n: 7 },
    device: 'hot',
    attempts: 3,
    failed: 0,
    lost: 0,
    explanation: 'before',
    // The driver's clock shows 22:13:20 and some seconds.
    times: { started: '2023-11-14T22:13:10Z' },
    moves: { count: 2, from: 'warm', why: 'moved off warm', at: '2023-11-14T22:00:00Z' },
  }

  it('gives a device nothing that was hot before it served, and moves when that was so for as long again', () => {
    const floor = Floor.restored(running, SPEC, 'hot', 0.95)
    floor.submit('new', on('hot'))
    floor.join('cool')
    floor.turn()
    expect(floor.last.get('new')?.explanation).toBe(
      'waits: 1 of 2 devices are above the high mark; 1 lack device=hot',
    )
    expect(floor.last.get('t')).toMatchObject({ device: 'hot', moves: running.moves })
    floor.seconds(14)
    expect([...floor.revoked.keys()]).toEqual([])
    floor.seconds(1)
    expect([...floor.revoked.keys()]).toEqual(['t'])
    floor.ends('t')
    expect(floor.last.get('t')).toMatchObject({ device: 'cool', lost: 0, moves: { count: 3, from: 'hot' } })
  })

  it.each([
    ['was moved a moment ago', { moves: { ...(running.moves as Moves), at: '2023-11-14T22:13:00Z' } }],
    ['began long ago', { times: { started: '2023-11-14T22:00:00Z' } }],
    ['began it is not known when', { times: {} }],
    ['began by a clock that is ahead', { times: { started: '2023-11-14T23:00:00Z' } }],
  ])('leaves alone what %s', (_, more) => {
    const floor = Floor.restored({ ...running, ...more }, SPEC, 'hot', 0.95)
    floor.join('cool')
    floor.seconds(30)
    expect([...floor.revoked.keys()]).toEqual([])
  })
})

describe('over random loads', () => {
  it.each(Array.from({ length: 40 }, (_, n) => n))(
    'nothing goes where it is hot, nothing is moved to where it would be, and no budget is used up (%i)',
    (seed) => {
      const random = new Random(`moves ${seed}`)
      const devices = ['a', 'b', 'c', 'd', 'e']
      const floor = Floor.serving(devices, { moveAfter: '3s', moveCooldown: `${1 + random.below(20)}s` })
      const shares = new Map<string, number>()
      const tasks: string[] = []
      for (let second = 0; second < 90; second++) {
        if (random.below(3) === 0) {
          const device = devices[random.below(devices.length)] as string
          shares.set(device, random.below(101) / 100)
          floor.measures(device, shares.get(device))
        }
        if (random.below(3) === 0 && tasks.length < 20) {
          const exclusive = random.below(4) === 0
          const id = `${exclusive ? 'x' : 't'}${tasks.length}`
          tasks.push(id)
          const retries = { failed: 0, lost: 0 }
          const resources = { cpu: `${100 * (1 + random.below(20))}m` }
          floor.submit(id, { ...SPEC, resources, retries, ...(exclusive ? { exclusive } : {}) })
        }
        const before = floor.events.length
        floor.seconds(1)
        for (const { kind, task, device = '' } of floor.events.slice(before)) {
          if (kind === 'placed') expect(shares.get(device) ?? 0, task).toBeLessThan(0.9)
        }
        expect(floor.revoked.size).toBeLessThanOrEqual(devices.length)
        for (const task of [...floor.revoked.keys()]) {
          expect(task).toMatch(/^t/)
          if (random.below(2) === 0) floor.ends(task, random.below(4) === 0 ? 'succeeded' : 'revoked')
        }
      }
      for (const status of floor.last.values()) {
        expect(status).toMatchObject({ failed: 0, lost: 0 })
        expect(['failed', 'rejected']).not.toContain(status.state)
      }
      const times = new Map<string, number>()
      for (const { task = '' } of floor.moved()) times.set(task, (times.get(task) ?? 0) + 1)
      for (const [task, count] of times) expect(floor.last.get(task)?.moves?.count).toBe(count)
    },
  )
})
