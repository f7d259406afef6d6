import { describe, expect, it } from 'vitest'
import { contentDigest } from '../../shared/protocol/digest.ts'
import { EXAMPLES } from '../../shared/protocol/examples.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import type { Connection } from '../broker/connection.ts'
import { packetOfText } from '../broker/packet.ts'
import { Engine } from '../engine/engine.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import { Violations } from './checker.ts'
import { OrderChecker } from './i5-order.ts'

const NOTHING = () => undefined
const TOPICS = new Topics('home')
const SUBMITTER = { tag: 'submitter' } as Connection
const ATTEMPT = { term: 1, agent: 'a', n: 1 }
const plain: TaskSpec = { run: { exec: ['true'] } }
const late: TaskSpec = { ...plain, after: ['early'] }
const specs: Record<string, TaskSpec> = { early: plain, late }

type Event =
  | readonly ['spec', task: string]
  | readonly ['status', task: string, state: string, code?: string]
  | readonly ['cleared', task: string]
  | readonly ['assigned' | 'starts']
  | readonly ['lost', ...tasks: string[]]
  | readonly ['unclear', task: string]
  | readonly ['partly lost', task: string, kept: string]

/** Plays what happens to `late`, which is after `early`; gives what was found. */
function found(...story: Event[]): string[] {
  const violations = new Violations(new Engine({ seed: 's' }))
  const checker = new OrderChecker(violations)
  const say = (topic: string, body: object | undefined, from?: Connection) =>
    checker.accepted(packetOfText(topic, body === undefined ? '' : JSON.stringify(body), 1, true), from)
  for (const [what, task = 'late', state = '', code] of story) {
    const spec = specs[task] ?? plain
    if (what === 'spec') say(TOPICS.of('spec', task), spec, SUBMITTER)
    else if (what === 'cleared') say(TOPICS.of('status', task), undefined)
    else if (what === 'unclear') checker.lost([TOPICS.of('spec', task)], NOTHING)
    else if (what === 'lost') checker.lost(task === 'late' ? undefined : [TOPICS.of('status', task)], NOTHING)
    else if (what === 'partly lost') {
      const body = { ...EXAMPLES.status, task, state }
      checker.lost([TOPICS.of('status', task)], (topic) => packetOfText(topic, JSON.stringify(body), 1, true))
    } else if (what === 'status') {
      const error = code === undefined ? {} : { error: { code, message: 'why' } }
      const head = { ...EXAMPLES.status, task, state, digest: contentDigest(spec) }
      say(TOPICS.of('status', task), { ...head, ...error })
    } else if (what === 'assigned') {
      const assign = [{ attempt: ATTEMPT, task: 'late', spec: late }]
      say(TOPICS.of('inbox', 'd'), { ...EXAMPLES.inbox, assign })
    } else checker.process({ device: 'd' } as SimNode, { key: '1.a.1', spec: late } as Process, true)
  }
  return violations.list.map((violation) => violation.expected)
}

const BOTH: readonly Event[] = [
  ['spec', 'early'],
  ['spec', 'late'],
]
const UNKNOWN: Event = ['status', 'late', 'rejected', 'E_PREDECESSOR_UNKNOWN']

describe('the checker of I5', () => {
  it('finds a rejection for a predecessor that was known all the time', () => {
    const story: Event[] = [...BOTH, ['status', 'early', 'pending'], ['status', 'late', 'pending'], UNKNOWN]
    expect(found(...story)).toEqual(['predecessors to be known of which there are statuses'])
  })

  it.each<[string, Event[]]>([
    ['came later', [['status', 'late', 'pending'], ['status', 'early', 'pending'], UNKNOWN]],
    [
      'went meanwhile',
      [['status', 'early', 'pending'], ['status', 'late', 'pending'], ['cleared', 'early'], UNKNOWN],
    ],
    [
      'was lost meanwhile',
      [['status', 'early', 'pending'], ['status', 'late', 'pending'], ['lost', 'early'], UNKNOWN],
    ],
    ['never came', [['status', 'late', 'pending'], UNKNOWN]],
  ])('finds nothing when the predecessor %s', (_, story) => {
    expect(found(...BOTH, ...story).filter((expected) => expected.startsWith('predecessors'))).toEqual([])
  })

  it('finds a start before the predecessor has succeeded', () => {
    expect(found(...BOTH, ['assigned'], ['starts'])).toEqual(['a start after early succeeded'])
    expect(found(...BOTH, ['status', 'early', 'succeeded'], ['assigned'], ['starts'])).toEqual([])
  })

  it('counts a success when the broker has lost only that the spec was cleared', () => {
    const lost: Event[] = [...BOTH, ['status', 'early', 'succeeded'], ['unclear', 'early']]
    expect(found(...lost, ['spec', 'late'], ['assigned'], ['starts'])).toEqual([])
  })

  it('asks anew for a success that the broker has lost, of a task that is submitted anew', () => {
    const lost: Event[] = [...BOTH, ['status', 'early', 'succeeded'], ['lost']]
    expect(found(...lost, ['assigned'], ['starts'])).toEqual([])
    expect(found(...lost, ['spec', 'late'], ['assigned'], ['starts'])).toEqual([
      'a start after early succeeded',
    ])
  })

  it('lets a task start again that has started when it might, whatever the broker has lost since', () => {
    const ran: Event[] = [...BOTH, ['status', 'early', 'succeeded'], ['assigned'], ['starts']]
    expect(found(...ran, ['lost'], ['spec', 'late'], ['assigned'], ['starts'])).toEqual([])
  })

  it('counts a success of which the broker has lost only what it was told later', () => {
    const told: Event[] = [
      ['spec', 'early'],
      ['status', 'early', 'succeeded'],
    ]
    const starts: Event[] = [['spec', 'late'], ['assigned'], ['starts']]
    expect(found(...told, ['partly lost', 'early', 'succeeded'], ...starts)).toEqual([])
    expect(found(...told, ['partly lost', 'early', 'running'], ...starts)).toEqual([
      'a start after early succeeded',
    ])
  })

  it('lets the loss of one topic excuse only what is after it', () => {
    const story: Event[] = [...BOTH, ['lost', 'other'], ['assigned'], ['starts']]
    expect(found(...story)).toEqual(['a start after early succeeded'])
    expect(found(...BOTH, ['lost', 'early'], ['assigned'], ['starts'])).toEqual([])
  })
})
