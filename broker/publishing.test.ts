import { generate } from 'mqtt-packet'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CoveyError } from '../shared/errors/errors.ts'
import {
  client,
  inbox,
  later,
  publishPacket,
  raw,
  recordingLogger,
  start,
  temporaryFolder,
} from '../test/broker-harness.ts'
import { startBroker } from './broker.ts'
import { type Change, Store } from './store.ts'

afterEach(() => vi.restoreAllMocks())

/** Holds or fails the commits of the store. */
function steerCommits() {
  const original = Store.prototype.commit
  let gate: Promise<void> = Promise.resolve()
  let failing = false
  const batches: string[][] = []
  vi.spyOn(Store.prototype, 'commit').mockImplementation(async function (
    this: Store,
    changes: readonly Change[],
  ) {
    batches.push(changes.map(({ topic }) => topic))
    await gate
    if (failing) throw new CoveyError('E_STORE_WRITE', 'no space left on device')
    await original.call(this, changes)
  })
  return {
    batches,
    hold(): () => void {
      let open = (): void => {}
      gate = new Promise((resolve) => {
        open = resolve
      })
      return open
    },
    fail: (now: boolean): void => {
      failing = now
    },
  }
}

describe('commit before acknowledgement', () => {
  test('no PUBACK and no delivery until the commit has ended; what comes behind it waits, other clients do not', async () => {
    const commits = steerCommits()
    const broker = await start({ data: await temporaryFolder() })
    const watcher = await client(broker)
    const got = inbox(watcher)
    await watcher.subscribeAsync('#', { qos: 1 })
    const open = commits.hold()
    const sender = await raw(broker, 'sender')
    const packets = [
      publishPacket('a', '1', { qos: 0 }),
      publishPacket('a', '2', { qos: 1, retain: true, messageId: 1 }),
      publishPacket('a', '3', { qos: 0 }),
      publishPacket('a', '4', { qos: 1, messageId: 2 }),
      publishPacket('a', '5', { qos: 2, messageId: 3 }),
    ]
    sender.socket.write(Buffer.concat(packets))
    await vi.waitFor(() => expect(commits.batches).toEqual([['a']]))
    await watcher.publishAsync('other', 'client', { qos: 1 })
    await vi.waitFor(() => expect(got).toEqual(['a 1', 'other client']))
    expect(sender.received.map(({ cmd }) => cmd)).toEqual(['connack'])
    expect(broker.metrics().commitsWaiting).toBe(1)
    open()
    await vi.waitFor(() => expect(got).toEqual(['a 1', 'other client', 'a 2', 'a 3', 'a 4', 'a 5']))
    await vi.waitFor(() =>
      expect(sender.received.map(({ cmd }) => cmd)).toEqual(['connack', 'puback', 'puback', 'pubrec']),
    )
  })

  test('a commit that fails acknowledges nothing, closes the publisher, and the broker goes on', async () => {
    const commits = steerCommits()
    const logger = recordingLogger()
    const data = await temporaryFolder()
    const broker = await startBroker({ port: 0, data, logger, limits: { storeRetryMs: 0 } })
    const watcher = await client(broker)
    const got = inbox(watcher)
    await watcher.subscribeAsync('#', { qos: 1 })
    commits.fail(true)
    const sender = await raw(broker, 'sender')
    sender.socket.write(
      Buffer.concat([
        publishPacket('a', '1', { qos: 1, retain: true, messageId: 1 }),
        publishPacket('b', '2', { qos: 1, messageId: 2 }),
        publishPacket('c', '3', { qos: 1, retain: true, messageId: 3 }),
      ]),
    )
    await vi.waitFor(() => expect(sender.closed).toBe(true))
    expect(sender.received.map(({ cmd }) => cmd)).toEqual(['connack'])
    expect(logger.codes).toEqual(['E_STORE_WRITE'])
    await watcher.publishAsync('not/retained', 'works', { qos: 1 })
    commits.fail(false)
    await watcher.publishAsync('kept', 'again', { qos: 1, retain: true })
    expect(broker.metrics()).toMatchObject({ retainedMessages: 1, commitFailures: 1 })
    await broker.close()
    const again = await start({ data })
    expect(again.metrics().retainedMessages).toBe(1)
    expect(got.filter((line) => line.startsWith('a') || line.startsWith('c'))).toEqual([])
  })

  test('what the disk missed while it failed is written when it works again', async () => {
    const commits = steerCommits()
    const data = await temporaryFolder()
    const broker = await startBroker({ port: 0, data, limits: { storeRetryMs: 0 } })
    const will = { topic: 'device/state', payload: Buffer.from('gone'), qos: 1 as const, retain: true }
    const dying = await raw(broker, 'dying', { will })
    const watcher = await client(broker)
    const got = inbox(watcher)
    await watcher.subscribeAsync('#', { qos: 1 })
    commits.fail(true)
    dying.socket.destroy()
    // A will has nobody to be refused to; those who live are told.
    await vi.waitFor(() => expect(got).toEqual(['device/state gone']))
    commits.fail(false)
    await watcher.publishAsync('kept', 'again', { qos: 1, retain: true })
    await broker.close()
    const again = await start({ data })
    expect(again.metrics().retainedMessages).toBe(2)
  })
})

describe('wills', () => {
  test('retained wills are committed', async () => {
    const data = await temporaryFolder()
    const broker = await startBroker({ port: 0, data })
    const will = { topic: 'device/state', payload: Buffer.from('gone'), qos: 1 as const, retain: true }
    const dying = await raw(broker, 'dying', { will })
    dying.socket.destroy()
    await vi.waitFor(() => expect(broker.metrics().commits).toBe(1))
    const alive = await raw(broker, 'alive', { will: { ...will, topic: 'other/state' } })
    // Closing the broker ends the connection too, and what its will says is on disk before close() resolves.
    await broker.close()
    await vi.waitFor(() => expect(alive.closed).toBe(true))
    const again = await start({ data })
    const reader = await client(again)
    const got = inbox(reader)
    await reader.subscribeAsync('#')
    await vi.waitFor(() => expect([...got].sort()).toEqual(['device/state gone', 'other/state gone']))
  })

  test('the will of a connection that is taken over comes before what its successor sends', async () => {
    const commits = steerCommits()
    const broker = await start({ data: await temporaryFolder() })
    const watcher = await client(broker)
    const got = inbox(watcher)
    await watcher.subscribeAsync('#', { qos: 1 })
    const will = { topic: 'seat/death', payload: Buffer.from('old'), qos: 1 as const, retain: true }
    await raw(broker, 'seat', { will })
    const open = commits.hold()
    const successor = await raw(broker, 'seat')
    successor.socket.write(publishPacket('seat/beacon', 'new'))
    await vi.waitFor(() => expect(commits.batches).toEqual([['seat/death']]))
    open()
    await vi.waitFor(() => expect(got).toEqual(['seat/death old', 'seat/beacon new']))
  })
})

describe('levels of service', () => {
  test('a QoS 2 publish is delivered once however often it is sent, until it is released', async () => {
    const broker = await start({ data: await temporaryFolder() })
    const watcher = await client(broker)
    const got = inbox(watcher)
    await watcher.subscribeAsync('#', { qos: 1 })
    const sender = await raw(broker, 'sender')
    const publish = publishPacket('t', 'once', { qos: 2, retain: true, messageId: 7 })
    const release = generate({ cmd: 'pubrel', messageId: 7 })
    sender.socket.write(Buffer.concat([publish, publish]))
    await vi.waitFor(() =>
      expect(sender.received.map(({ cmd }) => cmd)).toEqual(['connack', 'pubrec', 'pubrec']),
    )
    sender.socket.write(Buffer.concat([release, publish]))
    await vi.waitFor(() => expect(sender.received.slice(3).map(({ cmd }) => cmd)).toContain('pubcomp'))
    await vi.waitFor(() => expect(got).toEqual(['t once', 't once']))
  })

  test('a wildcard subscription of QoS 0 gets retained messages of QoS 1 at QoS 0 [MQTT-3.8.4-6]', async () => {
    const broker = await start()
    const publisher = await client(broker)
    await publisher.publishAsync('kept/1', 'x', { qos: 1, retain: true })
    const reader = await raw(broker, 'reader')
    reader.socket.write(
      generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'kept/+', qos: 0 }] }),
    )
    await vi.waitFor(() =>
      expect(reader.received.at(-1)).toMatchObject({ cmd: 'publish', qos: 0, retain: true }),
    )
  })

  test('a publish sent right before a disconnect is taken', async () => {
    const broker = await start({ data: await temporaryFolder() })
    const sender = await raw(broker, 'sender')
    const publish = publishPacket('kept', 'x', { retain: true })
    sender.socket.write(Buffer.concat([publish, generate({ cmd: 'disconnect' })]))
    later(async () => {})
    await vi.waitFor(() => expect(broker.metrics()).toMatchObject({ retainedMessages: 1, commits: 1 }))
  })
})
