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
  await vi.waitFor(() => expect(observer.tasks.get('t')?.status.explanation).toBe(explanation))
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

const page = (agent: string, results: unknown[]) =>
  peer.say(`tasks/a/results/1-${agent}-0`, { task: 'a', digest: 'd', term: 1, agent, page: 0, results })
const element = (n: number, stdout: string, more: Record<string, unknown> = {}) => ({
  ...{ element: n, state: 'succeeded', attempt: attempt(n + 1), device: 'attic', attempts: 1 },
  ...{ result: { exitCode: 0, stdout, stderr: '', durationMs: 1 }, ...more },
})

test('Elements end in pages, once however often a page is told, and the array besides', async () => {
  await page('attic', [element(0, '7')])
  await page('attic', [element(0, '7'), element(1, '12')])
  const array = { elements: 2, states: { succeeded: 2 }, reported: 2, errors: [] }
  await peer.say('tasks/a/status', statusOf('a', 'succeeded', { array }))
  await vi.waitFor(() => expect(observer.tasksEnded).toBe(1))
  expect([...observer.elements.keys()]).toEqual(['a[0]', 'a[1]'])
  expect(observer.elements.get('a[0]')).toMatchObject([{ stdout: '7', attempt: '1.attic.1' }])
  expect(observer.ended).toBe(2)
})

test('An element that another page tells to have ended by another attempt has two ends', async () => {
  await page('attic', [element(0, '7')])
  await page('cellar', [element(0, '7', { device: 'cellar', attempt: attempt(9) })])
  await vi.waitFor(() => expect(observer.elements.get('a[0]')).toHaveLength(2))
  expect(observer.ended).toBe(1)
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

test('It comes back when the broker does, and tells what it may have missed', async () => {
  const beacon = { nonce: 'n', intervalMs: 1000, heartbeatMs: 1000, candidates: [] }
  await peer.say('coordinator', { ...beacon, term: 1, agent: 'attic' })
  await vi.waitFor(() => expect(observer.coordinator).toBe('attic'))
  broker.cut()
  await vi.waitFor(() => expect(observer.losses).toBe(1))
  await ended('7')
  await last('')
  await peer.say('coordinator', { ...beacon, term: 2, agent: 'cellar' })
  await vi.waitFor(() => expect(observer.coordinator).toBe('cellar'))
  expect(observer).toMatchObject({ losses: 1, unheard: 0 })
  observer.take(
    'covey/v1/demo/coordinator',
    Buffer.from(JSON.stringify({ ...beacon, term: 3, agent: 'a' })),
    true,
  )
  expect(observer.unheard).toBe(1)
})

test('What it could not read or hear is counted', async () => {
  await peer.say('tasks/t/status', { state: 'nonsense' })
  await vi.waitFor(() => expect(observer.unreadable).toBe(1))
  broker.cut()
  await vi.waitFor(() => expect(observer.losses).toBe(1))
})
