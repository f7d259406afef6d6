/** What is claimed for a task while room is made for it on a device: until it is placed nobody else gets that. */
import { describe, expect, it } from 'vitest'
import { asks, busy, preempted, wait } from './testing/busy.ts'
import { Floor } from './testing/floor.ts'

const on = (device: string) => ({ where: { device } })

describe('the room that is made for an array', () => {
  const tasks = { a: asks(4, 10, on('d')), b: asks(4, 10, on('d')) }

  it('is kept for it when one of its elements goes elsewhere', () => {
    const floor = busy(tasks, ['d', 'e'])
    wait(floor, ['arr', asks(8, 90, { array: [1, 2, 3, 4] })])
    expect([...floor.revoked.keys()].sort()).toEqual(['a', 'b'])
    floor.ends('arr[0]', 'succeeded')
    floor.seconds(1)
    for (const task of ['a', 'b']) {
      floor.ends(task)
      floor.seconds(1)
    }
    expect(floor.assigned.slice(2)).toEqual(['arr[0] to e', 'arr[1] to e', 'arr[2] to d'])
    expect(preempted(floor).map(({ task }) => task)).toEqual(['a', 'b'])
  })

  it('is everybody’s when its last element goes elsewhere', () => {
    const floor = busy(tasks, ['d', 'e'])
    wait(floor, ['arr', asks(8, 90, { array: [1, 2] })])
    floor.ends('arr[0]', 'succeeded')
    floor.seconds(1)
    floor.ends('a')
    floor.seconds(1)
    expect(floor.assigned.slice(2)).toEqual(['arr[0] to e', 'arr[1] to e', 'a to d'])
  })
})

describe('the room that is made for a task', () => {
  it('is kept for it until what was ending anyway is gone too', () => {
    const floor = busy({ a: asks(4, 10, { grace: '60s' }), b: asks(4, 10) })
    floor.submit('a', { withdraw: true })
    floor.seconds(1)
    wait(floor, ['high', asks(8, 90)])
    expect([...floor.revoked.keys()]).toEqual(['a', 'b'])
    floor.ends('b')
    floor.seconds(30)
    expect(floor.assigned.slice(2)).toEqual([])
    floor.ends('a')
    expect(floor.assigned.slice(2)).toEqual(['high to d'])
    expect(preempted(floor)).toHaveLength(1)
    expect(floor.last.get('b')?.preemptions?.count).toBe(1)
  })

  it('is not taken by what has the same priority and came later', () => {
    const floor = busy({ a: asks(4, 10), b: asks(4, 10) })
    wait(floor, ['high', asks(8, 50)])
    expect([...floor.revoked.keys()].sort()).toEqual(['a', 'b'])
    floor.submit('later', asks(4, 50))
    floor.seconds(1)
    for (const task of ['a', 'b']) {
      floor.ends(task)
      floor.seconds(1)
    }
    expect(floor.assigned.slice(2)).toEqual(['high to d'])
  })

  it('goes to what has a higher priority, also when others like it are kept out', () => {
    const floor = busy({ a: asks(5, 10, on('d')), c: asks(8, 40, on('e')) }, ['d', 'e'])
    wait(floor, ['big', asks(8, 60)])
    wait(floor, ['low', asks(2, 30)])
    expect([floor.where('big'), floor.where('low')]).toEqual([undefined, undefined])
    wait(floor, ['higher', asks(2, 95)])
    expect(floor.where('higher')).toBe('d')
    // Less than big is waited for.
    floor.seconds(5)
    expect([...floor.revoked.keys()]).toEqual(['a'])
    expect(floor.where('low')).toBeUndefined()
  })
})

describe('what a task must be near', () => {
  it('is not ended for it', () => {
    const floor = busy({ store: asks(8, 10, { group: 'store', ...on('d') }) }, ['d', 'e'])
    floor.submit('reader', asks(8, 90, { near: [{ group: 'store' }] }))
    floor.seconds(20)
    expect([...floor.revoked.keys()]).toEqual([])
    expect(floor.where('reader')).toBeUndefined()
  })

  it('stays, and something else is ended', () => {
    // By all else the store would go: it has done less.
    const floor = busy({ other: asks(4, 10), store: asks(4, 10, { group: 'store' }) })
    wait(floor, ['reader', asks(4, 90, { near: [{ group: 'store' }] })])
    expect([...floor.revoked.keys()]).toEqual(['other'])
    floor.ends('other')
    expect(floor.where('reader')).toBe('d')
  })
})

describe('in a large fleet', () => {
  it('every task that is stuck is looked at on every device', () => {
    // Twice as many as are looked at for one task at a time: what could end is not among the first of them.
    const devices = Array.from({ length: 512 }, (_, n) => `d${n}`)
    const floor = Floor.serving(devices)
    floor.submit('low', asks(8, 10, on('d300')))
    floor.turn()
    floor.submit('others', asks(8, 90, { array: Array.from({ length: 511 }, (_, n) => n) }))
    floor.seconds(3)
    expect(floor.assigned).toHaveLength(512)
    floor.submit('high', asks(8, 80))
    // It has nothing to end, and is looked at as often.
    floor.submit('none', asks(7, 15))
    for (let second = 0; second < 120 && floor.revoked.size === 0; second++) floor.seconds(1)
    expect([...floor.revoked.keys()]).toEqual(['low'])
    floor.ends('low')
    expect(floor.where('high')).toBe('d300')
  })
})
