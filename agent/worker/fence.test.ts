import { describe, expect, it } from 'vitest'
import type { Inbox } from '../../shared/protocol/schemas/index.ts'
import { Fence } from './fence.ts'

const inbox = (term: number, agent: string, seq: number): Inbox => ({
  term,
  agent,
  seq,
  assign: [],
  revoke: [],
  ack: [],
})

function open(term: number, agent: string): Fence {
  const fence = new Fence()
  fence.beacon({ term, agent })
  fence.settled({ term, agent }, true)
  return fence
}

describe('fence', () => {
  it('takes no order before it has heard a beacon on this connection', () => {
    const fence = new Fence()
    expect(fence.admit(inbox(1, 'a', 1))).toBe('no beacon yet')
    const heard = open(1, 'a')
    heard.reconnected()
    expect(heard.admit(inbox(1, 'a', 1))).toBe('no beacon yet')
    expect(heard.beacon({ term: 1, agent: 'a' })).toBe('first on connection')
    expect(heard.admit(inbox(1, 'a', 1))).toBe('accept')
  })

  it('takes no order of a reign that the journal does not remember yet', () => {
    const fence = new Fence()
    fence.beacon({ term: 2, agent: 'a' })
    expect(fence.admit(inbox(2, 'a', 1))).toBe('not durable yet')
    fence.settled({ term: 1, agent: 'z' }, true)
    expect(fence.open).toBe(false)
    fence.settled({ term: 2, agent: 'a' }, true)
    expect(fence.admit(inbox(2, 'a', 1))).toBe('accept')
  })

  it('never goes back to a lower reign, also when only the agent differs', () => {
    const fence = open(3, 'b')
    expect(fence.beacon({ term: 3, agent: 'a' })).toBe('lower')
    expect(fence.beacon({ term: 2, agent: 'z' })).toBe('lower')
    expect(fence.admit(inbox(3, 'a', 1))).toBe('lower reign')
    expect(fence.admit(inbox(2, 'z', 9))).toBe('lower reign')
    const restarted = new Fence()
    restarted.restore({ term: 3, agent: 'b' })
    expect(restarted.beacon({ term: 3, agent: 'a' })).toBe('lower')
  })

  it('acts on each order once, and counts anew in every reign', () => {
    const fence = open(1, 'a')
    expect(fence.admit(inbox(1, 'a', 2))).toBe('accept')
    expect(fence.admit(inbox(1, 'a', 2))).toBe('seen before')
    expect(fence.admit(inbox(1, 'a', 1))).toBe('seen before')
    fence.beacon({ term: 2, agent: 'c' })
    fence.settled({ term: 2, agent: 'c' }, true)
    expect(fence.seq).toBe(0)
    expect(fence.admit(inbox(2, 'c', 1))).toBe('accept')
  })
})
