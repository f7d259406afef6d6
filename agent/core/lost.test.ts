/** A device is lost, and with it what stood in the way of others: they are looked at at once, not with the next news. */
import { describe, expect, it } from 'vitest'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { DEFAULT_TIMING } from './options.ts'
import { asks } from './testing/busy.ts'
import { Floor } from './testing/floor.ts'
import { born } from './testing/office.ts'

/** Runs on `d` and fails with it. */
const there = (cpu: number, more: Partial<TaskSpec>): TaskSpec =>
  asks(cpu, 50, { where: { device: 'd' }, retries: { lost: 0 }, ...more })

/** `d` dies. What waits is decided when the coordinator wants to decide, and only then. */
function lose(floor: Floor): void {
  floor.turn()
  floor.driver.effects = []
  floor.dies('d')
  floor.driver.pass(DEFAULT_TIMING.lostGraceMs)
  floor.driver.timer('coordinator/due')
  expect(floor.driver.take('timer').map(({ name }) => name)).toContain('coordinator/run')
  floor.turn()
  expect(floor.last.get('first')?.state).toBe('failed')
}

describe('when a device is lost', () => {
  it('a tenant has back what it had reserved there', () => {
    const floor = Floor.serving(['d', 'e'], { tenants: { a: { quota: { cpu: 8 } } } })
    floor.submit('first', there(8, { tenant: 'a' }))
    floor.seconds(1)
    floor.submit('next', asks(8, 50, { tenant: 'a' }))
    floor.seconds(1)
    expect(floor.last.get('next')?.state).toBe('pending')
    lose(floor)
    expect(floor.where('next')).toBe('e')
  })

  const loud = { group: 'loud' }
  const quiet = { apart: [{ group: 'loud', by: 'zone' }] }
  it.each([
    ['apart from what ran there', loud, quiet],
    ['away from what kept it away there', quiet, loud],
  ])('nothing must stay %s any more', (_, first, next) => {
    const floor = Floor.serving(['d', 'e'])
    for (const id of ['d', 'e']) born(floor.driver, id, { labels: { zone: 'z' } })
    floor.submit('first', there(1, first))
    floor.seconds(1)
    floor.submit('next', asks(1, 50, next))
    floor.seconds(1)
    expect(floor.last.get('next')?.state).toBe('pending')
    lose(floor)
    expect(floor.where('next')).toBe('e')
  })
})
