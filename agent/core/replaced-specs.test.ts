/** Tasks under way whose retained spec is not what was accepted, as a new coordinator finds them. */
import { describe, expect, it } from 'vitest'
import { decode } from '../../shared/protocol/codec.ts'
import { contentDigest } from '../../shared/protocol/digest.ts'
import type { TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { Desk } from './testing/desk.ts'
import { SPEC } from './testing/driver.ts'

describe('a task under way whose spec', () => {
  const status = (state: TaskStatus['state']) => ({
    task: 't',
    state,
    digest: contentDigest(SPEC),
    term: 1,
    agent: 'old',
    attempts: 0,
    failed: 0,
    lost: 0,
    explanation: 'before',
    times: {},
  })

  /** What the broker tells of the spec's topic. */
  const spec = (body: unknown) => {
    const text = JSON.stringify(body)
    return decode({ mesh: 'home', route: 'spec', id: 't' }, text, text.length, true)
  }

  /** Takes office with a task that waits, and what is retained for its spec. */
  const restored = (body?: unknown) =>
    Desk.restored([
      { route: 'status', id: 't', body: status('pending') },
      ...(body === undefined ? [] : [spec(body)]),
    ])

  it('is refused by the checks of today is told so, and why', () => {
    const desk = restored({ ...SPEC, resources: { gpu: '1500m' } })
    expect(desk.last.get('t')).toMatchObject({
      state: 'rejected',
      error: {
        code: 'E_SHAPE',
        path: '/resources/gpu',
        message: '"1500m" is neither a share of one GPU nor a number of whole ones',
      },
      explanation:
        'it was accepted once, and its retained spec is refused now: ' +
        '"1500m" is neither a share of one GPU nor a number of whole ones at /resources/gpu',
    })
    expect(desk.cleared('spec')).toEqual(['t'])
  })

  it('has other content has lost the first', () => {
    const desk = restored({ ...SPEC, priority: 1 })
    expect(desk.code('t')).toBe('E_OVERWRITTEN')
    expect(desk.cleared('spec')).toEqual(['t'])
  })

  it.each([
    ['other content', { ...SPEC, priority: 1 }, 'E_OVERWRITTEN'],
    ['what is refused', { ...SPEC, resources: { gpu: '1500m' } }, 'E_SHAPE'],
    ['a withdrawal', { withdraw: true }, undefined],
  ])('comes late, and then as %s, ends as if that had been there', (_, body, code) => {
    const desk = restored()
    desk.driver.hear('device', spec(body), true)
    desk.settle()
    desk.due(2_500)
    desk.due(5_000)
    expect(desk.settle().last.get('t')?.state).toBe(code === undefined ? 'cancelled' : 'rejected')
    expect(desk.code('t')).toBe(code)
  })
})
