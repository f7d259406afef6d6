import { expect, test } from 'vitest'
import { CoveyError } from '../shared/errors/errors.ts'
import { recordingLogger } from '../test/broker-harness.ts'
import type { Publish } from './aedes-inside.ts'
import { Complaints } from './complaints.ts'
import { limitsWith } from './limits.ts'
import { Sessions } from './sessions.ts'

function setUp(limits: Parameters<typeof limitsWith>[0] = {}) {
  const clock = { nowMs: 0 }
  const logger = recordingLogger()
  const sessions = new Sessions(limitsWith(limits), new Complaints(logger, 10, () => 0), () => clock.nowMs)
  return { clock, logger, sessions }
}

const message = (brokerCounter: number, bytes = 1): Publish => ({
  topic: 'news',
  payload: Buffer.alloc(bytes),
  qos: 1,
  retain: false,
  brokerId: 'b',
  brokerCounter,
})

test('a session ends after offlineSessionSecondsMax, but not while its client is here', () => {
  const { clock, sessions } = setUp({ offlineSessionSecondsMax: 60 })
  for (const id of ['gone', 'back', 'here']) sessions.subscribe(id, [{ topic: 'news', qos: 1 }])
  sessions.wentOffline('gone')
  sessions.wentOffline('back')
  sessions.resume('back')
  clock.nowMs = 59_999
  sessions.expire()
  expect(sessions.count).toBe(3)
  clock.nowMs = 60_000
  sessions.expire()
  expect([...sessions.matching('news').keys()].sort()).toEqual(['back', 'here'])
})

test('what waits is bounded in bytes, and counts again once it is acknowledged', () => {
  const { logger, sessions } = setUp({ offlineQueueBytesMax: 100 })
  sessions.subscribe('c', [{ topic: 'news', qos: 1 }])
  sessions.enqueue('c', message(1, 60), 1)
  sessions.enqueue('c', message(2, 60), 1)
  expect([sessions.queued('c').length, sessions.dropped, logger.codes.length]).toEqual([1, 1, 1])
  sessions.sent('c', { ...message(1), messageId: 7 })
  expect(sessions.acknowledged('c', 8)).toBeUndefined()
  expect(sessions.acknowledged('c', 7)).toMatchObject({ brokerCounter: 1 })
  sessions.enqueue('c', message(3, 60), 1)
  expect(sessions.queued('c').map(({ brokerCounter }) => brokerCounter)).toEqual([3])
})

test('a client with several matching filters is named once, with the highest QoS', () => {
  const { sessions } = setUp()
  sessions.subscribe('c', [
    { topic: '#', qos: 1 },
    { topic: 'news', qos: 2 },
    { topic: '+', qos: 0 },
  ])
  expect([...sessions.matching('news')]).toEqual([['c', 2]])
  sessions.unsubscribe('c', ['news', '#'])
  expect(sessions.matching('news').size).toBe(0)
})

test('complaints are logged so many a second; the rest are counted and told later', () => {
  const clock = { nowMs: 0 }
  const told: object[] = []
  const logger = { ...recordingLogger(), warn: (fields: object) => void told.push(fields) }
  const complaints = new Complaints(logger, 2, () => clock.nowMs)
  for (let i = 0; i < 5; i++) complaints.about(new CoveyError('E_TOPIC', 'no'), { clientId: 'x' })
  expect(told).toHaveLength(2)
  expect(complaints.counts()).toEqual({ E_TOPIC: 5 })
  clock.nowMs = 1_000
  complaints.about(new CoveyError('E_TOPIC', 'no'))
  expect(told.at(-1)).toMatchObject({ code: 'E_TOPIC', heldBack: 3 })
})
