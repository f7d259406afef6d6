import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connectAsync, type IClientOptions } from 'mqtt'
import { generate } from 'mqtt-packet'
import { describe, expect, test, vi } from 'vitest'
import { client, inbox, later, raw, recordingLogger, start, temporaryFolder } from '../test/broker-harness.ts'
import { startBroker } from './broker.ts'
import { removeUser, setPassword } from './passwords.ts'

async function guarded() {
  const passwords = join(await temporaryFolder(), 'passwords')
  await setPassword(passwords, { user: 'pi', role: 'coordinator', device: 'pi-7' }, 'pi-secret')
  await setPassword(passwords, { user: 'pi8', role: 'device', device: 'pi-8' }, 'pi8-secret')
  await setPassword(passwords, { user: 'sam', role: 'submitter' }, 'sam-secret')
  await setPassword(passwords, { user: 'ann', role: 'operator' }, 'ann-secret')
  const logger = recordingLogger()
  const broker = await start({ passwords, logger })
  const as = (username: string, options: IClientOptions = {}) =>
    client(broker, { username, password: `${username}-secret`, ...options })
  return { broker, logger, as, passwords }
}

describe('who may connect', () => {
  test('beyond this machine only with credentials, or when told that it is insecure', async () => {
    await expect(startBroker({ host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'E_INSECURE' })
    const broker = await start({ host: '0.0.0.0', port: 0, insecure: true })
    expect(broker.port).toBeGreaterThan(0)
  })

  test('a wrong password, no password and an unknown user are refused alike', async () => {
    const { broker, logger } = await guarded()
    const url = broker.urls[0] ?? ''
    for (const options of [{ username: 'sam', password: 'x' }, {}, { username: 'nobody', password: 'x' }]) {
      await expect(connectAsync(url, { reconnectPeriod: 0, ...options })).rejects.toMatchObject({ code: 4 })
    }
    expect(logger.codes).toEqual(['E_BROKER_REFUSED', 'E_BROKER_REFUSED', 'E_BROKER_REFUSED'])
    expect(broker.metrics().denied).toBe(3)
  })

  test('the seat needs the coordinator role, an agent its own device, a will its right to be published', async () => {
    const { as } = await guarded()
    const refused = { code: 5 }
    await expect(as('pi8', { clientId: 'covey-home-seat' })).rejects.toMatchObject(refused)
    await expect(as('pi8', { clientId: 'covey-home-agent-pi-7' })).rejects.toMatchObject(refused)
    const will = {
      topic: 'covey/v1/home/devices/pi-7/state',
      payload: Buffer.from('{}'),
      qos: 1,
      retain: true,
    } as const
    await expect(as('pi8', { will })).rejects.toMatchObject(refused)
    await as('pi8', { clientId: 'covey-home-agent-pi-8' })
    await as('pi', { clientId: 'covey-home-seat' })
  })

  test('a client id in use is not taken over by another user, but by the same', async () => {
    const { as } = await guarded()
    const first = await as('sam', { clientId: 'desk' })
    await expect(as('ann', { clientId: 'desk' })).rejects.toMatchObject({ code: 2 })
    const closed = vi.fn()
    first.on('close', closed)
    await as('sam', { clientId: 'desk' })
    await vi.waitFor(() => expect(closed).toHaveBeenCalled())
  })

  test('a removed user is put out, and a malformed file leaves everything as it was', async () => {
    const { as, passwords, logger } = await guarded()
    const sam = await as('sam')
    const ann = await as('ann')
    const closed = vi.fn()
    sam.on('close', closed)
    await appendFile(passwords, 'nonsense\n')
    await vi.waitFor(() => expect(logger.codes).toContain('E_USAGE'))
    expect(closed).not.toHaveBeenCalled()
    await writeFile(passwords, '')
    await setPassword(passwords, { user: 'sam', role: 'submitter' }, 'x')
    await setPassword(passwords, { user: 'ann', role: 'operator' }, 'ann-secret')
    await removeUser(passwords, 'sam')
    await vi.waitFor(() => expect(closed).toHaveBeenCalled())
    expect(ann.connected).toBe(true)
  })
})

describe('what a client may do', () => {
  test('a denied publish is not delivered, is logged and closes the connection', async () => {
    const { broker, as, logger } = await guarded()
    const ann = await as('ann')
    const got = inbox(ann)
    await ann.subscribeAsync('covey/v1/home/#', { qos: 1 })
    for (const qos of [0, 1] as const) {
      const sam = await as('sam')
      const closed = vi.fn()
      sam.on('close', closed)
      sam.publish('covey/v1/home/tasks/t/status', '{}', { qos, retain: true })
      await vi.waitFor(() => expect(closed).toHaveBeenCalled())
    }
    const sam = await as('sam')
    await sam.publishAsync('covey/v1/home/tasks/t/spec', '{}', { qos: 1, retain: true })
    await vi.waitFor(() => expect(got).toEqual(['covey/v1/home/tasks/t/spec {}']))
    expect(logger.codes).toEqual(['E_DENIED', 'E_DENIED'])
    expect(broker.metrics()).toMatchObject({ denied: 2, retainedMessages: 1 })
  })

  test('a denied subscription gets 0x80 and the others of the packet are granted', async () => {
    const { broker } = await guarded()
    const sam = await raw(broker, 'x', { username: 'sam', password: Buffer.from('sam-secret') })
    const filters = ['covey/v1/home/events', '#', 'covey/v1/home/tasks/+/status']
    const subscriptions = filters.map((topic) => ({ topic, qos: 1 as const }))
    sam.socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions }))
    await vi.waitFor(() => expect(sam.received.at(-1)).toMatchObject({ cmd: 'suback', granted: [1, 128, 1] }))
  })

  // The belief: aedes stores all filters of a SUBSCRIBE in a session as soon as one of them is granted, and keeps
  // messages of the refused ones for the client.
  test('a refused filter is not kept in a persistent session either', async () => {
    const { as } = await guarded()
    const session = { clientId: 'sly', clean: false }
    const sam = await as('sam', session)
    await sam
      .subscribeAsync({ 'covey/v1/home/events': { qos: 1 }, 'covey/v1/home/devices/pi-7/inbox': { qos: 1 } })
      .catch(() => {})
    await sam.endAsync()
    const seat = await as('pi', { clientId: 'covey-home-seat' })
    await seat.publishAsync('covey/v1/home/devices/pi-7/inbox', 'secret', { qos: 1 })
    await seat.publishAsync('covey/v1/home/events', 'public', { qos: 1 })
    const got: string[] = []
    const back = await connectAsync(`mqtt://127.0.0.1:${seat.options.port}`, {
      ...session,
      username: 'sam',
      password: 'sam-secret',
      reconnectPeriod: 0,
    })
    later(() => back.endAsync(true))
    back.on('message', (topic, payload) => got.push(`${topic} ${payload}`))
    await vi.waitFor(() => expect(got).toEqual(['covey/v1/home/events public']))
  })
})

describe('without credentials', () => {
  test('a topic the protocol does not know closes at QoS 1, and is dropped at QoS 0', async () => {
    const logger = recordingLogger()
    const broker = await start({ logger })
    const subscriber = await client(broker)
    const got = inbox(subscriber)
    await subscriber.subscribeAsync('#')
    const topic = 'covey/v1/home/tasks/../x/spec'
    const first = await client(broker)
    await first.publishAsync(topic, '{}', { qos: 0 })
    await first.publishAsync('elsewhere', 'alive', { qos: 1 })
    const second = await client(broker)
    const closed = vi.fn()
    second.on('close', closed)
    second.publish(topic, '{}', { qos: 1, retain: true })
    await vi.waitFor(() => expect(closed).toHaveBeenCalled())
    expect(logger.codes).toEqual(['E_TOPIC', 'E_TOPIC'])
    expect(got).toEqual(['elsewhere alive'])
    expect(broker.metrics()).toMatchObject({ retainedMessages: 0, dropped: 2 })
  })
})
