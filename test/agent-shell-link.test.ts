import type { AuthenticateError } from 'aedes'
import { afterEach, describe, expect, it } from 'vitest'
import { type Credentials, parseBrokerUrl } from '../agent/shell/broker-address.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../agent/shell/limits.ts'
import { encode, Link } from '../agent/shell/link.ts'
import { Links } from '../agent/shell/links.ts'
import type { Outgoing } from '../shared/ports.ts'
import type { DeviceState } from '../shared/protocol/schemas/index.ts'
import { Topics } from '../shared/protocol/topics.ts'
import {
  type BareBroker,
  InputRecorder,
  recordLog,
  startBareBroker,
  startSilentServer,
  TEST_TLS,
  until,
} from './agent-shell-support.ts'

const topics = new Topics('home')
const STATE: DeviceState = {
  incarnation: 1,
  nonce: 'n1',
  online: true,
  labels: {},
  capacity: { cpu: 1 },
  executors: ['exec'],
  candidate: 'auto',
  version: '0',
}

function state(body: DeviceState = STATE): Outgoing {
  return { route: 'state', topic: topics.of('state', 'pi-1'), body, qos: 1, retain: true }
}
const WILL = state({ ...STATE, online: false })

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function broker(options?: Parameters<typeof startBareBroker>[0]): Promise<BareBroker> {
  const started = await startBareBroker(options)
  cleanups.push(() => started.close())
  return started
}

function openLink(
  url: string,
  options: { limits?: Partial<ShellLimits>; credentials?: Credentials; clientId?: string } = {},
) {
  const recorder = new InputRecorder()
  const log = recordLog()
  const link = new Link('device', options.clientId ?? 'covey-home-agent-pi-1', WILL, {
    address: parseBrokerUrl(url, options.credentials),
    topics,
    emit: recorder.emit,
    log,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  })
  cleanups.push(() => link.close(true))
  return { link, recorder, log }
}

/** Follows what the broker receives on a topic. */
function follow(to: BareBroker, topic: string): string[] {
  const seen: string[] = []
  to.aedes.subscribe(
    topic,
    (packet, done) => {
      seen.push(packet.payload.toString())
      done()
    },
    () => undefined,
  )
  return seen
}

describe('a link to a broker', () => {
  it('connects, subscribes, publishes with an acknowledgement and receives what is retained', async () => {
    const { port } = await broker()
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${port}`)
    await recorder.wait('link-up')
    link.publish(state(), 7)
    expect(await recorder.wait('acked')).toEqual({ in: 'acked', link: 'device', token: 7 })
    link.subscribe(
      [
        { topic: topics.all('state'), qos: 1 },
        { topic: topics.all('load'), qos: 0 },
      ],
      3,
    )
    expect(await recorder.wait('subscribed')).toEqual({ in: 'subscribed', link: 'device', token: 3 })
    expect((await recorder.wait('message')).message).toEqual({
      route: 'state',
      id: 'pi-1',
      retained: true,
      body: STATE,
    })
    link.publish({ ...state(), body: null }, undefined)
    expect((await recorder.wait('message', 2)).message).toEqual({
      route: 'state',
      id: 'pi-1',
      retained: false,
      empty: true,
    })
  })

  it('tells of the subscription before it tells of what was retained', async () => {
    const { port } = await broker()
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${port}`)
    await recorder.wait('link-up')
    for (let n = 0; n < 50; n++) {
      link.publish({ ...state(), topic: topics.of('state', `pi-${n}`) }, n)
    }
    await recorder.wait('acked', 50)
    link.subscribe([{ topic: topics.all('state'), qos: 0 }], 1)
    await recorder.wait('message', 50)
    const kinds = recorder.inputs.map((input) => input.in)
    expect(kinds.indexOf('subscribed')).toBeLessThan(kinds.indexOf('message'))
  })

  it('hands on payloads that are not UTF-8 or too large as rejections and ignores foreign topics', async () => {
    const { port, aedes } = await broker()
    const { link, recorder, log } = openLink(`mqtt://127.0.0.1:${port}`)
    await recorder.wait('link-up')
    link.subscribe([{ topic: 'covey/v1/home/#', qos: 1 }], 1)
    await recorder.wait('subscribed')
    const send = (topic: string, payload: Buffer) =>
      new Promise<void>((resolve, reject) =>
        aedes.publish({ cmd: 'publish', topic, payload, qos: 1, retain: false, dup: false }, (error) =>
          error ? reject(error) : resolve(),
        ),
      )
    await send('covey/v1/home/unknown', Buffer.from('{}'))
    await send(topics.of('spec', 'a'), Buffer.from([0x7b, 0xff, 0x7d]))
    await send(topics.of('spec', 'b'), Buffer.alloc(1_100_000, 0x20))
    await recorder.wait('message', 2)
    const codes = recorder
      .of('message')
      .map(({ message }) => 'rejection' in message && message.rejection.code)
    expect(codes).toEqual(['E_NOT_JSON', 'E_TOO_LARGE'])
    expect(log.lines).toMatchObject([{ level: 'debug', fields: { topic: 'covey/v1/home/unknown' } }])
  })

  it('sets TCP_NODELAY before the CONNECT leaves', async () => {
    const { port } = await broker()
    const { Socket } = await import('node:net')
    const calls: boolean[] = []
    const original = Socket.prototype.setNoDelay
    Socket.prototype.setNoDelay = function (this: InstanceType<typeof Socket>, on?: boolean) {
      calls.push(on === true && this.connecting)
      return original.call(this, on)
    }
    try {
      const { recorder } = openLink(`mqtt://127.0.0.1:${port}`)
      await recorder.wait('link-up')
    } finally {
      Socket.prototype.setNoDelay = original
    }
    expect(calls).toEqual([true])
  })

  it('does not leave the will behind when it is closed cleanly, also with publishes under way', async () => {
    const started = await broker()
    const wills = follow(started, topics.of('state', 'pi-1'))
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${started.port}`)
    await recorder.wait('link-up')
    for (let n = 0; n < 100; n++) link.publish(state({ ...STATE, incarnation: n + 1 }), n)
    await link.close(false)
    await until(() => wills.length === 100, 'the publishes before the DISCONNECT')
    await until(() => started.aedes.connectedClients === 0, 'the broker to let the client go')
    expect(wills.map((text) => (JSON.parse(text) as DeviceState).online)).not.toContain(false)
    expect(recorder.of('link-down')).toEqual([])
  })

  it('makes the broker send the will at once when it is closed with it', async () => {
    const started = await broker()
    const seen = follow(started, topics.of('state', 'pi-1'))
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${started.port}`)
    await recorder.wait('link-up')
    await link.close(true)
    await until(() => seen.length === 1, 'the will')
    expect((JSON.parse(seen[0] as string) as DeviceState).online).toBe(false)
    expect(recorder.of('link-down')).toEqual([])
  })

  it('says that no broker answers and how to start one', async () => {
    const { port, close } = await startSilentServer()
    await close()
    const { recorder } = openLink(`mqtt://127.0.0.1:${port}`)
    const { reason } = await recorder.wait('link-down')
    expect(reason).toContain(`E_BROKER_UNREACHABLE: no broker answers at mqtt://127.0.0.1:${port}`)
    expect(reason).toContain('covey broker')
  })

  it('says that the name of several addresses does not answer', async () => {
    const { port, close } = await startSilentServer()
    await close()
    const { recorder } = openLink(`mqtt://localhost:${port}`)
    expect((await recorder.wait('link-down')).reason).toMatch(/E_BROKER_UNREACHABLE.*ECONNREFUSED/)
  })

  it('gives up a server that accepts the connection and never answers', async () => {
    const silent = await startSilentServer()
    cleanups.push(() => silent.close())
    const { recorder } = openLink(`mqtt://127.0.0.1:${silent.port}`, { limits: { connectTimeoutMs: 50 } })
    expect((await recorder.wait('link-down')).reason).toContain('E_BROKER_UNREACHABLE')
  })

  it('gives up a connection whose broker has gone silent', async () => {
    const silent = await startSilentServer(true)
    cleanups.push(() => silent.close())
    const { recorder } = openLink(`mqtt://127.0.0.1:${silent.port}`, { limits: { keepaliveSeconds: 1 } })
    await recorder.wait('link-up')
    expect((await recorder.wait('link-down')).reason).toContain('Keepalive timeout')
  })

  it('says which client id the broker does not take, and what to change', async () => {
    const { port, aedes } = await broker()
    aedes.authenticate = (_client, _username, _password, done) =>
      done(Object.assign(new Error('no'), { returnCode: 2 }) as AuthenticateError, false)
    const { recorder } = openLink(`mqtt://127.0.0.1:${port}`)
    const { reason } = await recorder.wait('link-down')
    expect(reason).toMatch(/E_BROKER_REFUSED.*covey-\S+, \d+ characters/)
    expect(reason).toContain('--id')
    expect(reason).not.toContain('password')
  })

  it('says that credentials were refused', async () => {
    const { port, aedes } = await broker()
    aedes.authenticate = (_client, username, password, done) => {
      if (username === 'pi' && password?.toString() === 'right') return done(null, true)
      done(Object.assign(new Error('no'), { returnCode: 4 }) as AuthenticateError, false)
    }
    const wrong = openLink(`mqtt://pi:wrong@127.0.0.1:${port}`)
    const { reason } = await wrong.recorder.wait('link-down')
    expect(reason).toContain('E_BROKER_REFUSED')
    expect(reason).toContain('Bad username or password')
    expect(reason).not.toContain('wrong')
    const right = openLink(`mqtt://127.0.0.1:${port}`, { credentials: { username: 'pi', password: 'right' } })
    await right.recorder.wait('link-up')
  })

  it('tells which subscription was refused', async () => {
    const { port, aedes } = await broker()
    aedes.authorizeSubscribe = (_client, subscription, done) =>
      done(null, subscription.topic === topics.of('config') ? null : subscription)
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${port}`)
    await recorder.wait('link-up')
    link.subscribe(
      [
        { topic: topics.of('beacon'), qos: 1 },
        { topic: topics.of('config'), qos: 1 },
      ],
      1,
    )
    const { refused } = await recorder.wait('subscribed')
    expect(refused).toEqual([topics.of('config')])
    expect(link.up).toBe(true)
  })

  it('goes down when more publishes are outstanding than it may have', async () => {
    const started = await broker()
    started.aedes.authorizePublish = () => undefined
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${started.port}`, {
      limits: { outstandingPublishesMax: 10 },
    })
    await recorder.wait('link-up')
    for (let n = 0; n < 20; n++) link.publish(state(), n)
    expect((await recorder.wait('link-down')).reason).toContain('10 publishes (at most 10)')
    expect(recorder.of('link-down')).toHaveLength(1)
    expect(recorder.of('acked')).toEqual([])
  })

  it('sends more publishes than may be in flight, in their order', async () => {
    const started = await broker()
    const seen = follow(started, topics.of('state', 'pi-1'))
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${started.port}`, {
      limits: { publishesInFlightMax: 7 },
    })
    await recorder.wait('link-up')
    for (let n = 1; n <= 3_000; n++) {
      link.publish({ ...state({ ...STATE, incarnation: n }), qos: n % 3 === 0 ? 0 : 1 } as Outgoing, n)
    }
    await recorder.wait('acked', 2_000)
    await until(() => seen.length === 3_000, 'all publishes')
    // The broker itself lets QoS 0 overtake QoS 1, so each is looked at alone.
    const order = seen.map((text) => (JSON.parse(text) as DeviceState).incarnation)
    const numbers = Array.from({ length: 3_000 }, (_, index) => index + 1)
    const ofQos = (qos: 0 | 1) => (n: number) => (n % 3 === 0 ? 0 : 1) === qos
    expect(order.filter(ofQos(0))).toEqual(numbers.filter(ofQos(0)))
    expect(order.filter(ofQos(1))).toEqual(numbers.filter(ofQos(1)))
    expect(recorder.of('acked').map(({ token }) => token)).toEqual(numbers.filter(ofQos(1)))
  })

  it('waits for a socket that takes nothing, and gives up when too many bytes wait', async () => {
    const silent = await startSilentServer(true)
    cleanups.push(() => silent.close())
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${silent.port}`, {
      limits: { outstandingBytesMax: 20_000_000 },
    })
    await recorder.wait('link-up')
    const large = state({ ...STATE, labels: { big: 'x'.repeat(200_000) } })
    for (let n = 0; n < 200 && link.up; n++) link.publish(large, n)
    expect((await recorder.wait('link-down')).reason).toContain(
      'bytes (at most 20000000) wait for the broker',
    )
  })

  it('says nothing any more once the broker has dropped it', async () => {
    const started = await broker()
    const { link, recorder } = openLink(`mqtt://127.0.0.1:${started.port}`)
    await recorder.wait('link-up')
    for (let n = 0; n < 100; n++) link.publish(state(), n)
    for (const socket of started.sockets) socket.destroy()
    await recorder.wait('link-down')
    const count = recorder.inputs.length
    link.publish(state(), 1)
    link.subscribe([{ topic: topics.of('config'), qos: 1 }], 2)
    link.unsubscribe([topics.of('config')])
    await link.close(false)
    expect(recorder.inputs).toHaveLength(count)
  })

  it('refuses to encode what no payload may be', () => {
    const labels = { big: 'x'.repeat(300_000) }
    expect(() => encode(state({ ...STATE, labels }))).toThrow(
      /invariant broken: .*devices\/pi-1\/state.*262144/,
    )
  })

  it('speaks WebSocket', async () => {
    const { port } = await broker({ webSocket: true })
    const { link, recorder } = openLink(`ws://127.0.0.1:${port}/mqtt`)
    await recorder.wait('link-up')
    link.publish(state(), 1)
    await recorder.wait('acked')
    await link.close(false)
    const closed = openLink(`ws://127.0.0.1:${port}/mqtt`)
    await closed.link.close(true)
    expect(closed.recorder.inputs).toEqual([])
  })

  it('speaks TLS with an authority of its own and refuses a certificate that none signed', async () => {
    const { port } = await broker({ tls: TEST_TLS })
    const trusted = openLink(`mqtts://127.0.0.1:${port}`, { credentials: { ca: TEST_TLS.cert } })
    await trusted.recorder.wait('link-up')
    const stranger = openLink(`mqtts://127.0.0.1:${port}`)
    expect((await stranger.recorder.wait('link-down')).reason).toContain('is not trusted')
    const broken = openLink(`mqtts://127.0.0.1:${port}`, { credentials: { ca: 'not PEM' } })
    await broken.recorder.wait('link-down')
  })
})

describe('the two links of an agent', () => {
  it('closes the former connection when it connects again and logs failures once', async () => {
    const started = await broker()
    const recorder = new InputRecorder()
    const log = recordLog()
    const { port } = started
    const address = parseBrokerUrl(`mqtt://127.0.0.1:${port}`)
    const links = new Links({ address, topics, emit: recorder.emit, log, limits: DEFAULT_LIMITS })
    cleanups.push(() => links.close(true))
    const connect = () =>
      links.carryOut({ do: 'connect', link: 'device', clientId: 'covey-home-agent-pi-1', will: WILL })
    connect()
    await recorder.wait('link-up')
    connect()
    await recorder.wait('link-up', 2)
    expect(recorder.of('link-down')).toEqual([])
    await started.close()
    await recorder.wait('link-down')
    for (let n = 2; n <= 4; n++) {
      connect()
      await recorder.wait('link-down', n)
    }
    const again = await broker({ port })
    connect()
    await recorder.wait('link-up', 3)
    expect(again.aedes.connectedClients).toBe(1)
    const told = log.lines
      .filter(({ level }) => level !== 'debug')
      .map(({ level, message }) => [level, message.slice(0, 20)])
    expect(told).toEqual([
      ['info', 'connected'],
      ['info', 'connected'],
      ['error', 'the broker at mqtt:/'],
      ['error', 'E_BROKER_UNREACHABLE'],
      ['info', 'connected again'],
    ])
  })
})
