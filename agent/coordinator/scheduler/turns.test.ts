/** Whose turn it is, while things change within a run. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Decision } from './decision.ts'
import { comesFirst, type Waiting } from './queue.ts'
import { device, fleet, NOW, run, task } from './testing/fleet.ts'

/** Of a kind of its own. */
const spec = (kind: number, priority: number): Partial<TaskSpec> => ({
  priority,
  resources: { cpu: `${100 + kind}m`, memory: '1Mi' },
})

describe('the order of turns', () => {
  it('is that of the tasks, whatever comes, goes and moves forward within the run', () => {
    const step = fc.record({
      what: fc.constantFrom('nothing', 'comes', 'goes', 'forward'),
      which: fc.nat(50),
      kind: fc.nat(6),
      priority: fc.constantFrom(40, 50, 60),
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(6), fc.constantFrom(40, 50, 60)), { minLength: 1, maxLength: 12 }),
        fc.array(step, { maxLength: 20 }),
        (first, steps) => {
          // So many that nothing goes in bursts.
          const devices = Array.from({ length: 20 }, (_, n) => device(`d${n}`, { cpu: '9', memory: '1Gi' }))
          const scheduler = fleet(...devices)
          const waiting = new Set<TaskRecord>()
          const add = (kind: number, priority: number) => {
            const one = task('t', spec(kind, priority))
            waiting.add(one)
            scheduler.enqueue(one)
          }
          for (const [kind, priority] of first) add(kind, priority)
          const left = [...steps]
          let ranks = 0
          const reserve = ({ task: placed }: Decision) => {
            const others = [...waiting].filter((one) => one !== placed).map(({ queued }) => queued as Waiting)
            // It has left its queue; only by who is still there can it be told whether it was first.
            const own = before.get(placed) as Waiting
            expect(others.filter((one) => comesFirst(one, own))).toEqual([])
            waiting.delete(placed)
            const next = left.shift()
            const chosen = [...waiting][(next?.which ?? 0) % Math.max(1, waiting.size)]
            if (next?.what === 'comes') add(next.kind, next.priority)
            else if (next?.what === 'goes' && chosen !== undefined) {
              scheduler.remove(chosen)
              waiting.delete(chosen)
            } else if (next?.what === 'forward' && chosen !== undefined) scheduler.raise(chosen, ++ranks)
            remember()
          }
          const before = new Map<TaskRecord, Waiting>()
          const remember = () => {
            for (const one of waiting) before.set(one, one.queued as Waiting)
          }
          remember()
          scheduler.run(NOW, 1_000, reserve, () => undefined)
          expect(waiting.size).toBe(0)
        },
      ),
    )
  })

  it('comes to what a placement of the run makes able to go', () => {
    const scheduler = fleet(
      device('a', { cpu: '2', memory: '1Gi' }, { rack: 'x' }),
      device('b', { cpu: '2', memory: '1Gi' }, { rack: 'y' }),
    )
    const near = task('near', { near: [{ group: 'db', by: 'rack' }], priority: 90 })
    scheduler.enqueue(near)
    scheduler.enqueue(task('db', { group: 'db' }))
    scheduler.enqueue(task('other', { priority: 10 }))
    expect(run(scheduler).placed.map(([id]) => id)).toEqual(['db', 'near', 'other'])
  })
})
