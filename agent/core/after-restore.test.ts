/** Tasks that are after others, as a new coordinator takes them over. */
import { describe, expect, it } from 'vitest'
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { behind, Desk } from './testing/desk.ts'
import { SPEC } from './testing/driver.ts'

describe('a new coordinator', () => {
  const status = (task: string, more: Partial<TaskStatus>) => ({
    task,
    state: 'pending',
    digest: '',
    term: 1,
    agent: 'old',
    attempts: 0,
    failed: 0,
    lost: 0,
    explanation: 'before',
    times: {},
    ...more,
  })
  const attempt = { term: 1, agent: 'old', n: 1 }

  const restored = (retained: readonly (readonly ['spec' | 'status', string, unknown])[]) =>
    Desk.restored(retained.map(([route, id, body]) => ({ route, id, body })))

  it('knows what waits for what, whichever it reads first', () => {
    const retained = [
      ['spec', 'of-open', behind('open')],
      ['spec', 'of-done', behind('done')],
      ['spec', 'of-failed', behind('failed')],
      ['spec', 'of-both', behind('done', 'open')],
      ['spec', 'of-ghost', behind('ghost')],
      ['spec', 'open', { ...SPEC, resources: { cpu: '100' } }],
      ['status', 'done', status('done', { state: 'succeeded', attempt })],
      ['status', 'failed', status('failed', { state: 'failed', attempt, explanation: 'exit code 3 on d' })],
    ] as const
    for (const order of [retained, [...retained].reverse()]) {
      const desk = restored(order)
      expect(desk.sent()).toEqual(['of-done'])
      expect(desk.why('of-open')).toBe('pending: waits for open (0 of 1 have succeeded)')
      expect(desk.why('of-both')).toBe('pending: waits for open (1 of 2 have succeeded)')
      expect(desk.why('of-failed')).toBe('rejected: failed ended failed: exit code 3 on d')
      expect(desk.last.get('of-ghost')?.state).toBe('pending')
      desk.due(10_000)
      desk.settle()
      expect(desk.code('of-ghost')).toBe('E_PREDECESSOR_UNKNOWN')
    }
  })

  it('keeps the status of what an unfinished task is after', () => {
    const desk = restored([
      ['status', 'done', status('done', { state: 'succeeded', attempt })],
      ['spec', 'open', { ...SPEC, resources: { cpu: '100' } }],
      ['spec', 'of-both', behind('done', 'open')],
    ])
    desk.due(3_600_000)
    expect(desk.cleared('status')).toEqual([])
    desk.submit('of-both', { withdraw: true })
    desk.settle()
    desk.due(3_600_000)
    expect(desk.cleared('status')).toContain('done')
  })

  it('keeps the status of what has ended for as long as its spec had said', () => {
    const desk = Desk.serving()
    desk.submit('long', { ...SPEC, ttl: '2h' })
    desk.submit('plain', SPEC)
    desk.settle()
    expect(desk.last.get('long')?.ttl).toBeUndefined()
    desk.finish('long')
    desk.finish('plain')
    desk.settle()
    expect(['long', 'plain'].map((id) => desk.last.get(id)?.ttl)).toEqual(['2h', undefined])
    const later = restored(['long', 'plain'].map((id) => ['status', id, desk.last.get(id)] as const))
    later.due(3_600_000)
    expect(later.cleared('status')).toEqual(['plain'])
    later.submit('long', { ...SPEC, priority: 1 })
    expect(later.settle().last.get('long')).toMatchObject({ refused: {}, ttl: '2h' })
    later.due(3_600_000)
    expect(later.cleared('status')).toEqual([])
    later.due(3_600_000)
    expect(later.cleared('status')).toEqual(['long'])
  })

  it('finds a cycle in what it reads', () => {
    const desk = restored([
      ['spec', 'a', behind('b')],
      ['spec', 'b', behind('a')],
    ])
    expect([desk.code('a'), desk.code('b')].sort()).toEqual(['E_CYCLE', 'E_PREDECESSOR_FAILED'])
  })
})
