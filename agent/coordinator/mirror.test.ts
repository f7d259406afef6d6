import { describe, expect, it } from 'vitest'
import type { Incoming } from '../../shared/protocol/codec.ts'
import { Mirror } from './mirror.ts'

const attempt = { term: 1, agent: 'a', n: 7 }
const status = (more: object, retained = true): Incoming =>
  ({
    ...{ route: 'status', id: 't', mesh: 'home', retained },
    body: {
      ...{ task: 't', state: 'running', digest: 'd', term: 1, agent: 'a', attempt, attempts: 1, failed: 0 },
      ...{ lost: 0, explanation: '', times: {}, ...more },
    },
  }) as Incoming
const ended = status({ state: 'timed_out' })

describe('a retained status that comes behind one that says how its attempt ended', () => {
  it('is from before, and is not kept', () => {
    const mirror = new Mirror()
    expect(mirror.apply(ended, 0)).toBe(true)
    expect(mirror.apply(status({}), 1)).toBe(false)
    expect(mirror.statuses.get('t')).toBe(ended)
    expect(mirror.lastRetainedMs).toBe(1)
  })

  it.each([
    ['is of another attempt', status({ attempt: { ...attempt, n: 8 } })],
    ['is of a later reign', status({ term: 2 })],
    ['has ended too', status({ state: 'failed' })],
    ['is live', status({}, false)],
  ])('is kept when it %s', (_, later) => {
    const mirror = new Mirror()
    mirror.apply(ended, 0)
    expect(mirror.apply(later, 1)).toBe(true)
    expect(mirror.statuses.get('t')).toBe(later)
  })
})
