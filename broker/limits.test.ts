import { connectAsync } from 'mqtt'
import { generate } from 'mqtt-packet'
import { describe, expect, test, vi } from 'vitest'
import {
  client,
  connectPacket,
  inbox,
  later,
  publishPacket,
  type Raw,
  raw,
  rawSocket,
  recordingLogger,
  start,
  temporaryFolder,
} from '../test/broker-harness.ts'
import type { BrokerOptions } from './broker.ts'
import { LIMITS, type Limits, limitsWith } from './limits.ts'

async function limited(limits: Partial<Limits>, options: BrokerOptions = {}) {
  const logger = recordingLogger()
  const broker = await start({ limits, logger, ...options })
  /** The connection is closed with that code, and others live on. */
  const refused = async (connection: Raw, code: string, text = ''): Promise<void> => {
    await vi.waitFor(() => expect(connection.closed).toBe(true))
    await vi.waitFor(() => expect(logger.codes).toContain(code))
    expect(logger.lines.map(({ message }) => message).join('\n')).toContain(text)
    // Where the limit is that of a CONNECT, a pause of this process may exceed it.
    const other = await vi.waitFor(() => client(broker, { clientId: 'other' }))
    await other.publishAsync('still/here', 'yes', { qos: 1 })
  }
  return { broker, logger, refused }
}

const length = (bytes: number): number[] => {
  const out: number[] = []
  for (let left = bytes; ; left = Math.floor(left / 128)) {
    if (left < 128) return [...out, left]
    out.push((left % 128) | 128)
  }
}

describe('packet sizes are judged at the fixed header', () => {
  test.each([
    ['PUBLISH', 0x30, 40_000_000],
    ['SUBSCRIBE', 0x82, 1_000_000],
    ['UNSUBSCRIBE', 0xa2, 1_000_000],
  ])('%s', async (_name, first, bytes) => {
    const { broker, refused } = await limited({})
    const connection = await raw(broker, 'x')
    connection.socket.write(Buffer.from([first, ...length(bytes)]))
    await refused(connection, 'E_TOO_LARGE', `${bytes} bytes`)
  })

  test('CONNECT', async () => {
    const { broker, refused } = await limited({})
    const connection = rawSocket(broker)
    connection.socket.write(Buffer.from([0x10, ...length(1_000_000)]))
    await refused(connection, 'E_TOO_LARGE', 'connect')
  })

  test('a payload of payloadBytesMax is taken, one byte more is not', async () => {
    const { broker, refused } = await limited({ payloadBytesMax: 100_000 })
    const subscriber = await client(broker)
    const got = inbox(subscriber)
    await subscriber.subscribeAsync('t', { qos: 1 })
    const connection = await raw(broker, 'x')
    connection.socket.write(publishPacket('t', 'x'.repeat(100_000), { qos: 1, messageId: 1 }))
    await vi.waitFor(() => expect(got).toHaveLength(1))
    connection.socket.write(publishPacket('t', 'x'.repeat(100_001), { qos: 1, messageId: 2 }))
    await refused(connection, 'E_TOO_LARGE', '100001 bytes')
    expect(got).toHaveLength(1)
  })
})

describe('what a CONNECT asks for', () => {
  test('clientIdCharsMax', async () => {
    const { broker, refused } = await limited({ clientIdCharsMax: 10 })
    await raw(broker, 'x'.repeat(10))
    const connection = await raw(broker, 'x'.repeat(11))
    expect(connection.received[0]).toMatchObject({ cmd: 'connack', returnCode: 2 })
    await refused(connection, 'E_ID')
  })

  test('an agent with the longest mesh and device id is taken', async () => {
    const { broker } = await limited({})
    const agent = await raw(broker, `covey-${'m'.repeat(64)}-agent-${'d'.repeat(64)}`)
    expect(agent.received[0]).toMatchObject({ cmd: 'connack', returnCode: 0 })
  })

  test('an id with control characters, and a session without an id', async () => {
    const { broker, refused } = await limited({})
    await refused(await raw(broker, 'a\u0007b'), 'E_ID')
    const nameless = rawSocket(broker)
    const packet = connectPacket('')
    // Byte 9 holds the flags; bit 1 is the clean session, which mqtt-packet insists on here.
    packet[9] = (packet[9] ?? 0) & ~2
    nameless.socket.write(packet)
    await refused(nameless, 'E_ID', 'MQTT-3.1.3-8')
  })

  test('a will that could never be published', async () => {
    const { broker, refused } = await limited({})
    const will = { topic: 'a/#', payload: Buffer.from('x'), qos: 0 as const, retain: false }
    await refused(await raw(broker, 'x', { will }), 'E_TOPIC')
  })

  test('keepaliveSecondsMax holds those who ask for none', async () => {
    const { broker } = await limited({ keepaliveSecondsMax: 1 })
    const connection = await raw(broker, 'silent', { keepalive: 0 })
    await vi.waitFor(() => expect(connection.closed).toBe(true))
  })

  test('connectTimeoutMs', async () => {
    const { broker, refused } = await limited({ connectTimeoutMs: 50 })
    await refused(rawSocket(broker), 'E_BROKER_LIMIT', 'connectTimeoutMs')
  })

  test('connectionsMax', async () => {
    const { broker, logger } = await limited({ connectionsMax: 2 })
    const first = await raw(broker, 'a')
    await raw(broker, 'b')
    const third = rawSocket(broker)
    await vi.waitFor(() => expect(third.closed).toBe(true))
    expect(logger.codes).toContain('E_BROKER_LIMIT')
    first.socket.destroy()
    await vi.waitFor(() => expect(broker.metrics().connections).toBe(1))
    await raw(broker, 'c')
  })

  test('beforeConnackPacketsMax', async () => {
    const { broker, refused } = await limited({ beforeConnackPacketsMax: 5 })
    const connection = rawSocket(broker)
    const publishes = Array.from({ length: 20 }, (_, i) => publishPacket('t', String(i)))
    connection.socket.write(Buffer.concat([connectPacket('eager'), ...publishes]))
    await refused(connection, 'E_BROKER_LIMIT', 'beforeConnackPacketsMax')
  })
})

describe('topics and subscriptions', () => {
  test('topicLevelsMax, topicCharsMax and topics that are not well formed', async () => {
    const { broker, refused } = await limited({ topicLevelsMax: 4, topicCharsMax: 20 })
    for (const topic of ['a/b/c/d/e', 'x'.repeat(21), 'a\u0000b', '$SYS/x']) {
      const connection = await raw(broker, 'x')
      connection.socket.write(publishPacket(topic, 'x', { qos: 1, messageId: 1 }))
      await refused(connection, 'E_TOPIC')
      expect(connection.received.map(({ cmd }) => cmd)).not.toContain('puback')
    }
  })

  test('subscriptionsPerClientMax, filters that are too long, and shared ones: refused in the SUBACK', async () => {
    const { broker, logger } = await limited({ subscriptionsPerClientMax: 2, topicCharsMax: 20 })
    const connection = await client(broker)
    await connection.subscribeAsync(['a', 'b'])
    for (const filter of ['c', 'x'.repeat(21), '$share/g/a']) {
      await expect(connection.subscribeAsync(filter)).rejects.toThrow()
    }
    expect(logger.codes).toEqual(['E_BROKER_LIMIT', 'E_TOPIC', 'E_TOPIC'])
    await connection.unsubscribeAsync('a')
    await connection.subscribeAsync('c')
  })

  test('replaysPerClientMax', async () => {
    const { broker, refused } = await limited({ replaysPerClientMax: 3 })
    const publisher = await client(broker)
    for (let i = 0; i < 200; i++) publisher.publish(`kept/${i}`, 'x', { qos: 1, retain: true })
    await publisher.publishAsync('kept/last', 'x', { qos: 1, retain: true })
    const connection = await raw(broker, 'x')
    const subscribe = (messageId: number): Buffer =>
      generate({ cmd: 'subscribe', messageId, subscriptions: [{ topic: 'kept/#', qos: 0 }] })
    connection.socket.write(Buffer.concat(Array.from({ length: 10 }, (_, i) => subscribe(i + 1))))
    await refused(connection, 'E_BROKER_LIMIT', 'replaysPerClientMax')
  })
})

describe('what may wait', () => {
  test.each([
    ['inFlightPerClientMax', { inFlightPerClientMax: 10 }],
    ['commitQueueMax', { commitQueueMax: 10 }],
    ['commitQueueBytesMax', { commitQueueBytesMax: 1_000 }],
  ])('%s', async (name, limits) => {
    const { broker, refused } = await limited(limits, { data: await temporaryFolder() })
    const connection = await raw(broker, 'flood')
    const flood = Array.from({ length: 40 }, (_, i) =>
      publishPacket(`t/${i}`, 'x'.repeat(100), { qos: 1, retain: true, messageId: i + 1 }),
    )
    connection.socket.write(Buffer.concat(flood))
    await refused(connection, 'E_BROKER_LIMIT', name)
  })

  test('qos2PerClientMax', async () => {
    const { broker, refused } = await limited({ qos2PerClientMax: 3 })
    const connection = await raw(broker, 'x')
    for (let i = 1; i <= 4; i++) connection.socket.write(publishPacket('t', 'x', { qos: 2, messageId: i }))
    await refused(connection, 'E_BROKER_LIMIT', 'qos2PerClientMax')
  })

  test('retainedMessagesMax: replacing and removing still work, and what the mesh writes has a reserve', async () => {
    const { broker, refused } = await limited({
      retainedMessagesMax: 10,
      retainedSubmittedMessagesPercent: 100,
    })
    const publisher = await client(broker)
    for (let i = 0; i < 9; i++) await publisher.publishAsync(`t/${i}`, 'x', { qos: 1, retain: true })
    await publisher.publishAsync('t/0', 'y', { qos: 1, retain: true })
    const connection = await raw(broker, 'x')
    const spec = 'covey/v1/home/tasks/one-more/spec'
    connection.socket.write(publishPacket(spec, '{}', { qos: 1, retain: true, messageId: 1 }))
    await refused(connection, 'E_BROKER_LIMIT', 'retainedMessagesMax')
    await publisher.publishAsync('covey/v1/home/tasks/t1/status', '{}', { qos: 1, retain: true })
    expect(broker.metrics().retainedMessages).toBe(10)
    await publisher.publishAsync('t/0', '', { qos: 1, retain: true })
    expect(broker.metrics().retainedMessages).toBe(9)
  })

  test('retainedBytesMax', async () => {
    const { broker, refused } = await limited({
      retainedBytesMax: 10_000,
      retainedSubmittedBytesPercent: 100,
    })
    const connection = await raw(broker, 'x')
    connection.socket.write(publishPacket('t/1', 'x'.repeat(5_000), { qos: 1, retain: true, messageId: 1 }))
    connection.socket.write(publishPacket('t/2', 'x'.repeat(5_000), { qos: 1, retain: true, messageId: 2 }))
    await refused(connection, 'E_BROKER_LIMIT', 'retainedBytesMax')
    expect(broker.metrics().retainedMessages).toBe(1)
  })

  describe.each([
    ['in memory', false],
    ['with a store', true],
  ])('%s, a flood of specs and foreign topics', (_name, stored) => {
    const task = (i: number, below: string): string => `covey/v1/home/tasks/t${i}/${below}`
    const flood = (topic: (i: number) => string, bytes: number): Buffer =>
      Buffer.concat(
        Array.from({ length: 100 }, (_, i) =>
          publishPacket(topic(i), 'x'.repeat(bytes), { qos: 1, retain: true, messageId: i + 1 }),
        ),
      )
    const flooded = async (limits: Partial<Limits>, bytes: number) => {
      const world = await limited(limits, stored ? { data: await temporaryFolder() } : {})
      const foreign = await client(world.broker)
      await foreign.publishAsync('someone/else', 'x'.repeat(bytes), { qos: 1, retain: true })
      const submitter = await raw(world.broker, 'submitter')
      submitter.socket.write(flood((i) => task(i, 'spec'), bytes))
      await world.refused(submitter, 'E_BROKER_LIMIT', 'specs and foreign topics hold')
      const accepted = world.broker.metrics().retainedMessages - 1
      const seat = await client(world.broker, { clientId: 'covey-home-seat' })
      return { ...world, accepted, seat }
    }

    test('is refused at its share of the messages, and the seat can write a status for each accepted one', async () => {
      const { accepted, seat, broker, refused } = await flooded({ retainedMessagesMax: 50 }, 10)
      expect(accepted).toBe(19)
      for (let i = 0; i < accepted; i++) {
        await seat.publishAsync(task(i, 'status'), '{}', { qos: 1, retain: true })
      }
      await seat.publishAsync('covey/v1/home/coordinator', '{}', { qos: 1, retain: true })
      expect(broker.metrics().retainedMessages).toBe(20 + accepted + 1)
      // A task that ended makes room for one more, and no other. The seat itself may put back a spec at any time.
      await seat.publishAsync(task(0, 'spec'), '', { qos: 1, retain: true })
      const submitter = await client(broker)
      await submitter.publishAsync(task(90, 'spec'), '{}', { qos: 1, retain: true })
      await seat.publishAsync(task(91, 'spec'), '{}', { qos: 1, retain: true })
      const late = await raw(broker, 'late')
      late.socket.write(publishPacket('someone/more', 'x', { qos: 1, retain: true, messageId: 1 }))
      await refused(late, 'E_BROKER_LIMIT', 'someone/more')
    })

    test('is refused at its share of the bytes; what is there may be withdrawn, and ended', async () => {
      const { accepted, seat, broker } = await flooded({ retainedBytesMax: 100_000 }, 4_000)
      expect(accepted).toBeGreaterThanOrEqual(9)
      expect(broker.metrics().retainedBytes).toBeLessThanOrEqual(50_000)
      for (let i = 0; i < accepted; i++) {
        await seat.publishAsync(task(i, 'status'), 'x'.repeat(4_000), { qos: 1, retain: true })
      }
      const withdrawing = await client(broker)
      await withdrawing.publishAsync(task(1, 'spec'), '{"withdraw":true}', { qos: 1, retain: true })
    })
  })
})

describe('a reader that reads nothing', () => {
  async function frozen(limits: Partial<Limits>) {
    const { broker, logger } = await limited({ stallMs: 20, ...limits })
    const reader = await raw(broker, 'frozen')
    reader.socket.write(
      generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'big', qos: 0 }] }),
    )
    await vi.waitFor(() => expect(reader.received.map(({ cmd }) => cmd)).toContain('suback'))
    reader.socket.pause()
    return { broker, logger, publisher: await client(broker) }
  }

  test('does not hold up the others', async () => {
    const { broker, publisher } = await frozen({})
    const subscriber = await client(broker)
    const got = inbox(subscriber)
    await subscriber.subscribeAsync('small', { qos: 1 })
    // More than the sockets' buffers hold, and more messages than aedes would have on their way at once.
    for (let i = 0; i < 200; i++) publisher.publish('big', 'x'.repeat(100_000))
    await publisher.publishAsync('small', 'through', { qos: 1 })
    await vi.waitFor(() => expect(got).toEqual(['small through']))
  })

  test('is closed at outgoingBytesPerClientMax', async () => {
    const { broker, logger, publisher } = await frozen({ outgoingBytesPerClientMax: 1_000_000 })
    for (let i = 0; i < 200; i++) await publisher.publishAsync('big', 'x'.repeat(100_000), { qos: 1 })
    await vi.waitFor(() => expect(logger.codes).toEqual(['E_BROKER_LIMIT']))
    await vi.waitFor(() => expect(broker.metrics().connections).toBe(1))
  })

  test('is closed after drainTimeoutMs', async () => {
    const { broker, logger, publisher } = await frozen({ drainTimeoutMs: 50 })
    for (let i = 0; i < 200; i++) publisher.publish('big', 'x'.repeat(100_000))
    await vi.waitFor(() =>
      expect(logger.lines.map(({ message }) => message).join()).toContain('drainTimeoutMs'),
    )
    await vi.waitFor(() => expect(broker.metrics().connections).toBe(1))
  })
})

describe('live messages behind retained ones', () => {
  async function replaying(limits: Partial<Limits>) {
    const { broker, logger } = await limited({ stallMs: 20, ...limits })
    const publisher = await client(broker)
    for (let i = 0; i < 200; i++)
      await publisher.publishAsync(`big/${i}`, 'x'.repeat(100_000), { qos: 1, retain: true })
    const reader = await raw(broker, 'reader')
    reader.socket.pause()
    reader.socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 0 }] }))
    // More than the sockets' buffers hold, so the retained messages are still on their way.
    await vi.waitFor(() => expect(broker.metrics().messagesOut).toBeGreaterThan(0))
    return { broker, logger, publisher, reader }
  }

  test('are parked in order while the reader takes its time', async () => {
    const { publisher, reader } = await replaying({ drainTimeoutMs: 60_000 })
    for (let i = 0; i < 10; i++) await publisher.publishAsync(`live/${i}`, 'x', { qos: 1 })
    reader.socket.resume()
    const topics = (): string[] =>
      reader.received.flatMap((packet) => (packet.cmd === 'publish' ? [packet.topic] : []))
    await vi.waitFor(() => expect(topics()).toHaveLength(210))
    expect(topics().slice(200)).toEqual(Array.from({ length: 10 }, (_, i) => `live/${i}`))
  })

  test('parkedPerClientMax: a reader that takes nothing is closed before publishers wait for it', async () => {
    const { broker, logger, publisher } = await replaying({ parkedPerClientMax: 3 })
    for (let i = 0; i < 10; i++) await publisher.publishAsync(`live/${i}`, 'x', { qos: 1 })
    await vi.waitFor(() =>
      expect(logger.lines.map(({ message }) => message).join()).toContain('parkedPerClientMax'),
    )
    await vi.waitFor(() => expect(broker.metrics().connections).toBe(1))
  })
})

describe('persistent sessions', () => {
  async function absent(broker: Awaited<ReturnType<typeof start>>, clientId: string): Promise<void> {
    const session = await connectAsync(broker.urls[0] ?? '', { clean: false, clientId, reconnectPeriod: 0 })
    await session.subscribeAsync('news/#', { qos: 1 })
    await session.endAsync()
  }

  test('keep what comes while the client is away, up to offlineQueueMax', async () => {
    const { broker, logger } = await limited({ offlineQueueMax: 3 })
    await absent(broker, 'reader')
    await vi.waitFor(() => expect(broker.metrics().connections).toBe(0))
    const publisher = await client(broker)
    for (let i = 0; i < 6; i++) await publisher.publishAsync(`news/${i}`, String(i), { qos: 1 })
    expect(logger.codes).toEqual(['E_BROKER_LIMIT'])
    expect(broker.metrics().dropped).toBe(3)
    const got: string[] = []
    const back = await connectAsync(broker.urls[0] ?? '', {
      clean: false,
      clientId: 'reader',
      reconnectPeriod: 0,
    })
    later(() => back.endAsync(true))
    back.on('message', (topic) => got.push(topic))
    await publisher.publishAsync('news/live', 'x', { qos: 1 })
    await vi.waitFor(() => expect([...got].sort()).toEqual(['news/0', 'news/1', 'news/2', 'news/live']))
  })

  test('offlineSessionsMax ends the longest absent', async () => {
    const { broker, logger } = await limited({ offlineSessionsMax: 2 })
    for (const id of ['a', 'b', 'c']) {
      await absent(broker, id)
      await vi.waitFor(() => expect(broker.metrics().connections).toBe(0))
    }
    await vi.waitFor(() => expect(broker.metrics().sessions).toBe(2))
    expect(logger.codes).toContain('E_BROKER_LIMIT')
    const connection = await raw(broker, 'a', { clean: false })
    expect(connection.received[0]).toMatchObject({ sessionPresent: false })
  })
})

describe('the limits themselves', () => {
  test('an unknown name or a senseless number is refused', () => {
    expect(() => limitsWith({ payloadMax: 1 } as object)).toThrow(/no limit named payloadMax/)
    expect(() => limitsWith({ payloadBytesMax: -1 })).toThrow(/payloadBytesMax/)
    expect(limitsWith({ payloadBytesMax: 1 })).toEqual({ ...LIMITS, payloadBytesMax: 1 })
  })
})
