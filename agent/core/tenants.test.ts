/** Tenants: bounds of what is theirs, as one agent in office holds them to it. */
import { describe, expect, it } from 'vitest'
import type { MeshConfig, TaskSpec, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { specDigest } from '../coordinator/task-record.ts'
import { SPEC } from './testing/driver.ts'
import { Floor } from './testing/floor.ts'

const asks = (cpu: number, tenant?: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  ...SPEC,
  resources: { cpu: `${cpu}` },
  ...(tenant === undefined ? {} : { tenant }),
  ...more,
})

const quota = (cpu: number, more = {}): MeshConfig => ({ tenants: { a: { quota: { cpu }, ...more } } })
const OVER = 'tenant a has reserved 8 of its quota of 10 cpu, and this needs 4'

describe('a tenant that is at its quota', () => {
  it('waits, says which quota it is and who uses it, and goes on when that is over', () => {
    const floor = Floor.serving(['d', 'e'], quota(10))
    floor.submit('first', asks(8, 'a'))
    floor.submit('second', asks(4, 'a'))
    floor.submit('other', asks(4, 'b'))
    floor.submit('unnamed', asks(4))
    floor.turn()
    expect(floor.assigned.map((words) => words.split(' ')[0])).toEqual(['first', 'other', 'unnamed'])
    expect(floor.last.get('second')).toMatchObject({
      state: 'pending',
      explanation: `waits: ${OVER}; it is used by first (8)`,
    })
    floor.ends('first', 'succeeded')
    floor.turn()
    expect(floor.where('second')).toBe('e')
  })

  it('goes on when the quota is raised', () => {
    const floor = Floor.serving(['d', 'e'], quota(10))
    floor.submit('first', asks(8, 'a'))
    floor.submit('second', asks(4, 'a'))
    floor.turn()
    floor.configure(quota(12))
    floor.turn()
    expect(floor.where('second')).toBe('d')
  })

  it('is refused where the mesh says so', () => {
    const floor = Floor.serving(['d', 'e'], quota(10, { overQuota: 'reject' }))
    floor.submit('first', asks(8, 'a'))
    floor.turn()
    floor.submit('second', asks(4, 'a'))
    floor.submit('small', asks(2, 'a'))
    floor.turn()
    expect(floor.last.get('second')).toMatchObject({
      state: 'rejected',
      error: { code: 'E_QUOTA', message: OVER },
    })
    expect(floor.where('small')).toBe('d')
  })

  it('is refused at once what the whole quota has no room for, also where others wait', () => {
    const floor = Floor.serving(['d', 'e'], quota(10))
    floor.submit('huge', asks(11, 'a'))
    floor.submit('elements', { ...asks(11, 'a'), array: [1, 2] })
    floor.submit('fits', asks(8, 'a'))
    floor.turn()
    for (const id of ['huge', 'elements'])
      expect(floor.last.get(id)).toMatchObject({
        state: 'rejected',
        error: {
          code: 'E_QUOTA_SIZE',
          path: '/resources/cpu',
          message: 'the quota of tenant a is 10 cpu, and this needs 11',
          remedy: 'Ask for at most 10 cpu, or raise the quota in the mesh config',
        },
      })
    expect(floor.assigned.map((words) => words.split(' ')[0])).toEqual(['fits'])
  })

  it('waits with what came before the quota was lowered', () => {
    const floor = Floor.serving(['d'], quota(10))
    floor.submit('first', asks(8, 'a'))
    floor.submit('second', asks(8, 'a'))
    floor.turn()
    floor.configure(quota(4))
    floor.ends('first', 'succeeded')
    floor.seconds(10)
    expect(floor.last.get('second')).toMatchObject({
      state: 'pending',
      explanation: 'waits: the quota of tenant a is 4 cpu, and this needs 8',
    })
  })

  it('has nothing ended for it, whatever its priority', () => {
    const floor = Floor.serving(['d'], quota(4))
    floor.submit('first', asks(4, 'a'))
    floor.submit('low', asks(4, 'b', { priority: 0 }))
    floor.seconds(1)
    floor.submit('high', asks(4, 'a', { priority: 100 }))
    floor.seconds(10)
    expect([...floor.revoked.keys()]).toEqual([])
  })

  it('counts the elements of its arrays', () => {
    const floor = Floor.serving(['d', 'e'], quota(10))
    floor.submit('many', { ...asks(4, 'a'), array: [1, 2, 3] })
    floor.turn()
    expect(floor.assigned).toHaveLength(2)
    floor.ends('many[0]', 'succeeded')
    floor.turn()
    expect(floor.assigned).toHaveLength(3)
  })

  it('has back what was reserved on a device that was removed, also by what is exclusive', () => {
    const floor = Floor.serving(['d', 'e'], quota(8))
    floor.seconds(15)
    floor.submit('alone', asks(8, 'a', { exclusive: true, where: { device: 'd' } }))
    floor.seconds(2)
    expect(floor.where('alone')).toBe('d')
    floor.submit('next', asks(8, 'a', { where: { device: 'e' } }))
    floor.turn()
    expect(floor.where('next')).toBeUndefined()
    floor.driver.hear('device', { route: 'state', id: 'd', empty: true })
    floor.turn()
    expect(floor.where('next')).toBe('e')
  })
})

describe('a tenant that has as many unfinished tasks as it may', () => {
  it('is refused the next with the bound, until one has ended', () => {
    const floor = Floor.serving(['d'], { tenants: { default: { tasksMax: 2 } } })
    floor.submit('one', asks(1))
    floor.submit('two', asks(16))
    floor.turn()
    floor.submit('three', asks(1))
    floor.submit('other', asks(1, 'b'))
    floor.turn()
    expect(floor.last.get('three')).toMatchObject({
      state: 'rejected',
      error: {
        code: 'E_TENANT_TASKS_MAX',
        message: 'tenant default has 2 unfinished tasks and 2 are allowed',
      },
    })
    expect(floor.where('other')).toBe('d')
    floor.ends('one', 'succeeded')
    floor.submit('four', asks(1))
    floor.submit('five', asks(1))
    floor.turn()
    expect(floor.where('four')).toBe('d')
    expect(floor.last.get('five')?.state).toBe('rejected')
  })
})

describe('a new coordinator', () => {
  it('counts what devices hold and what has not ended', () => {
    const spec = asks(8, 'a')
    const running: TaskStatus = {
      task: 'first',
      state: 'running',
      digest: specDigest(spec),
      term: 1,
      agent: 'old',
      attempt: { term: 1, agent: 'old', n: 7 },
      device: 'd',
      attempts: 1,
      failed: 0,
      lost: 0,
      explanation: 'before',
      times: { started: '2023-11-14T22:13:10Z' },
    }
    const floor = Floor.restored(running, spec, 'd', 0)
    floor.configure(quota(10, { tasksMax: 2 }))
    floor.join('e')
    floor.submit('second', asks(4, 'a'))
    floor.submit('third', asks(1, 'a'))
    floor.seconds(1)
    expect(floor.last.get('second')?.explanation).toBe(`waits: ${OVER}; it is used by first (8)`)
    expect(floor.last.get('third')?.error?.code).toBe('E_TENANT_TASKS_MAX')
    floor.ends('first', 'succeeded')
    floor.turn()
    expect(floor.last.get('second')?.state).toBe('running')
  })
})
