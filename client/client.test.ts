import { createHash } from 'node:crypto'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { connectAsync } from 'mqtt'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { TaskStatus } from '../shared/protocol/schemas/index.ts'
import { enoughTime } from '../test/enough-time.ts'
import { type Client, type CoveyError, connect, InvalidSpecError } from './index.ts'
import { type Peer, startPeer, startTestBroker, statusOf, type TestBroker } from './testing/mesh.ts'

const UNAME = { run: { exec: ['uname', '-a'] } }
/** SHA-256 of the canonical JSON, computed by other means than the code under test. */
const UNAME_DIGEST = createHash('sha256').update('{"run":{"exec":["uname","-a"]}}').digest('hex').slice(0, 32)

/** Limits of waits that are to end by them, when the broker has answered. */
const WAITS_MS = [200, 3_000, 10_000] as const

let broker: TestBroker
let clients: Client[]
let peers: Peer[]

beforeEach(async () => {
  broker = await startTestBroker()
  clients = []
  peers = []
})

afterEach(async () => {
  for (const client of clients) await client.close()
  for (const peer of peers) await peer.close()
  await broker.close()
})

async function open(more: object = {}): Promise<Client> {
  const client = await connect({ url: broker.url, mesh: 'test', ...more })
  clients.push(client)
  return client
}

async function peer(onSpec?: Parameters<typeof startPeer>[2]): Promise<Peer> {
  const started = await startPeer(broker.url, 'test', onSpec)
  peers.push(started)
  return started
}

const failure = (promise: Promise<unknown>): Promise<CoveyError> =>
  promise.then(
    () => {
      throw new Error('it should have failed')
    },
    (error) => error,
  )

test('A submitted task is receipted by its first status and waited for to its end', async () => {
  await peer(async (id, _spec, say) => {
    await say(`tasks/${id}/status`, statusOf(id, 'pending', { digest: UNAME_DIGEST }))
    await say(
      `tasks/${id}/status`,
      statusOf(id, 'succeeded', { digest: UNAME_DIGEST, result: { exitCode: 0, stdout: 'Linux\n' } }),
    )
  })
  const client = await open()
  const receipt = await client.submit(UNAME)
  expect(receipt.digest).toBe(UNAME_DIGEST)
  expect(receipt.id).toMatch(/^[a-z0-9]{12}$/)
  const seen: string[] = []
  const status = await client.wait(receipt.id, { onStatus: ({ state }) => seen.push(state) })
  expect(status.result).toEqual({ exitCode: 0, stdout: 'Linux\n' })
  expect(seen.at(-1)).toBe('succeeded')
})

test('An invalid spec is refused before anything is sent, with code, path and remedy', async () => {
  const coordinator = await peer()
  const client = await open()
  const error = await failure(client.submit({ run: { exec: ['true'] }, timeout: '10 parsecs' }))
  expect(error).toBeInstanceOf(InvalidSpecError)
  expect(error).toMatchObject({ code: 'E_UNIT', path: '/timeout' })
  expect(error.message).toContain('10 parsecs')
  expect(error.remedy).toContain('30s')
  expect(await failure(client.submit({ run: { exec: ['true'] }, input: 'x'.repeat(300_000) }))).toMatchObject(
    { code: 'E_TOO_LARGE' },
  )
  expect(await failure(client.submit({ ...UNAME, where: { cores: '>= many' } }))).toMatchObject({
    code: 'E_CONTRADICTION',
    path: '/where/cores',
  })
  expect(await failure(client.submit({ ...UNAME, deadline: '2001-01-01T00:00:00Z' }))).toMatchObject({
    code: 'E_DEADLINE',
    path: '/deadline',
  })
  expect(await failure(client.submit(UNAME, { id: 'not/an/id' }))).toMatchObject({ code: 'E_ID' })
  expect(coordinator.specs).toEqual([])
})

test('A spec that is nested too deep to be written is refused as any other, also one that contains itself', async () => {
  const client = await open()
  let deep: unknown = 1
  for (let n = 0; n < 50_000; n++) deep = [deep]
  const circle: unknown[] = []
  circle.push(circle)
  for (const input of [deep, circle]) {
    const refused = await failure(client.submit({ run: { exec: ['true'] }, input }))
    expect(refused).toBeInstanceOf(InvalidSpecError)
    expect(refused).toMatchObject({ code: 'E_SHAPE', path: '/input' })
  }
})

test('An acknowledged task without a status is reported as exactly that', async () => {
  const client = await open()
  const error = await enoughTime(
    (timeoutMs) => failure(client.submit(UNAME, { timeoutMs })),
    ({ message }) => message.startsWith('the broker acknowledged'),
    WAITS_MS,
  )
  expect(error.code).toBe('E_WAIT_TIMEOUT')
  expect(error.message).toMatch(/acknowledged .* but no coordinator answered with a status/)
})

test('A status of other content is no receipt, and a refusal of ours is an error', async () => {
  const coordinator = await peer()
  await coordinator.say('tasks/same/status', statusOf('same', 'running', { digest: 'f'.repeat(32) }))
  const client = await open()
  const error = failure(client.submit(UNAME, { id: 'same' }))
  await vi.waitFor(() => expect(coordinator.specs).toHaveLength(1))
  await coordinator.say(
    'tasks/same/status',
    statusOf('same', 'running', {
      digest: 'f'.repeat(32),
      refused: { digest: UNAME_DIGEST, error: { code: 'E_ID_TAKEN', message: 'it runs since noon' } },
    }),
  )
  expect(await error).toMatchObject({
    code: 'E_ID_TAKEN',
    message: expect.stringContaining('it runs since noon'),
  })
})

test('A spec is sent again after the connection was cut before its status came', async () => {
  let times = 0
  const coordinator = await peer(async (id, _spec, say) => {
    times++
    if (times === 1) broker.cut()
    else await say(`tasks/${id}/status`, statusOf(id, 'pending', { digest: UNAME_DIGEST }))
  })
  const client = await open()
  const receipt = await client.submit(UNAME, { id: 'again' })
  expect(receipt.status.state).toBe('pending')
  expect(coordinator.specs.every(({ id }) => id === 'again')).toBe(true)
})

test('A wait survives a cut connection: the retained status comes with the next one', async () => {
  const coordinator = await peer()
  const downs: (string | undefined)[] = []
  const client = await open({ onLink: (down: string | undefined) => downs.push(down) })
  await coordinator.say('tasks/long/status', statusOf('long', 'running'))
  const states: string[] = []
  const end = client.wait('long', { onStatus: ({ state }) => states.push(state) })
  await vi.waitFor(() => expect(states).toEqual(['running']))
  broker.cut()
  await coordinator.say('tasks/long/status', statusOf('long', 'failed', { result: { exitCode: 3 } }))
  expect(await end).toMatchObject({ state: 'failed', result: { exitCode: 3 } })
  expect(downs.at(-1)).toBeUndefined()
  expect(downs[0]).toBeTypeOf('string')
})

test('A wait ends at its limit and says what it last knew', async () => {
  const coordinator = await peer()
  await coordinator.say(
    'tasks/stuck/status',
    statusOf('stuck', 'pending', { explanation: '3 of 3 devices lack arch=arm64' }),
  )
  const client = await open()
  const error = await enoughTime(
    (timeoutMs) => failure(client.wait('stuck', { timeoutMs })),
    ({ message }) => !message.includes('it has no status'),
    WAITS_MS,
  )
  expect(error).toMatchObject({ code: 'E_WAIT_TIMEOUT' })
  expect(error.message).toContain('3 of 3 devices lack arch=arm64')
})

test('A wait hands over output as it comes', async () => {
  const coordinator = await peer()
  const client = await open()
  const texts: string[] = []
  await coordinator.say('tasks/talk/status', statusOf('talk', 'running'))
  const running = vi.fn()
  const end = client.wait('talk', { onLog: ({ text }) => texts.push(text), onStatus: running })
  await vi.waitFor(() => expect(running).toHaveBeenCalled())
  const attempt = { term: 1, agent: 'pi-1', n: 1 }
  await coordinator.say('tasks/talk/log', { attempt, stream: 'stdout', seq: 0, text: 'hello ' }, false)
  await coordinator.say(
    'tasks/talk/log',
    { attempt, stream: 'sideways', seq: 1, text: 'not a message' },
    false,
  )
  await coordinator.say('tasks/talk/log', { attempt, stream: 'stdout', seq: 1, text: 'world' }, false)
  await coordinator.say('tasks/talk/status', statusOf('talk', 'succeeded'))
  await end
  expect(texts.join('')).toBe('hello world')
})

test('Lists hold everything retained, and a cleared status is gone', async () => {
  const coordinator = await peer()
  for (let n = 0; n < 300; n++) await coordinator.say(`tasks/t${n}/status`, statusOf(`t${n}`, 'pending'))
  await coordinator.say('tasks/t7/status', null)
  const state = {
    incarnation: 1,
    nonce: 'x',
    online: true,
    labels: { arch: 'arm64' },
    capacity: { cpu: '4', memory: '1Gi' },
    executors: ['exec'],
    candidate: 'auto',
    version: '0.1.0',
  }
  await coordinator.say('devices/pi-2/state', state)
  await coordinator.say('devices/pi-1/state', { ...state, online: false })
  await coordinator.say('devices/pi-1/desired', { cordon: true })
  await coordinator.say('devices/broken/state', { online: 'perhaps' })
  const client = await open()
  const tasks = await client.tasks()
  expect(tasks).toHaveLength(299)
  expect(tasks.map(({ task }) => task)).not.toContain('t7')
  expect(await client.devices()).toEqual([
    { id: 'pi-1', state: { ...state, online: false }, desired: { cordon: true } },
    { id: 'pi-2', state },
  ])
  expect(await client.status('t8')).toMatchObject({ state: 'pending' })
  expect(await client.status('t7')).toBeUndefined()
})

test('A retained beacon is not taken for a living coordinator', async () => {
  const coordinator = await peer()
  const client = await open()
  expect(await client.coordinator()).toBeUndefined()
  const beacon = {
    term: 4,
    agent: 'pi-1',
    nonce: 'n',
    intervalMs: 100,
    heartbeatMs: 100,
    candidates: ['pi-1'],
  }
  await coordinator.say('coordinator', beacon)
  expect(await client.coordinator()).toEqual({ beacon })
  expect(await client.coordinator({ live: true })).toEqual({ beacon, live: false })
  const timer = setInterval(() => coordinator.say('coordinator', { ...beacon, term: 5 }), 30)
  await vi.waitFor(async () => {
    expect(await client.coordinator({ live: true })).toEqual({ beacon: { ...beacon, term: 5 }, live: true })
  })
  clearInterval(timer)
})

test('Settings are retained for every coordinator to come; wrong ones are not sent', async () => {
  const client = await open()
  await client.configure({ lostGrace: '3s' })
  const wrong = { lostGrace: 'soon' }
  expect(await failure(client.configure(wrong))).toMatchObject({ path: '/lostGrace' })
  const retained: string[] = []
  await client.configure({ defaultTimeout: '5m' })
  const onlooker = await connectAsync(broker.url)
  onlooker.on('message', (topic, payload) => retained.push(`${topic} ${payload}`))
  await onlooker.subscribeAsync('covey/v1/test/config')
  await vi.waitFor(() => expect(retained).toEqual(['covey/v1/test/config {"defaultTimeout":"5m"}']))
  await onlooker.endAsync(true)
})

test('A withdrawal is retained, so that a coordinator of the future sees it', async () => {
  const client = await open()
  await client.withdraw('unwanted')
  const coordinator = await peer()
  await vi.waitFor(() => expect(coordinator.specs).toEqual([{ id: 'unwanted', spec: { withdraw: true } }]))
})

test('A watch yields what is retained and what follows, and ends with its signal', async () => {
  const coordinator = await peer()
  await coordinator.say('tasks/a/status', statusOf('a', 'pending'))
  const client = await open()
  const stop = new AbortController()
  const seen: string[] = []
  const reading = (async () => {
    for await (const { id, status } of client.watch.tasks({ signal: stop.signal }))
      seen.push(`${id} ${status?.state}`)
  })()
  await vi.waitFor(() => expect(seen).toEqual(['a pending']))
  await coordinator.say('tasks/a/status', statusOf('a', 'running'))
  await vi.waitFor(() => expect(seen).toEqual(['a pending', 'a running']))
  await coordinator.say('tasks/a/status', null)
  await vi.waitFor(() => expect(seen).toEqual(['a pending', 'a running', 'a undefined']))
  stop.abort()
  await reading
})

test('Nothing listening is E_BROKER_UNREACHABLE with the address and the way to start one', async () => {
  const { port } = broker
  await broker.close()
  const error = await failure(connect({ url: `mqtt://someone:secret@127.0.0.1:${port}` }))
  broker = await startTestBroker()
  expect(error).toMatchObject({ code: 'E_BROKER_UNREACHABLE' })
  expect(error.message).toContain(`mqtt://127.0.0.1:${port}`)
  expect(error.message).not.toContain('secret')
  expect(error.remedy).toContain('covey broker')
})

test('Wrong credentials are E_BROKER_REFUSED', async () => {
  await broker.close()
  broker = await startTestBroker({
    authenticate: (_client, name, password, done) => {
      if (name === 'ann' && password?.toString() === 'right') return done(null, true)
      done(Object.assign(new Error('no'), { returnCode: 4 }) as never, null)
    },
  })
  const error = await failure(connect({ url: broker.url, username: 'ann', password: 'wrong' }))
  expect(error).toMatchObject({ code: 'E_BROKER_REFUSED', message: expect.stringContaining('password') })
  const client = await open({ username: 'ann', password: 'right' })
  expect(await client.tasks()).toEqual([] satisfies TaskStatus[])
})

test('A client id that the broker does not take is named, with what to do', async () => {
  await broker.close()
  broker = await startTestBroker({
    authenticate: (_client, _name, _password, done) =>
      done(Object.assign(new Error('no'), { returnCode: 2 }) as never, null),
  })
  const error = await failure(connect({ url: broker.url }))
  expect(error).toMatchObject({
    code: 'E_BROKER_REFUSED',
    message: expect.stringMatching(/client id covey-\S+ of \d+ characters/),
    remedy: expect.stringContaining('client id'),
  })
  expect(error.remedy).not.toContain('password')
})

test('A closed client fails what waits and repeats nothing', async () => {
  const client = await open()
  const pending = failure(client.submit(UNAME, { timeoutMs: 400 }))
  await client.close()
  expect(await pending).toBeInstanceOf(Error)
  expect(await failure(client.submit(UNAME, { timeoutMs: 400 }))).toMatchObject({
    code: 'E_BROKER_UNREACHABLE',
  })
})

test('A subscription that follows right behind the end of another of the same filter stands', async () => {
  const coordinator = await peer()
  const client = await open()
  for (let round = 0; round < 5; round++) {
    await client.status('a')
    const seen = vi.fn()
    const stop = new AbortController()
    const end = client.wait('a', { onStatus: seen, signal: stop.signal }).catch(() => 'stopped')
    await client.coordinator()
    await coordinator.say('tasks/a/status', statusOf('a', 'running', { attempts: round }), false)
    await vi.waitFor(() => expect(seen).toHaveBeenCalled())
    stop.abort()
    expect(await end).toBe('stopped')
  }
})

test('A broker that closes the connection over a publish is understood to refuse it', async () => {
  await broker.close()
  broker = await startTestBroker({
    authorizePublish: (_client, packet, done) =>
      done(packet.topic.endsWith('/spec') ? new Error('denied') : null),
  })
  const client = await open()
  const error = await failure(client.submit(UNAME))
  expect(error).toMatchObject({ code: 'E_BROKER_REFUSED', message: expect.stringContaining('/spec') })
  // The protocol does not say whether it is the role or a broker that is full.
  expect(error.remedy).toMatch(/role.*E_BROKER_LIMIT.*full/)
})

test('A broker that denies a subscription fails what needs it', async () => {
  broker.aedes.authorizeSubscribe = (_client, subscription, done) =>
    done(null, subscription.topic.includes('tasks') ? null : subscription)
  const client = await open()
  expect(await failure(client.tasks())).toMatchObject({ code: 'E_BROKER_REFUSED' })
  expect(await failure(client.wait('a'))).toMatchObject({ code: 'E_BROKER_REFUSED' })
  expect(await failure(client.submit(UNAME))).toMatchObject({ code: 'E_BROKER_REFUSED' })
  expect(await failure(client.watch.tasks().next())).toMatchObject({ code: 'E_BROKER_REFUSED' })
  expect(await client.devices()).toEqual([])
})

test('What answers but is no broker, or never answers, is told within the limit', async () => {
  const peers = new Set<Socket>()
  const replies = ['HTTP/1.1 400 Bad Request\r\n\r\n', undefined]
  const server = createServer((socket) => {
    peers.add(socket)
    socket.on('error', () => {})
    const reply = replies.shift()
    if (reply !== undefined) socket.once('data', () => socket.write(reply))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await failure(connect({ url }))).toMatchObject({
    code: 'E_BROKER_UNREACHABLE',
    message: expect.stringContaining('does not speak MQTT'),
  })
  expect(await failure(connect({ url, timeoutMs: 100 }))).toMatchObject({
    code: 'E_BROKER_UNREACHABLE',
    message: expect.stringContaining('no answer within 100 ms'),
  })
  for (const socket of peers) socket.destroy()
  await new Promise<void>((resolve) => server.close(() => resolve()))
})
