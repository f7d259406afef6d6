/** One MQTT connection against a server that answers a CONNECT and nothing else. */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { generate, parser } from 'mqtt-packet'
import { afterEach, expect, test } from 'vitest'
import { parseBrokerUrl } from './broker-url.ts'
import { type Connection, ConnectionLost, openConnection } from './connection.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** A connection whose server closes it when the first packet of that kind arrives. */
async function open(closesOn: string): Promise<Connection> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    const incoming = parser()
    incoming.on('packet', ({ cmd }) => {
      if (cmd === 'connect') socket.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }))
      if (cmd === closesOn) socket.destroy()
    })
    socket.on('data', (chunk) => incoming.parse(chunk))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const url = parseBrokerUrl(`mqtt://127.0.0.1:${port}`)
  const connection = await openConnection(
    { url, clientId: 'covey-test', timeoutMs: 5_000 },
    { message: () => {}, lost: () => {} },
  )
  undo.push(() => connection.close())
  return connection
}

test.each<[string, (connection: Connection) => Promise<void>]>([
  ['subscribe', (connection) => connection.subscribe('a', 1)],
  ['unsubscribe', (connection) => connection.unsubscribe('a')],
  ['publish', (connection) => connection.publish('a', 'x', 1, false)],
])('A connection lost while a %s is under way is lost, and no denial', async (kind, exchange) => {
  const connection = await open(kind)
  await expect(exchange(connection)).rejects.toBeInstanceOf(ConnectionLost)
})
