/** What operators want of devices, against a real broker and devices played with raw MQTT. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { attemptKey } from '../../shared/protocol/attempt.ts'
import { setDigest } from '../../shared/protocol/digest.ts'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from '../testing/mesh.ts'
import { dispatch } from './dispatch.ts'
import { testTerminal } from './testing/terminal.ts'

let broker: TestBroker
let peer: Peer
/** What is wanted of each device, as the broker told it last. */
let desired: Record<string, unknown>
let seq = 0

const state = {
  incarnation: 1,
  nonce: 'n',
  online: true,
  labels: {},
  capacity: { cpu: '4' },
  executors: ['exec'],
  candidate: 'auto',
  version: '0.1.0',
}

beforeEach(async () => {
  broker = await startTestBroker()
  peer = await startPeer(broker.url, 'test')
  desired = {}
  peer.mqtt.on('message', (topic, payload) => {
    const [, , , , id = '', route] = topic.split('/')
    if (route === 'desired') desired[id] = payload.length === 0 ? null : JSON.parse(payload.toString())
  })
  await peer.mqtt.subscribeAsync('covey/v1/test/devices/+/desired', { qos: 1 })
  for (const id of ['pi-1', 'pi-2']) await peer.say(`devices/${id}/state`, state)
})
afterEach(async () => {
  await peer.close()
  await broker.close()
})

function start(words: readonly string[], env: Record<string, string> = {}) {
  const terminal = testTerminal({
    env: { COVEY_BROKER: broker.url, COVEY_MESH: 'test', NO_COLOR: '1', USER: 'ann', ...env },
  })
  return { terminal, exit: dispatch(words, terminal.context) }
}

async function covey(...words: string[]) {
  const { terminal, exit } = start(words)
  return { code: await exit, out: terminal.out(), err: terminal.err() }
}

/** A heartbeat of a device that holds so many attempts. */
async function heartbeat(id: string, held: number): Promise<void> {
  const names = Array.from({ length: held }, (_, n) => attemptKey({ term: 1, agent: 'pi-1', n }))
  await peer.say(
    `devices/${id}/load`,
    {
      incarnation: 1,
      nonce: 'n',
      seq: ++seq,
      highestTerm: { term: 1, agent: 'pi-1' },
      inboxSeq: 0,
      heldDigest: setDigest(names),
    },
    false,
  )
}

test('cordon and uncordon several devices at once, and leave what else is wanted', async () => {
  await peer.say('devices/pi-2/desired', { drain: true })
  expect(await covey('cordon', 'pi-1', 'pi-2', 'pi-1')).toEqual({
    code: 0,
    out: 'pi-1 is cordoned\npi-2 is cordoned\n',
    err: '',
  })
  expect(desired).toEqual({ 'pi-1': { cordon: true }, 'pi-2': { drain: true, cordon: true } })
  expect((await covey('cordon', 'pi-1')).out).toBe('pi-1 was cordoned already\n')
  expect(JSON.parse((await covey('uncordon', 'pi-1', 'pi-2', '--json')).out)).toEqual([
    { device: 'pi-1', desired: {} },
    { device: 'pi-2', desired: {} },
  ])
  expect(desired).toEqual({ 'pi-1': null, 'pi-2': null })
  expect((await covey('uncordon', 'pi-1')).out).toBe('pi-1 was not cordoned\n')
})

test.each([['cordon'], ['uncordon'], ['drain'], ['release']])(
  '%s of a device that nobody knows changes no other, and names the nearest',
  async (command) => {
    const unknown = await covey(command, 'pi-1', 'pi-22')
    expect(unknown).toMatchObject({ code: 1, out: '' })
    expect(unknown.err).toContain('E_NO_DEVICE: mesh test knows no device pi-22')
    expect(unknown.err).toContain('Did you mean "pi-2"?')
    expect(await covey(command, 'pi/1')).toMatchObject({ code: 1, err: expect.stringContaining('E_ID') })
    expect(desired).toEqual({})
  },
)

test('hold says who, why and until when; it can be renewed by its holder and released by anyone', async () => {
  const before = Date.now()
  const { code, out } = await covey('hold', 'pi-1', '--for', '2h', '--reason', 'new SD card')
  expect(code).toBe(0)
  expect(out).toMatch(/^pi-1 is held by ann until [-0-9T:]+Z: new SD card\n$/)
  const { hold } = desired['pi-1'] as { hold: { by: string; reason: string; until: string } }
  expect(hold).toMatchObject({ by: 'ann', reason: 'new SD card' })
  expect(Date.parse(hold.until)).toBeGreaterThan(before + 7_198_000)
  const listed = await covey('get', 'devices')
  expect(listed.out).toMatch(/^pi-1 +held /m)
  expect(listed.err).toBe(`covey: pi-1 is held by ann until ${hold.until}: new SD card\n`)
  const other = await covey('hold', 'pi-2', 'pi-1', '--for', '1m', '--reason', 'x', '--by', 'ben')
  expect(other).toMatchObject({ code: 1, err: expect.stringContaining('E_HELD: pi-1 is held by ann until') })
  expect(desired['pi-2']).toBeUndefined()
  expect((await covey('hold', 'pi-1', '--for', '3h', '--reason', 'still')).code).toBe(0)
  const still = await covey('uncordon', 'pi-1')
  expect(still.err).toMatch(/pi-1 is held by ann until .*: still; covey release pi-1 ends that/)
  expect((await covey('release', 'pi-1')).out).toMatch(
    /^pi-1 is released; it was held by ann until .*: still\n$/,
  )
  expect(desired['pi-1']).toBeNull()
  expect((await covey('release', 'pi-1')).out).toBe('pi-1 was not held\n')
})

test('A hold that is over binds nobody and is not shown', async () => {
  const over = { by: 'ben', reason: 'disk', until: '2020-01-31T12:00:00Z' }
  await peer.say('devices/pi-1/desired', { hold: over })
  expect(await covey('get', 'devices')).toMatchObject({
    out: expect.stringMatching(/^pi-1 +online /m),
    err: '',
  })
  expect((await covey('hold', 'pi-1', '--for', '1m', '--reason', 'mine')).code).toBe(0)
})

test.each([
  [['--reason', 'x'], 'a hold has an end'],
  [['--for', '1h'], 'a hold has a reason'],
  [['--for', '1h', '--reason', ' '], 'a hold has a reason'],
  [['--for', '0s', '--reason', 'x'], 'cannot last that long'],
  [['--for', '999999999d', '--reason', 'x'], 'at most 365d'],
])('hold with %j is wrong usage', async (words, message) => {
  expect(await covey('hold', 'pi-1', ...words)).toMatchObject({
    code: 2,
    err: expect.stringContaining(message),
  })
  expect(desired).toEqual({})
})

test('drain waits until two heartbeats in a row tell of nothing, and no status names the device', async () => {
  const { terminal, exit } = start(['drain', 'pi-1'])
  let code: number | undefined
  void exit.then((value) => {
    code = value
  })
  const until = (held: number, check: () => void) =>
    vi.waitFor(
      async () => {
        await heartbeat('pi-1', held)
        check()
      },
      { timeout: 20_000 },
    )
  const goesOn = (held: number) =>
    until(held, () => expect(terminal.err()).toContain(`pi-1 is draining: ${held} tasks there\n`))
  await vi.waitFor(() => expect(desired['pi-1']).toEqual({ drain: true }), { timeout: 20_000 })
  await goesOn(2)
  // What was on its way comes after a heartbeat that tells of nothing.
  await heartbeat('pi-1', 0)
  await goesOn(3)
  await peer.say('tasks/slow/status', statusOf('slow', 'running', { device: 'pi-1' }))
  for (let n = 0; n < 5; n++) await heartbeat('pi-1', 0)
  await goesOn(4)
  expect(code).toBeUndefined()
  await peer.say('tasks/slow/status', statusOf('slow', 'pending'))
  await until(0, () => expect(code).toBe(0))
  expect(terminal.out()).toBe('pi-1 is drained\n')
})

test('drain ends at its limit, says what is left, and leaves the device draining', async () => {
  const { terminal, exit } = start(['drain', 'pi-1', 'pi-2', '--timeout', '1500ms'])
  let code: number | undefined
  void exit.then((value) => {
    code = value
  })
  await vi.waitFor(
    async () => {
      await heartbeat('pi-1', 3)
      expect(code).toBe(1)
    },
    { timeout: 20_000 },
  )
  expect(terminal.err()).toContain(
    'E_WAIT_TIMEOUT: not drained within 1500 ms: pi-1 still holds 3; pi-2 sent no heartbeat',
  )
  expect(desired).toEqual({ 'pi-1': { drain: true }, 'pi-2': { drain: true } })
})

test('drain of many devices that become empty together reads the statuses for several at once', async () => {
  const many = Array.from({ length: 12 }, (_, n) => `pi-${n + 1}`)
  for (const id of many) await peer.say(`devices/${id}/state`, state)
  let reads = 0
  broker.aedes.on('subscribe', (subscriptions) => {
    if (subscriptions.some(({ topic }) => topic.endsWith('/tasks/+/status'))) reads++
  })
  const { terminal, exit } = start(['drain', ...many])
  let code: number | undefined
  void exit.then((value) => {
    code = value
  })
  await vi.waitFor(
    async () => {
      await Promise.all(many.map((id) => heartbeat(id, 0)))
      expect(code).toBe(0)
    },
    { timeout: 20_000 },
  )
  expect(terminal.out().split('\n').sort()).toEqual(['', ...many.map((id) => `${id} is drained`)].sort())
  expect(reads).toBeLessThan(many.length / 2)
})

test('drain says that the broker is gone, when it is', async () => {
  const gone = await startTestBroker()
  const other = await startPeer(gone.url, 'test')
  await other.say('devices/pi-1/state', state)
  await other.close()
  const waits = new Promise<void>((resolve) =>
    gone.aedes.on('subscribe', (subscriptions) => {
      if (subscriptions.some(({ topic }) => topic.endsWith('/pi-1/load'))) resolve()
    }),
  )
  const { terminal, exit } = start(['drain', 'pi-1', '--timeout', '2s'], { COVEY_BROKER: gone.url })
  await waits
  await gone.close()
  expect(await exit).toBe(1)
  expect(terminal.err()).toMatch(/E_WAIT_TIMEOUT: not drained within 2000 ms: the connection is lost: /)
})

test('drain waits for no device that is offline, nor with --no-wait, and says so', async () => {
  await peer.say('devices/pi-2/state', { ...state, online: false })
  const offline = await covey('drain', 'pi-2')
  expect(offline).toMatchObject({ code: 1, out: '' })
  expect(offline.err).toContain('pi-2 is offline: what it runs cannot be seen')
  expect(await covey('drain', 'pi-1', '--no-wait')).toMatchObject({ code: 0, out: 'pi-1 is draining\n' })
  expect(desired).toEqual({ 'pi-1': { drain: true }, 'pi-2': { drain: true } })
})

test('Ctrl-C ends the waiting of drain, not the drain', async () => {
  const { terminal, exit } = start(['drain', 'pi-1'])
  await vi.waitFor(() => expect(desired['pi-1']).toEqual({ drain: true }), { timeout: 20_000 })
  terminal.interrupt()
  expect(await exit).toBe(130)
  expect(desired['pi-1']).toEqual({ drain: true })
})
