/** Changes of what a real broker retains: alone, at the same time, and where it is refused. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Client } from './client.ts'
import { connect } from './connect.ts'
import { type Peer, startPeer, startTestBroker, type TestBroker } from './testing/mesh.ts'

let broker: TestBroker
let peer: Peer
const open: Client[] = []

beforeEach(async () => {
  broker = await startTestBroker()
  peer = await startPeer(broker.url, 'test')
})
afterEach(async () => {
  for (const client of open.splice(0)) await client.close()
  await peer.close()
  await broker.close()
})

async function client(url = broker.url): Promise<Client> {
  const one = await connect({ url, mesh: 'test' })
  open.push(one)
  return one
}

test('A change is made of what stands there, and {} takes it away', async () => {
  const one = await client()
  await one.configure({ lostGrace: '3s', strategy: 'best-fit' })
  await one.configure(({ strategy: _strategy, ...rest }) => rest)
  expect(await one.settings()).toEqual({ config: { lostGrace: '3s' } })
  await one.configure({})
  expect(await one.settings()).toEqual({})
})

test('What a coordinator would refuse is told with the reason, can be corrected, and counts as nothing set', async () => {
  await peer.say('config', { strategy: 'bestfit', lostGrace: '3s' })
  const one = await client()
  expect(await one.config()).toBeUndefined()
  expect(await one.settings()).toMatchObject({ fault: { path: '/strategy' } })
  await one.configure((now) => ({ ...now, strategy: 'best-fit' }))
  expect(await one.settings()).toEqual({ config: { strategy: 'best-fit', lostGrace: '3s' } })
})

test('Of wishes for a device only what a coordinator takes is handed on', async () => {
  const one = await client()
  await peer.say('devices/pi-1/desired', { cordon: 'yes' })
  await one.desire('pi-1', (now) => {
    expect(now).toEqual({})
    return { drain: true }
  })
  await one.desire('pi-1', (now) => ({ ...now, cordon: true }))
  expect(await one.devices()).toEqual([{ id: 'pi-1', desired: { drain: true, cordon: true } }])
  await one.desire('pi-1', {})
  expect(await one.devices()).toEqual([])
})

test('Who overwrites what it has not read makes its change once more, upon that', async () => {
  const topic = 'covey/v1/test/config'
  let others = ['{"lostGrace":"6s"}', '{"lostGrace":"7s"}']
  const busy = await startTestBroker({
    authorizePublish: (_client, packet, done) => {
      // The other is always a moment earlier, so that its message stands when ours overwrites it.
      const [payload, ...rest] = others
      if (packet.topic !== topic || payload === undefined) return done(null)
      others = rest
      busy.aedes.publish(
        { cmd: 'publish', topic, payload, qos: 1, retain: true, dup: false },
        (error?: Error | null) => done(error ?? null),
      )
    },
  })
  try {
    const one = await client(busy.url)
    const read: unknown[] = []
    await one.configure((now) => {
      read.push(now)
      return { ...now, moveAfter: '9s' }
    })
    expect(read).toEqual([{}, { lostGrace: '6s' }, { lostGrace: '7s' }])
    expect(await one.config()).toEqual({ lostGrace: '7s', moveAfter: '9s' })
  } finally {
    for (const each of open.splice(0)) await each.close()
    await busy.close()
  }
})

test('Two who change different settings at the same time both have their way', async () => {
  const [a, b] = [await client(), await client()]
  await Promise.all([
    a.configure((now) => ({ ...now, moveAfter: '8s' })),
    b.configure((now) => ({ ...now, lostGrace: '2s' })),
  ])
  expect(await a.config()).toEqual({ moveAfter: '8s', lostGrace: '2s' })
})

test('What is acknowledged and not kept is told as a refusal', async () => {
  const deaf = await startTestBroker({
    authorizePublish: (_client, packet, done) => {
      // As Mosquitto does with what its rules refuse.
      if (packet.topic.endsWith('/config')) packet.topic = 'nowhere'
      done(null)
    },
  })
  try {
    const one = await client(deaf.url)
    const refused = one.configure({ lostGrace: '3s' }, { timeoutMs: 1_000 })
    await expect(refused).rejects.toMatchObject({ code: 'E_BROKER_REFUSED' })
  } finally {
    for (const one of open.splice(0)) await one.close()
    await deaf.close()
  }
})
