/** Tasks that are planned together, from their specs to their devices. */
import { describe, expect, it } from 'vitest'
import { GATHER_MS } from '../coordinator/scheduler/batches.ts'
import { SPEC } from './testing/driver.ts'
import { Floor } from './testing/floor.ts'

const needs = (cpu: string) => ({ ...SPEC, resources: { cpu } })

describe('a mesh that plans batches', () => {
  it('waits for tasks that come soon after another, tells so, and places them all at once', () => {
    // Eight cores each: 3, 4, 5 and 4 only fit as 3 with 5 and 4 with 4.
    const floor = Floor.serving(['a', 'b'], { strategy: 'dp' })
    floor.submit('three', needs('3'))
    floor.turn()
    expect(floor.assigned).toEqual([])
    expect(floor.last.get('three')).toMatchObject({
      state: 'pending',
      explanation: `waits: up to ${GATHER_MS} ms for other tasks that dp can plan together with it`,
    })
    floor.driver.pass(GATHER_MS - 1)
    for (const [id, cpu] of [
      ['four', '4'],
      ['five', '5'],
      ['other', '4'],
    ] as const)
      floor.submit(id, needs(cpu))
    floor.turn()
    expect(floor.assigned).toEqual([])
    floor.driver.pass(1)
    // What is due wakes the scheduler, which then has its turn.
    floor.turn()
    floor.turn()
    expect(floor.assigned).toHaveLength(4)
    expect(floor.where('three')).toBe(floor.where('five'))
    expect(floor.where('four')).toBe(floor.where('other'))
    expect(floor.last.get('three')?.explanation).toContain(
      'by dp, one of 4 tasks planned over 2 devices for the lowest peak, 100 %, proven best',
    )
  })

  it('places a task that names a strategy of its own by that', () => {
    const floor = Floor.serving(['a', 'b'], { strategy: 'dp' })
    floor.submit('own', { ...SPEC, strategy: 'greedy' })
    floor.turn()
    expect(floor.last.get('own')?.explanation).toContain('most free of 2 with room looked at')
  })
})
