import { describe, expect, it } from 'vitest'
import { utilizationOf } from './utilization.ts'

const LOAD = { cpu: 1, cpuTotal: 4, memoryUsed: 30, memoryTotal: 100 }
const CAPACITY = { cpu: 4_000, memory: 100_000 }
const RESERVED = { cpu: 500, memory: 10_000 }

describe('utilization', () => {
  it('is of the scarcer of what is measured', () => {
    const found = utilizationOf(LOAD, CAPACITY, RESERVED)
    expect(found).toMatchObject({ resource: 'memory', share: 0.3, total: 100_000, reserved: 10_000 })
    expect(utilizationOf({ memoryUsed: 1 }, CAPACITY, RESERVED)).toBeUndefined()
  })

  it('is the same object while nothing has changed, and only then', () => {
    const before = utilizationOf(LOAD, CAPACITY, RESERVED)
    const again = (load: typeof LOAD, reserved: typeof RESERVED) =>
      utilizationOf(load, CAPACITY, reserved, before)
    expect(again({ ...LOAD }, { ...RESERVED })).toBe(before)
    const changes = [
      again({ ...LOAD, cpu: 2 }, RESERVED),
      again({ ...LOAD, cpuTotal: 8 }, RESERVED),
      again({ ...LOAD, memoryUsed: 31 }, RESERVED),
      again(LOAD, { ...RESERVED, cpu: 600 }),
      again(LOAD, { ...RESERVED, memory: 0 }),
      utilizationOf({ cpu: 1, cpuTotal: 4 }, CAPACITY, RESERVED, before),
    ]
    const plain = [
      utilizationOf({ ...LOAD, cpu: 2 }, CAPACITY, RESERVED),
      utilizationOf({ ...LOAD, cpuTotal: 8 }, CAPACITY, RESERVED),
      utilizationOf({ ...LOAD, memoryUsed: 31 }, CAPACITY, RESERVED),
      utilizationOf(LOAD, CAPACITY, { ...RESERVED, cpu: 600 }),
      utilizationOf(LOAD, CAPACITY, { ...RESERVED, memory: 0 }),
      utilizationOf({ cpu: 1, cpuTotal: 4 }, CAPACITY, RESERVED),
    ]
    expect(changes).toEqual(plain)
    for (const changed of changes) expect(changed).not.toBe(before)
  })
})
