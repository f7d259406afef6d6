/** The observer on a real broker, with a coordinator played by hand. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from '../testing/mesh.ts'
import { Observer } from './observer.ts'

let broker: TestBroker
let peer: Peer
let observer: Observer

beforeEach(async () => {
  broker = await startTestBroker()
  peer = await startPeer(broker.url, 'demo')
  observer = await Observer.start(broker.url, 'demo')
})
afterEach(async () => {
  await observer.close()
  await peer.close()
  await broker.close()
})

const attempt = (n: number) => ({ term: 1, agent: 'attic', n })
const status = (state: string, more: Record<string, unknown> = {}) =>
  peer.say('tasks/t/status', statusOf('t', state, { attempt: attempt(1), device: 'attic', ...more }))
const ended = (stdout: string, more: Record<string, unknown> = {}) =>
  status('succeeded', { result: { exitCode: 0, stdout }, ...more })
const last = async (explanation: string) => {
  await vi.waitFor(() => expect(observer.tasks.get('t')?.status.explanation).toBe(explanation), {
    timeout: 5_000,
  })
  return observer.tasks.get('t')!
}

test('An end that is told again, by another coordinator in other words, stays one end', async () => {
  await ended('7')
  await ended('7', { term: 2, agent: 'cellar', duplicates: 1, explanation: 'told again' })
  expect((await last('told again')).ends).toHaveLength(1)
  expect(observer.ended).toBe(1)
})

test.each([
  ['of another attempt', () => ended('7', { attempt: attempt(2), explanation: 'second' })],
  ['with another result', () => ended('8', { explanation: 'second' })],
  ['of another kind', () => status('failed', { explanation: 'second' })],
])('An end %s is a second end', async (_, second) => {
  await ended('7')
  await second()
  expect((await last('second')).ends).toHaveLength(2)
  expect(observer.ended).toBe(1)
})

test('A task that is told to run after its end is noticed, however it ends then', async () => {
  await ended('7')
  await status('running')
  await ended('7', { explanation: 'at last' })
  expect(await last('at last')).toMatchObject({ revived: true, ends: [{ stdout: '7' }] })
})

test('What runs on a device is counted until it ends or moves', async () => {
  await status('running')
  await vi.waitFor(() => expect([...observer.runningOn('attic')]).toEqual(['t']))
  await status('pending', { device: undefined })
  await status('running', { device: 'cellar', attempt: attempt(2) })
  await vi.waitFor(() => expect([...observer.runningOn('cellar')]).toEqual(['t']))
  expect(observer.runningOn('attic').size).toBe(0)
  await ended('7', { device: 'cellar', explanation: 'done' })
  await last('done')
  expect(observer.runningOn('cellar').size).toBe(0)
  expect([...observer.peaks]).toEqual([
    ['attic', 1],
    ['cellar', 1],
  ])
})

test('Each new holder of the seat is one election, however many beacons it sends', async () => {
  const beacon = { nonce: 'n', intervalMs: 1000, heartbeatMs: 1000, candidates: [] }
  for (const [term, agent] of [
    [1, 'attic'],
    [1, 'attic'],
    [2, 'cellar'],
  ]) {
    await peer.say('coordinator', { ...beacon, term, agent })
  }
  await vi.waitFor(() => expect(observer.coordinator).toBe('cellar'))
  expect(observer.elections).toMatchObject([
    { term: 1, agent: 'attic' },
    { term: 2, agent: 'cellar' },
  ])
})

test('What it could not read or hear is counted', async () => {
  await peer.say('tasks/t/status', { state: 'nonsense' })
  await vi.waitFor(() => expect(observer.unreadable).toBe(1))
  broker.cut()
  await vi.waitFor(() => expect(observer.losses).toBe(1))
})
