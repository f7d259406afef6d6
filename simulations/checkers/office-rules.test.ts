import { describe, expect, it } from 'vitest'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import { EXAMPLES } from '../../shared/protocol/examples.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import { packetOfText } from '../broker/packet.ts'
import { Engine } from '../engine/engine.ts'
import type { SimNode } from '../node/node.ts'
import { Violations } from './checker.ts'
import { OfficeChecker } from './office-rules.ts'

const TOPICS = new Topics('home')
const ATTEMPT = { term: 1, agent: 'a', n: 1 }
const SPEC = { run: { exec: ['true'] } }
const NODE = { device: 'a', connection: () => ({ brokerState: 'open' }) } as unknown as SimNode

type Event =
  | 'assigned'
  | 'acknowledged'
  | 'spec cleared'
  | { ended: string; code?: string }
  | { lost: string[] }

/** Plays what becomes of one task; gives what was found. */
function found(...story: Event[]): string[] {
  const violations = new Violations(new Engine({ seed: 's' }))
  const checker = new OfficeChecker(violations)
  const accept = (topic: string, body: object) =>
    checker.accepted(packetOfText(topic, JSON.stringify(body), 1, true))
  const inbox = { ...EXAMPLES.inbox, assign: [], ack: [] }
  const say = (message: object) => {
    const effects = [{ do: 'publish', link: 'seat', message }] as unknown as AgentEffect[]
    checker.step(NODE, { in: 'timer', name: 't' } as AgentInput, effects, { monoMs: 0, wallMs: 0 })
  }
  for (const event of story) {
    if (event === 'assigned') {
      accept(TOPICS.of('inbox', 'd'), { ...inbox, assign: [{ attempt: ATTEMPT, task: 't', spec: SPEC }] })
    } else if (event === 'acknowledged') {
      say({ route: 'inbox', topic: TOPICS.of('inbox', 'd'), body: { ...inbox, ack: [ATTEMPT] } })
    } else if (event === 'spec cleared') {
      say({ route: 'spec', topic: TOPICS.of('spec', 't'), body: null })
    } else if ('lost' in event) {
      checker.lost(event.lost.length === 0 ? undefined : event.lost.map((task) => TOPICS.of('status', task)))
    } else {
      const error = event.code === undefined ? {} : { error: { code: event.code, message: 'why' } }
      const head = { ...EXAMPLES.status, task: 't' }
      accept(TOPICS.of('status', 't'), { ...head, attempt: ATTEMPT, state: event.ended, ...error })
    }
  }
  return violations.list.map((violation) => violation.found)
}

const EARLY = ['it was told before that it need not']
const succeeded = { ended: 'succeeded' } as const

describe('the checker of the office', () => {
  it.each(['E_EXIT', 'E_TIMEOUT', 'E_NOT_FOUND', 'E_SIGNAL'])(
    'finds a result with %s that was said to be taken before the broker had the end',
    (code) => expect(found('assigned', 'acknowledged', { ended: 'failed', code })).toEqual(EARLY),
  )

  it('asks no result to be kept for an end that came from none', () => {
    expect(found('assigned', 'acknowledged', { ended: 'failed', code: 'E_LOST' })).toEqual([])
  })

  it('lets the loss of one topic excuse only its task', () => {
    expect(found('assigned', 'acknowledged', { lost: ['other'] }, succeeded)).toEqual(EARLY)
    expect(found('assigned', 'acknowledged', { lost: ['t'] }, succeeded)).toEqual([])
    expect(found('assigned', 'acknowledged', { lost: [] }, succeeded)).toEqual([])
  })

  it('wants a spec to stay whose end the broker has lost, once it is placed anew', () => {
    expect(found('assigned', succeeded, 'spec cleared')).toEqual([])
    expect(found('assigned', succeeded, { lost: ['other'] }, 'spec cleared')).toEqual([])
    for (const lost of [['t'], []]) {
      // Who cleared it had been told by the broker that the end was there.
      expect(found('assigned', succeeded, { lost }, 'spec cleared')).toEqual([])
      expect(found('assigned', succeeded, { lost }, 'assigned', 'spec cleared')).toEqual(['it is cleared'])
    }
  })
})
