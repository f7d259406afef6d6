/** Room that is made for a task by ending what has a much lower priority. */
import { describe, expect, it } from 'vitest'
import type { TaskSpec, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { Random } from '../../shared/random/random.ts'
import { PREEMPTED_MAX, PREEMPTION_GAP, PREEMPTIONS_MAX } from '../coordinator/preemption.ts'
import { specDigest } from '../coordinator/task-record.ts'
import { asks, busy, preempted, wait } from './testing/busy.ts'
import { Floor } from './testing/floor.ts'

describe('a task that finds no room', () => {
  it('has it made by ending what has a much lower priority, and both say so', () => {
    const floor = busy({ low: asks(8, 20) })
    wait(floor, ['high', asks(8, 90)])
    expect([...floor.revoked.keys()]).toEqual(['low'])
    expect(floor.last.get('high')).toMatchObject({
      state: 'pending',
      explanation: 'waits for room on d, where low (priority 20) is being ended for it',
    })
    const why = 'preempted on d by high, which has priority 90; it has 20'
    expect(floor.last.get('low')?.explanation).toBe(`being ${why}`)
    expect(preempted(floor)).toEqual([])
    floor.ends('low')
    expect(floor.assigned.at(-1)).toBe('high to d')
    expect(floor.last.get('high')?.explanation).toMatch(
      /^placed on d: .*; low \(priority 20\) had to go for it$/,
    )
    expect(preempted(floor)).toMatchObject([{ task: 'low', device: 'd', by: 'high', message: why }])
    expect(floor.last.get('low')).toMatchObject({
      state: 'pending',
      failed: 0,
      lost: 0,
      preemptions: { count: 1, by: 'high', from: 'd', why },
    })
    expect(floor.last.get('low')).not.toHaveProperty('moves')
    floor.ends('high', 'succeeded')
    expect(floor.assigned.at(-1)).toBe('low to d')
    floor.ends('low', 'succeeded')
    expect(floor.last.get('low')).toMatchObject({
      state: 'succeeded',
      attempts: 2,
      preemptions: { count: 1 },
    })
  })

  it.each([
    ['its priority is higher by less than the gap', asks(8, 20), asks(8, 20 + PREEMPTION_GAP - 1)],
    ['what runs has a higher priority', asks(8, 90), asks(8, 20)],
    ['what runs is exclusive', asks(8, 20, { exclusive: true }), asks(8, 90)],
    ['it would not fit without that either', asks(2, 20), asks(8, 90, { where: { device: 'e' } })],
  ])('waits where %s', (_, low, high) => {
    const floor = busy({ other: asks(8, 90, { where: { device: 'e' } }), low }, ['d', 'e'])
    floor.submit('wide', asks(8, high.priority ?? 0, { where: { device: 'd' }, ...high }))
    floor.seconds(30)
    expect([...floor.revoked.keys()]).toEqual([])
    expect(floor.last.get('wide')?.state).toBe('pending')
  })

  it('waits where the mesh says that priorities only order', () => {
    const floor = busy({ low: asks(8, 20) }, ['d'], { preemption: 'off' })
    floor.submit('high', asks(8, 90))
    floor.seconds(30)
    expect([...floor.revoked.keys()]).toEqual([])
    floor.configure({})
    floor.seconds(5)
    expect([...floor.revoked.keys()]).toEqual(['low'])
  })

  it('takes a device that is free, and ends nothing', () => {
    const floor = busy({ low: asks(8, 20) }, ['d', 'e'])
    floor.submit('high', asks(8, 90))
    floor.seconds(5)
    expect(floor.where('high')).toBe('d')
    expect([...floor.revoked.keys()]).toEqual([])
  })
})

describe('what is ended', () => {
  const ended = (
    tasks: Record<string, TaskSpec>,
    cpu: number,
    devices = ['d'],
    then?: (floor: Floor) => void,
  ) => {
    const floor = busy(tasks, devices)
    then?.(floor)
    wait(floor, ['high', asks(cpu, 90)])
    return [...floor.revoked.keys()].sort()
  }

  it('has the least priority', () => {
    expect(ended({ a: asks(4, 30), b: asks(4, 20) }, 4)).toEqual(['b'])
  })

  it('has among those of one priority done the least', () => {
    expect(ended({ a: asks(4, 20), b: asks(4, 20) }, 4)).toEqual(['b'])
  })

  it('has done little since it published what it can go on from', () => {
    const publishes = (floor: Floor) => floor.publishes('a', 1)
    expect(ended({ a: asks(4, 20), b: asks(4, 20) }, 4, ['d'], publishes)).toEqual(['a'])
  })

  it('is no more than is needed', () => {
    expect(ended({ a: asks(1, 20), b: asks(1, 20), c: asks(6, 20) }, 4)).toEqual(['c'])
    expect(ended({ a: asks(2, 20), b: asks(3, 20), c: asks(3, 30) }, 5)).toEqual(['a', 'b'])
  })

  it('is on the device where it costs least', () => {
    const tasks = {
      a: asks(8, 30, { where: { device: 'd' } }),
      b: asks(4, 20, { where: { device: 'e' } }),
      c: asks(4, 25, { where: { device: 'e' } }),
    }
    expect(ended(tasks, 8, ['d', 'e'])).toEqual(['b', 'c'])
  })

  it('does not come back before what it was ended for, nor does anything that comes behind that', () => {
    const floor = busy({ a: asks(4, 20), b: asks(4, 20) })
    wait(floor, ['high', asks(8, 90)], ['small', asks(1, 80)])
    expect([...floor.revoked.keys()].sort()).toEqual(['a', 'b'])
    floor.ends('a')
    // Long enough for explanations to be renewed.
    floor.seconds(5)
    expect(floor.where('a')).toBeUndefined()
    expect(floor.last.get('small')?.reasons).toEqual({ 'are kept for other work': 1 })
    floor.ends('b')
    expect(floor.assigned.slice(2)).toEqual(['high to d'])
  })

  it('leaves what room is left over to others, as soon as the task is placed', () => {
    const floor = busy({ a: asks(8, 20) })
    wait(floor, ['high', asks(6, 90)], ['small', asks(1, 50)])
    floor.ends('a')
    floor.turn()
    expect(floor.assigned.slice(1)).toEqual(['high to d', 'small to d'])
  })

  it('gives way to what has an even higher priority meanwhile', () => {
    const floor = busy({ a: asks(8, 20) })
    wait(floor, ['high', asks(8, 80)])
    floor.submit('higher', asks(8, 85))
    floor.ends('a')
    expect(floor.assigned.slice(1)).toEqual(['higher to d'])
    floor.ends('higher', 'succeeded')
    floor.turn()
    expect(floor.assigned.slice(1)).toEqual(['higher to d', 'high to d'])
  })

  it('was not preempted when it came to its end by itself', () => {
    const floor = busy({ low: asks(8, 20) })
    wait(floor, ['high', asks(8, 90)])
    floor.ends('low', 'succeeded')
    expect(floor.last.get('low')).toMatchObject({ state: 'succeeded', attempts: 1 })
    expect(floor.last.get('low')).not.toHaveProperty('preemptions')
    expect(preempted(floor)).toEqual([])
    expect(floor.where('high')).toBe('d')
  })

  it('frees its device for all when what it was ended for does not want it any more', () => {
    const floor = busy({ a: asks(4, 20), b: asks(4, 20) })
    wait(floor, ['high', asks(8, 90)])
    floor.ends('a')
    floor.driver.hear('device', { route: 'spec', id: 'high', body: { withdraw: true } })
    floor.seconds(1)
    expect(floor.assigned.slice(2)).toEqual(['a to d'])
  })

  it('keeps its device from others for no longer than it may take', () => {
    const floor = busy({ a: asks(4, 20), b: asks(4, 20) })
    wait(floor, ['high', asks(8, 90)])
    floor.ends('a')
    floor.seconds(14)
    expect(floor.assigned.slice(2)).toEqual(['a to d'])
  })

  it('is preempted only so often, and then runs to its end', () => {
    const floor = busy({ low: asks(8, 20) })
    for (let n = 1; n <= PREEMPTED_MAX; n++) {
      wait(floor, [`high${n}`, asks(8, 90)])
      floor.ends('low')
      floor.ends(`high${n}`, 'succeeded')
      floor.turn()
      expect(floor.last.get('low')).toMatchObject({ device: 'd', preemptions: { count: n } })
    }
    floor.submit('late', asks(8, 90))
    floor.seconds(20)
    expect([...floor.revoked.keys()]).toEqual([])
  })

  it('is an element, or makes room for one', () => {
    const floor = busy({})
    floor.submit('many', { ...asks(4, 20), array: [1, 2, 3] })
    floor.seconds(1)
    wait(floor, ['urgent', { ...asks(8, 90), array: [1, 2] }])
    expect([...floor.revoked.keys()].sort()).toEqual(['many[0]', 'many[1]'])
    for (const id of ['many[0]', 'many[1]']) floor.ends(id)
    expect(floor.assigned.at(-1)).toBe('urgent[0] to d')
    expect(floor.last.get('many')).toMatchObject({
      failed: 0,
      lost: 0,
      preemptions: { count: 2, by: 'urgent' },
    })
  })

  it('is for few tasks at a time in the whole mesh', () => {
    const devices = Array.from({ length: PREEMPTIONS_MAX + 4 }, (_, n) => `d${n}`)
    const tasks = devices.map((device) => [`on-${device}`, asks(8, 20, { where: { device } })])
    const floor = busy(Object.fromEntries(tasks), devices)
    for (const device of devices) floor.submit(`high-${device}`, asks(8, 90, { where: { device } }))
    floor.seconds(3)
    expect(floor.revoked.size).toBe(PREEMPTIONS_MAX)
  })
})

describe('a new coordinator', () => {
  it('knows how often a task was preempted', () => {
    const spec = asks(8, 20)
    const status: TaskStatus = {
      task: 'low',
      state: 'running',
      digest: specDigest(spec),
      term: 1,
      agent: 'old',
      attempt: { term: 1, agent: 'old', n: 7 },
      device: 'd',
      attempts: 4,
      failed: 0,
      lost: 0,
      explanation: 'before',
      preemptions: { count: PREEMPTED_MAX, by: 'x', from: 'd', why: 'before', at: '2023-11-14T22:00:00Z' },
      times: { started: '2023-11-14T22:13:10Z' },
    }
    for (const [count, revoked] of [
      [PREEMPTED_MAX, []],
      [PREEMPTED_MAX - 1, ['low']],
    ] as const) {
      const preemptions = { ...(status.preemptions as NonNullable<TaskStatus['preemptions']>), count }
      const floor = Floor.restored({ ...status, preemptions }, spec, 'd', 0)
      floor.submit('high', asks(8, 90))
      floor.seconds(3)
      expect([...floor.revoked.keys()]).toEqual(revoked)
    }
  })
})

describe('over random work', () => {
  it.each(Array.from({ length: 40 }, (_, n) => n))(
    'no rule of preemption is broken, and all of it comes to an end (%i)',
    (seed) => {
      const random = new Random(`preemption ${seed}`)
      const floor = Floor.serving(['a', 'b', 'c'])
      const specs = new Map<string, TaskSpec>()
      const submit = () => {
        const exclusive = random.below(5) === 0
        const id = `t${specs.size}`
        const spec = asks(1 + random.below(8), 10 * random.below(11), {
          retries: { failed: 0, lost: 0 },
          ...(exclusive ? { exclusive } : {}),
        })
        specs.set(id, spec)
        floor.submit(id, spec)
      }
      const over = () => [...floor.last.values()].filter(({ state }) => state === 'succeeded').length
      for (let second = 0; over() < 40; second++) {
        expect(second).toBeLessThan(2_000)
        if (specs.size < 40 && random.below(2) === 0) submit()
        floor.seconds(1)
        for (const task of [...floor.revoked.keys()]) if (random.below(3) > 0) floor.ends(task)
        const running = [...floor.last.values()].filter(({ state }) => state === 'running')
        for (const { task } of running)
          if (!floor.revoked.has(task) && random.below(8) === 0) floor.ends(task, 'succeeded')
      }
      for (const { task = '', by = '' } of preempted(floor)) {
        const [victim, preemptor] = [specs.get(task), specs.get(by)]
        expect(victim?.exclusive, task).toBeUndefined()
        expect((preemptor?.priority ?? 0) - (victim?.priority ?? 0)).toBeGreaterThanOrEqual(PREEMPTION_GAP)
      }
      for (const { failed, lost, preemptions } of floor.last.values()) {
        expect([failed, lost]).toEqual([0, 0])
        expect(preemptions?.count ?? 0).toBeLessThanOrEqual(PREEMPTED_MAX)
      }
      const counts = [...floor.last.values()].map(({ preemptions }) => preemptions?.count ?? 0)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(preempted(floor).length)
    },
  )
})
