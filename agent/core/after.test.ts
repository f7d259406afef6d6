/** Tasks that are after others, as one agent in office treats them. */
import { describe, expect, it } from 'vitest'
import { behind, Desk } from './testing/desk.ts'
import { SPEC } from './testing/driver.ts'
import { inboxes } from './testing/office.ts'

describe('a task that is after others', () => {
  it('waits until all have succeeded, and says for whom', () => {
    const desk = Desk.serving()
    desk.submit('a', SPEC)
    desk.submit('b', SPEC)
    desk.submit('c', behind('a', 'b'))
    desk.settle()
    expect(desk.sent().sort()).toEqual(['a', 'b'])
    expect(desk.why('c')).toBe('pending: waits for a, b (0 of 2 have succeeded)')
    desk.finish('b')
    desk.settle()
    expect(desk.sent()).toEqual([])
    expect(desk.why('c')).toBe('pending: waits for a (1 of 2 have succeeded)')
    desk.finish('a')
    desk.settle()
    expect(desk.sent()).toEqual(['c'])
  })

  it('starts only when the broker has acknowledged the end of the last', () => {
    const desk = Desk.serving()
    desk.submit('a', SPEC)
    desk.submit('c', behind('a'))
    desk.settle()
    desk.finish('a')
    desk.turn()
    expect(desk.last.get('a')?.state).toBe('succeeded')
    desk.sent()
    expect(desk.why('c')).toContain('waits for a')
    desk.settle()
    expect(desk.sent()).toEqual(['c'])
  })

  it('goes at once when they had succeeded before it came', () => {
    const desk = Desk.serving()
    desk.submit('a', SPEC)
    desk.settle()
    desk.finish('a')
    desk.settle()
    desk.sent()
    desk.submit('c', behind('a'))
    desk.settle()
    expect(desk.sent()).toEqual(['c'])
  })

  it.each(['a c', 'c a'])('does not mind in which order they come: %s', (order) => {
    const desk = Desk.serving()
    for (const id of order.split(' ')) desk.submit(id, id === 'a' ? SPEC : behind('a'))
    desk.settle()
    expect(desk.sent()).toEqual(['a'])
    expect(desk.why('c')).toBe('pending: waits for a (0 of 1 have succeeded)')
  })

  it.each(['failed', 'timed_out'])('is rejected when one has %s, and so is what is after it', (outcome) => {
    const desk = Desk.serving()
    desk.submit('a', SPEC)
    desk.submit('b', behind('a'))
    desk.submit('c', behind('b'))
    desk.submit('d', behind('c', 'a'))
    desk.settle()
    desk.finish('a', outcome)
    desk.settle()
    const root = `a ended ${outcome}: exit code 3 on d`
    expect(desk.last.get('b')).toMatchObject({ state: 'rejected', explanation: root })
    expect(desk.last.get('b')?.error).toMatchObject({ code: 'E_PREDECESSOR_FAILED', message: root })
    expect(desk.why('c')).toBe(`rejected: b, which it is after, ended rejected: ${root}`)
    expect(desk.code('d')).toBe('E_PREDECESSOR_FAILED')
    expect(desk.cleared('spec').sort()).toEqual(['a', 'b', 'c', 'd'])
  })

  it('hears the first reason as it was, however long the chain', () => {
    const desk = Desk.serving()
    const length = 500
    for (let n = length; n > 0; n--) desk.submit(`t${n}`, behind(`t${n - 1}`))
    desk.submit('t0', { ...SPEC, resources: { cpu: '100' } })
    desk.settle()
    desk.submit('t0', { withdraw: true })
    desk.settle()
    const root = 't0 ended cancelled: withdrawn by its submitter'
    for (let n = 1; n <= length; n++) expect(desk.last.get(`t${n}`)?.error?.message).toBe(root)
    expect(desk.why('t500')).toBe(`rejected: t499, which it is after, ended rejected: ${root}`)
  })

  it('is rejected when one is withdrawn, had failed before, or could not be read', () => {
    const desk = Desk.serving()
    desk.submit('a', behind('nobody'))
    desk.submit('of-a', behind('a'))
    desk.submit('a', { withdraw: true })
    desk.driver.hear('device', {
      route: 'spec',
      id: 'bad',
      rejection: { code: 'E_SHAPE', path: '/run', message: 'no', remedy: '' },
    })
    desk.settle()
    expect(desk.why('of-a')).toBe('rejected: a ended cancelled: withdrawn by its submitter')
    desk.submit('of-bad', behind('bad'))
    desk.settle()
    expect(desk.why('of-bad')).toBe('rejected: bad ended rejected: no at /run')
  })

  it('is given what they put out, beside its own input', () => {
    const desk = Desk.serving()
    desk.submit('a', SPEC)
    desk.submit('c', { ...behind('a'), input: { n: 3 } })
    desk.settle()
    desk.finish('a')
    desk.settle()
    const assigned = inboxes(desk.driver).flatMap(({ assign }) => assign)
    expect(assigned.find(({ task }) => task === 'c')?.spec.input).toEqual({
      input: { n: 3 },
      after: { a: { exitCode: 0, stdout: 'out of a' } },
    })
  })

  it('awaits an unknown one for as long as the mesh says, 10 seconds by default', () => {
    const desk = Desk.serving()
    desk.submit('a', SPEC)
    desk.submit('c', behind('a', 'ghost'))
    desk.settle()
    expect(desk.why('c')).toBe('pending: waits for a, ghost (0 of 2 have succeeded); not known yet: ghost')
    desk.due(9_999)
    desk.settle()
    expect(desk.last.get('c')?.state).toBe('pending')
    desk.due(1)
    desk.settle()
    expect(desk.code('c')).toBe('E_PREDECESSOR_UNKNOWN')
    expect(desk.why('c')).toBe('rejected: ghost, which it is after, did not become known within 10s')
    desk.driver.hear('device', { route: 'config', id: '', body: { predecessorWait: '1s' } })
    desk.submit('e', behind('ghost'))
    desk.due(1_000)
    desk.settle()
    expect(desk.code('e')).toBe('E_PREDECESSOR_UNKNOWN')
  })

  it('is told when an unknown one turns up, and waits on past the 10 seconds', () => {
    const desk = Desk.serving()
    desk.submit('c', behind('late'))
    desk.settle()
    desk.due(9_000)
    desk.submit('late', { ...SPEC, resources: { cpu: '100' } })
    desk.settle()
    expect(desk.why('c')).toBe('pending: waits for late (0 of 1 have succeeded)')
    desk.due(60_000)
    desk.settle()
    expect(desk.last.get('c')?.state).toBe('pending')
  })

  it('is rejected at once when it is after itself, and so are those it waits for', () => {
    const desk = Desk.serving()
    desk.submit('self', behind('self'))
    desk.submit('a', behind('c'))
    desk.submit('b', behind('a'))
    desk.submit('c', behind('b'))
    desk.settle()
    expect(desk.why('self')).toBe('rejected: it is after itself')
    expect(desk.code('c')).toBe('E_CYCLE')
    expect(desk.why('c')).toMatch(
      /^rejected: it is after [ab], and [ab] after it, directly or through others$/,
    )
    expect([desk.code('a'), desk.code('b')]).toEqual(['E_PREDECESSOR_FAILED', 'E_PREDECESSOR_FAILED'])
    expect(desk.last.get('b')?.error?.message).toContain('c ended rejected: it is after')
    // Nothing of it is left that would make a cycle of what is none.
    desk.submit('a2', behind('b2'))
    desk.submit('b2', SPEC)
    desk.settle()
    expect(desk.why('a2')).toContain('waits for b2')
  })

  it('ends at its deadline and when it is withdrawn, like any that waits', () => {
    const desk = Desk.serving()
    const deadline = new Date(desk.driver.now.wallMs + 2_000).toISOString()
    desk.submit('a', { ...SPEC, resources: { cpu: '100' } })
    desk.submit('late', { ...behind('a'), deadline })
    desk.submit('gone', behind('a'))
    desk.settle()
    desk.submit('gone', { withdraw: true })
    desk.due(2_000)
    desk.settle()
    expect(desk.last.get('late')).toMatchObject({ state: 'timed_out', error: { code: 'E_DEADLINE' } })
    expect(desk.last.get('gone')?.state).toBe('cancelled')
  })

  it('counts among the tasks that wait, of which there is a most', () => {
    const desk = Desk.serving()
    desk.driver.hear('device', { route: 'config', id: '', body: { pendingTasksMax: 1 } })
    desk.submit('a', behind('ghost'))
    desk.submit('b', behind('ghost'))
    desk.settle()
    expect(desk.code('b')).toBe('E_PENDING_MAX')
  })

  it('is run again after a failure of its own without asking about the others', () => {
    const desk = Desk.serving()
    desk.submit('a', SPEC)
    desk.submit('c', { ...behind('a'), retries: { failed: 1 } })
    desk.settle()
    desk.finish('a')
    desk.settle()
    desk.sent()
    desk.finish('c', 'failed')
    desk.settle()
    desk.due(5_000)
    desk.settle()
    expect(desk.sent()).toEqual(['c'])
  })

  it('is rejected when what it is after ended so long ago that it was forgotten', () => {
    const desk = Desk.serving()
    desk.submit('a', { ...SPEC, ttl: '1s' })
    desk.settle()
    desk.finish('a')
    desk.settle()
    desk.due(1_000)
    expect(desk.cleared('status')).toEqual(['a'])
    desk.submit('c', behind('a'))
    desk.due(10_000)
    desk.settle()
    expect(desk.code('c')).toBe('E_PREDECESSOR_UNKNOWN')
  })

  it('keeps the statuses of those it is after until it has ended, and then for their ttl', () => {
    const desk = Desk.serving()
    desk.submit('a', { ...SPEC, ttl: '1s' })
    desk.submit('b', { ...SPEC, resources: { cpu: '100' } })
    desk.submit('c', behind('a', 'b'))
    desk.settle()
    desk.finish('a')
    desk.settle()
    desk.due(60_000)
    expect(desk.cleared('status')).toEqual([])
    desk.submit('c', { withdraw: true })
    desk.settle()
    desk.due(999)
    expect(desk.cleared('status')).toEqual([])
    desk.due(1)
    expect(desk.cleared('status')).toEqual(['a'])
  })
})
