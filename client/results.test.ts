import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ElementResult } from '../shared/protocol/schemas/index.ts'
import { enoughTime } from '../test/enough-time.ts'
import { type Client, type CoveyError, connect } from './index.ts'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from './testing/mesh.ts'

let broker: TestBroker
let client: Client
let seat: Peer

beforeEach(async () => {
  broker = await startTestBroker()
  client = await connect({ url: broker.url, mesh: 'test' })
  seat = await startPeer(broker.url, 'test')
})
afterEach(async () => {
  await client.close()
  await seat.close()
  await broker.close()
})

const end = (element: number) => ({
  element,
  state: 'succeeded',
  attempts: 1,
  result: { stdout: `${element}` },
})
const page = (k: number, elements: number[], agent = 'pi-1') =>
  seat.say(`tasks/a/results/1-${agent}-${k}`, {
    task: 'a',
    digest: 'd',
    term: 1,
    agent,
    page: k,
    results: elements.map(end),
  })
const progress = (elements: number, reported: number) => ({
  array: { elements, reported, states: { succeeded: reported }, errors: [] },
})

async function all(): Promise<number[]> {
  const found: number[] = []
  for await (const { element, result } of client.results('a', { timeoutMs: 20_000 })) {
    expect(result?.stdout).toBe(`${element}`)
    found.push(element)
  }
  return found.sort((a, b) => a - b)
}

test('Results that stand in pages already come at once, and the stream ends with the array', async () => {
  await page(0, [0, 1, 2])
  await page(1, [3])
  await seat.say('tasks/a/status', statusOf('a', 'succeeded', progress(4, 4)))
  expect(await all()).toEqual([0, 1, 2, 3])
})

test('A page that grows and one of another coordinator give each element once', async () => {
  const seen: ElementResult[] = []
  const results = client.results('a', { timeoutMs: 20_000 })
  const reading = (async () => {
    for await (const result of results) seen.push(result)
  })()
  await page(0, [0])
  await vi.waitFor(() => expect(seen).toHaveLength(1))
  await page(0, [0, 2])
  await page(0, [1], 'pi-2')
  await vi.waitFor(() => expect(seen).toHaveLength(3))
  // The status may overtake the last page.
  await seat.say('tasks/a/status', statusOf('a', 'failed', progress(4, 4)))
  await page(1, [3, 2], 'pi-2')
  await reading
  expect(seen.map(({ element }) => element)).toEqual([0, 2, 1, 3])
})

test('An array that was rejected, and a task that is none, have no results', async () => {
  await seat.say('tasks/a/status', statusOf('a', 'rejected'))
  expect(await all()).toEqual([])
})

test('Waiting for results ends at its limit and says what is missing', async () => {
  await page(0, [0])
  await seat.say('tasks/a/status', statusOf('a', 'running', progress(2, 1)))
  const late = async (timeoutMs: number) => {
    try {
      for await (const _ of client.results('a', { timeoutMs }));
    } catch (error) {
      return error as CoveyError
    }
    throw new Error('it should have failed')
  }
  const error = await enoughTime(late, ({ message }) => message.includes('1 results'), [300, 3_000, 10_000])
  expect(error).toMatchObject({
    code: 'E_WAIT_TIMEOUT',
    message: expect.stringMatching(/running, 1 results have come/),
  })
})

test('A reader that stops leaves nothing behind', async () => {
  await page(0, [0, 1])
  for await (const { element } of client.results('a')) {
    expect(element).toBe(0)
    break
  }
  await seat.say('tasks/a/status', statusOf('a', 'succeeded', progress(2, 2)))
  expect(await all()).toEqual([0, 1])
})
