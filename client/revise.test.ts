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

test('Who overwrites what it has not read publishes once more, with that in it', async () => {
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
    const mine = { moveAfter: '9s' }
    expect(read).toEqual([{}, { ...mine, lostGrace: '6s' }, { ...mine, lostGrace: '7s' }])
    expect(await one.config()).toEqual({ lostGrace: '7s', moveAfter: '9s' })
  } finally {
    for (const each of open.splice(0)) await each.close()
    await busy.close()
  }
})

test('All who change different settings at the same time have their way', async () => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => client()))
  await peer.say('config', { tenants: { all: { weight: 3 } } })
  const set = (one: Client, n: number) =>
    one.configure(({ tenants, ...rest }) => ({
      ...rest,
      tenants: { ...(tenants as object), [`t${n}`]: { weight: n + 1 } },
    }))
  await Promise.all(clients.map(set))
  const tenants = Object.fromEntries(clients.map((_, n) => [`t${n}`, { weight: n + 1 }]))
  expect(await clients[0]?.config()).toEqual({ tenants: { all: { weight: 3 }, ...tenants } })
})

test('Whose change another undoes without having seen it makes it once more', async () => {
  const topic = 'covey/v1/test/config'
  let undone = 0
  const busy = await startTestBroker({
    authorizePublish: (_client, packet, done) => {
      done(null)
      if (packet.topic !== topic || ++undone > 1) return
      const payload = '{"lostGrace":"6s","strategy":"dp"}'
      busy.aedes.subscribe(
        topic,
        (_packet, handled) => {
          handled()
          if (++undone > 2) return
          busy.aedes.publish({ cmd: 'publish', topic, payload, qos: 1, retain: true, dup: false }, () => {})
        },
        () => {},
      )
    },
  })
  try {
    const one = await client(busy.url)
    await one.configure((now) => ({ ...now, moveAfter: '9s' }))
    expect(await one.config()).toEqual({ lostGrace: '6s', strategy: 'dp', moveAfter: '9s' })
  } finally {
    for (const each of open.splice(0)) await each.close()
    await busy.close()
  }
})

test('Of two who replace everything at the same time one stands, and nothing of the other', async () => {
  const [a, b] = [await client(), await client()]
  await Promise.all([a.configure({ moveAfter: '8s' }), b.configure({ lostGrace: '2s' })])
  expect([{ moveAfter: '8s' }, { lostGrace: '2s' }]).toContainEqual(await a.config())
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
