import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import {
  client,
  inbox,
  later,
  rawSocket,
  recordingLogger,
  start,
  temporaryFolder,
} from '../test/broker-harness.ts'
import { startBroker } from './broker.ts'
import { isLoopback, isTrustedOrigin } from './listeners.ts'

const files = fileURLToPath(new URL('../test/broker-tls/', import.meta.url))
const tls = { key: join(files, 'key.pem'), cert: join(files, 'cert.pem') }

afterEach(() => vi.restoreAllMocks())

test.each([
  ['plain', {}, ['mqtt:', 'ws:']],
  ['TLS', { tls }, ['mqtts:', 'wss:']],
])('TCP and WebSocket clients meet on one broker: %s', async (_name, options, protocols) => {
  const broker = await start({ wsPort: 0, ...options })
  expect(broker.urls.map((url) => new URL(url).protocol)).toEqual(protocols)
  const ca = await readFile(tls.cert)
  const clients = []
  for (const url of broker.urls) {
    const each = await connectAsync(url, { ca, reconnectPeriod: 0 })
    later(() => each.endAsync(true))
    clients.push(each)
  }
  const boxes = clients.map(inbox)
  for (const each of clients) await each.subscribeAsync('meet', { qos: 1 })
  for (const [i, each] of clients.entries()) await each.publishAsync('meet', `from ${i}`, { qos: 1 })
  const both = ['meet from 0', 'meet from 1']
  for (const box of boxes) await vi.waitFor(() => expect(box).toEqual(both))
})

test('every accepted socket has TCP_NODELAY', async () => {
  const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay')
  const broker = await start({ wsPort: 0 })
  const settled = (): number =>
    noDelay.mock.contexts.filter((socket) => (socket as Socket).localPort !== undefined).length
  rawSocket(broker)
  await vi.waitFor(() => expect(broker.metrics().connections).toBe(1))
  expect(settled()).toBeGreaterThanOrEqual(1)
  const before = settled()
  const webSocket = new WebSocket(broker.urls[1] ?? '', 'mqtt')
  // The broker may count it before it knows by itself that it is connected.
  webSocket.on('error', () => {})
  later(async () => webSocket.terminate())
  await vi.waitFor(() => expect(broker.metrics().connections).toBe(2))
  expect(settled()).toBeGreaterThan(before)
})

test('a plain client at a TLS port is turned away and logged', async () => {
  const logger = recordingLogger()
  const broker = await start({ tls, logger })
  const plain = rawSocket(broker)
  plain.socket.write('this is no handshake, and long enough to be looked at')
  await vi.waitFor(() => expect(plain.closed).toBe(true))
  await vi.waitFor(() => expect(logger.codes).toEqual(['E_PACKET']))
})

test('a taken port, a missing key and one that does not fit are told apart', async () => {
  const broker = await start()
  await expect(startBroker({ port: broker.port })).rejects.toMatchObject({ code: 'E_PORT' })
  const missing = { key: join(files, 'none.pem'), cert: tls.cert }
  await expect(startBroker({ port: 0, tls: missing })).rejects.toMatchObject({ code: 'E_USAGE' })
  const swapped = { key: tls.cert, cert: tls.key }
  await expect(startBroker({ port: 0, tls: swapped })).rejects.toMatchObject({ code: 'E_USAGE' })
})

test('a start that fails leaves nothing open', async () => {
  const data = await temporaryFolder()
  const taken = await start()
  await expect(startBroker({ port: taken.port, data })).rejects.toMatchObject({ code: 'E_PORT' })
  await expect(startBroker({ port: 0, wsPort: taken.port, data })).rejects.toMatchObject({ code: 'E_PORT' })
  const broker = await start({ data })
  expect(broker.port).toBeGreaterThan(0)
})

test('a WebSocket client must offer mqtt, and a foreign web page gets nowhere', async () => {
  const logger = recordingLogger()
  const broker = await start({ wsPort: 0, logger, origins: ['https://ops.example.org'] })
  const status = (protocol: string[], origin?: string): Promise<number | undefined> =>
    new Promise((resolve) => {
      const webSocket = new WebSocket(broker.urls[1] ?? '', protocol, origin === undefined ? {} : { origin })
      later(async () => webSocket.terminate())
      webSocket.on('error', () => {})
      webSocket.on('open', () => resolve(101))
      webSocket.on('unexpected-response', (_request, response) => resolve(response.statusCode))
    })
  expect(await status(['chat'])).toBe(400)
  expect(await status(['mqtt'])).toBe(101)
  expect(await status(['mqtt'], 'https://evil.example.com')).toBe(403)
  expect(await status(['mqtt'], 'null')).toBe(403)
  expect(await status(['mqtt'], 'http://localhost:5173')).toBe(101)
  expect(await status(['mqtt'], 'https://ops.example.org')).toBe(101)
  expect(logger.codes).toEqual(['E_PACKET', 'E_DENIED', 'E_DENIED'])
  const page = await fetch((broker.urls[1] ?? '').replace('ws:', 'http:'))
  expect(page.status).toBe(426)
})

test.each([
  ['http://192.168.1.5:8080', '192.168.1.5:9001', true],
  ['http://192.168.1.6:8080', '192.168.1.5:9001', false],
  // A name may have been rebound to this address; an address cannot be.
  ['http://evil.example.com', 'evil.example.com:9001', false],
  ['http://[::1]:80', '[::1]:9001', true],
  ['http://[fd00::1]', '[fd00::1]:9001', true],
  ['http://127.0.0.1.evil.example.com', 'x', false],
  ['nonsense', 'x', false],
  [undefined, 'x', true],
])('origin %s at host %s: %s', (origin, host, trusted) => {
  expect(isTrustedOrigin(origin, host, [])).toBe(trusted)
})

test.each([
  ['127.0.0.1', true],
  ['127.5.5.5', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.168.1.1', false],
  ['127.example.com', false],
])('%s is this machine only: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

test('metrics and health have a port of their own', async () => {
  const broker = await start({ metricsPort: 0, data: await temporaryFolder() })
  const publisher = await client(broker)
  await publisher.subscribeAsync('#')
  await publisher.publishAsync('covey/v1/home/config', '{}', { qos: 1, retain: true })
  await vi.waitFor(() =>
    expect(broker.metrics()).toMatchObject({ messagesIn: 1, messagesOut: 1, commits: 1 }),
  )
  expect(broker.metrics().commitLatency.count).toBe(1)
  const url = `http://127.0.0.1:${broker.metricsPort}`
  const text = await (await fetch(`${url}/metrics`)).text()
  expect(text).toContain('covey_broker_retained_messages 1\n')
  expect(text).toContain('covey_broker_connections 1\n')
  expect(text).toContain('covey_broker_commit_seconds_bucket{le="+Inf"} 1\n')
  for (const line of text.trimEnd().split('\n'))
    expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|\S+ [0-9.e+-]+)$/)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  expect((await fetch(`${url}/else`)).status).toBe(404)
})
