/** Nothing a client sends may end the process or disturb the others. */
import fc from 'fast-check'
import { generate } from 'mqtt-packet'
import { expect, test, vi } from 'vitest'
import { client, connectPacket, inbox, publishPacket, raw, rawSocket, start } from '../test/broker-harness.ts'

test('arbitrary bytes, before and after a CONNECT, only ever end their own connection', async () => {
  const broker = await start({ limits: { connectTimeoutMs: 20_000 } })
  const witness = await client(broker)
  const got = inbox(witness)
  await witness.subscribeAsync('witness')
  const valid = [
    connectPacket('x'),
    connectPacket('', { protocolVersion: 5 }),
    publishPacket('t', 'x', { qos: 1, messageId: 1 }),
    publishPacket('t', 'x', { qos: 2, messageId: 1 }),
    generate({ cmd: 'pubrel', messageId: 1 }),
    generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 2 }] }),
    generate({ cmd: 'unsubscribe', messageId: 1, unsubscriptions: ['#', 'nothing'] }),
    generate({ cmd: 'puback', messageId: 9 }),
    generate({ cmd: 'pingreq' }),
  ]
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
    fc
      .tuple(fc.constantFrom(...valid), fc.nat(), fc.integer({ min: 0, max: 255 }))
      .map(([packet, at, value]) => {
        const broken = Buffer.from(packet)
        broken[at % broken.length] = value
        return broken
      }),
    fc
      .tuple(fc.constantFrom(...valid), fc.nat())
      .map(([packet, at]) => packet.subarray(0, at % packet.length)),
    fc.constantFrom(...valid),
  )
  let round = 0
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(bytes, { minLength: 1, maxLength: 8 }),
      async (connected, pieces) => {
        const connection = connected ? await raw(broker, 'hostile') : rawSocket(broker)
        connection.socket.end(Buffer.concat(pieces))
        await vi.waitFor(() => expect(connection.closed).toBe(true), { interval: 2 })
        round += 1
        await witness.publishAsync('witness', String(round), { qos: 1 })
      },
    ),
    { numRuns: 150 },
  )
  await vi.waitFor(() => expect(got.at(-1)).toBe(`witness ${round}`))
  expect(got).toHaveLength(round)
})

test('ids and topics that name inherited properties are ordinary ids and topics', async () => {
  const broker = await start()
  const odd = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
  const clients = await Promise.all(odd.map((clientId) => client(broker, { clientId })))
  for (const [i, each] of clients.entries()) {
    const topic = odd[i] ?? ''
    const got = inbox(each)
    await each.subscribeAsync(topic, { qos: 1 })
    await each.publishAsync(topic, 'kept', { qos: 1, retain: true })
    await vi.waitFor(() => expect(got).toEqual([`${topic} kept`]))
  }
})

test('a second CONNECT on one connection ends it', async () => {
  const broker = await start()
  const connection = await raw(broker, 'twice')
  connection.socket.write(connectPacket('twice'))
  await vi.waitFor(() => expect(connection.closed).toBe(true))
})
