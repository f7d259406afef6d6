/** What the command line says and waits for when a task is withdrawn. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Client } from '../client.ts'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from '../testing/mesh.ts'
import { withdrawLimitMs } from '../withdraw-limit.ts'
import { dispatch } from './dispatch.ts'
import { testTerminal } from './testing/terminal.ts'

/** How long a coordinator waits for a device beyond the grace. */
const COORDINATOR_MARGIN_MS = 10_000

let broker: TestBroker
let peer: Peer | undefined

beforeEach(async () => {
  broker = await startTestBroker()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await peer?.close()
  peer = undefined
  await broker.close()
})

async function covey(...words: string[]) {
  const terminal = testTerminal({ env: { COVEY_BROKER: broker.url, COVEY_MESH: 'test' } })
  return { code: await dispatch(words, terminal.context), out: terminal.out(), err: terminal.err() }
}

/** Receipts that are missed after a moment already, in which the broker has answered. */
function impatient(): void {
  const submit = Client.prototype.submit
  vi.spyOn(Client.prototype, 'submit').mockImplementation(function (this: Client, spec, options) {
    return submit.call(this, spec, { ...options, timeoutMs: 1_000 })
  })
}

test('The end of a withdrawn task is awaited longer than its own grace', () => {
  const run = { exec: ['true'] }
  expect(withdrawLimitMs({ run, grace: '2m' })).toBeGreaterThan(120_000 + COORDINATOR_MARGIN_MS)
  expect(withdrawLimitMs({ run })).toBeGreaterThan(5_000 + COORDINATOR_MARGIN_MS)
  expect(withdrawLimitMs({ withdraw: true })).toBe(withdrawLimitMs({ run }))
  expect(withdrawLimitMs(undefined)).toBe(withdrawLimitMs({ run }))
})

test('cancel takes the grace from the spec that the withdrawal replaces', async () => {
  const waited = vi.spyOn(Client.prototype, 'wait')
  peer = await startPeer(broker.url, 'test', async (id, spec, say) => {
    if (spec['withdraw'] === true) await say(`tasks/${id}/status`, statusOf(id, 'cancelled'))
  })
  const spec = { run: { exec: ['true'] }, grace: '2m' }
  await peer.say('tasks/slow/spec', spec)
  await peer.say('tasks/slow/status', statusOf('slow', 'running'))
  expect(await covey('cancel', 'slow')).toMatchObject({ code: 0 })
  expect(waited.mock.calls[0]?.[1]?.timeoutMs).toBe(withdrawLimitMs(spec))
})

test('A run that no coordinator answers says that it was withdrawn, and nothing else', async () => {
  impatient()
  const { code, err } = await covey('run', '--', 'true')
  expect(code).toBe(125)
  expect(err).toContain('nothing of it will run')
  expect(err).toContain('E_WAIT_TIMEOUT')
  expect(err).not.toContain('keeps the task')
  expect(err).toContain('run it again')
})

test('Under a chosen id nothing is withdrawn, and the way to do so is told', async () => {
  impatient()
  const { err } = await covey('run', '--id', 'mine', '--', 'true')
  expect(err).toContain('covey cancel mine')
  expect(err).not.toContain('nothing of it will run')
})

test('With --detach the broker keeps what no coordinator has answered yet', async () => {
  impatient()
  const { err } = await covey('run', '--detach', '--', 'true')
  expect(err).toContain('keeps the task')
})
