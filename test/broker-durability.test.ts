/**
 * The promise of an acknowledgement: a broker that is killed at any moment has, when it starts again on the same
 * folder, every retained message it acknowledged.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import { generate, parser } from 'mqtt-packet'
import { expect, test } from 'vitest'
import { later, temporaryFolder } from './broker-harness.ts'

const ENTRY = fileURLToPath(new URL('../dist/broker/main.js', import.meta.url))
const KILLS = 20
const PUBLISHES = 1_000
const CONNECTIONS = 4

interface Child {
  readonly process: ChildProcess
  readonly port: number
}

async function startChild(data: string): Promise<Child> {
  const child = spawn(process.execPath, [ENTRY, JSON.stringify({ port: 0, data })], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  later(async () => child.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const { ready, port } = JSON.parse(line) as { ready: boolean; port: number }
  expect(ready).toBe(true)
  return { process: child, port }
}

/**
 * Sends publishes as fast as the socket takes them, keeping of each topic the versions sent and the last one that was
 * acknowledged. Resolves when all are acknowledged or the connection has ended.
 */
function pipeline(
  port: number,
  clientId: string,
  publishes: [topic: string, version: number][],
  onAck: (at: number) => void,
) {
  return new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const incoming = parser()
    let acknowledged = 0
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    socket.on('data', (chunk) => incoming.parse(chunk))
    incoming.on('packet', (packet) => {
      if (packet.cmd === 'connack') {
        for (const [i, [topic, version]] of publishes.entries()) {
          const payload = JSON.stringify({ version, pad: 'x'.repeat(200) })
          socket.write(
            generate({ cmd: 'publish', topic, payload, qos: 1, retain: true, dup: false, messageId: i + 1 }),
          )
        }
      }
      if (packet.cmd !== 'puback') return
      onAck((packet.messageId ?? 0) - 1)
      acknowledged += 1
      if (acknowledged === publishes.length) socket.end()
    })
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clientId,
        clean: true,
        keepalive: 0,
      }),
    )
  })
}

async function readAll(port: number): Promise<Map<string, number>> {
  const reader = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  const found = new Map<string, number>()
  const complete = new Promise<void>((resolve) => {
    reader.on('message', (topic, payload) => {
      // The broker sends what is retained before what is live, so the marker comes last.
      if (topic === 'marker') resolve()
      else found.set(topic, (JSON.parse(payload.toString()) as { version: number }).version)
    })
  })
  await reader.subscribeAsync('#', { qos: 0 })
  await reader.publishAsync('marker', 'end')
  await complete
  await reader.endAsync(true)
  return found
}

test(`kill -9 of the broker, ${KILLS} times, loses nothing that was acknowledged`, async () => {
  const data = await temporaryFolder()
  const sent = new Map<string, number>()
  const promised = new Map<string, number>()
  let acknowledged = 0
  let unacknowledged = 0
  for (let round = 0; round < KILLS; round++) {
    const { process: child, port } = await startChild(data)
    // A different moment each round, from the first acknowledgements to almost the last.
    const killAt = Math.floor(((round + 0.5) / KILLS) * PUBLISHES)
    let acknowledgedNow = 0
    const lines = Array.from({ length: CONNECTIONS }, (_, c) => {
      const publishes = Array.from({ length: PUBLISHES / CONNECTIONS }, (_, i): [string, number] => {
        const task = `t${c}-${i % 150}`
        const topic = `covey/v1/home/tasks/${task}/${i % 2 === 0 ? 'spec' : 'status'}`
        const version = (sent.get(topic) ?? 0) + 1
        sent.set(topic, version)
        return [topic, version]
      })
      return pipeline(port, `publisher-${c}`, publishes, (at) => {
        const [topic, version] = publishes[at] ?? ['', 0]
        promised.set(topic, Math.max(version, promised.get(topic) ?? 0))
        acknowledgedNow += 1
        if (acknowledgedNow === killAt) child.kill('SIGKILL')
      })
    })
    const dead = once(child, 'exit')
    await Promise.all(lines)
    await dead
    acknowledged += acknowledgedNow
    unacknowledged += PUBLISHES - acknowledgedNow

    const again = await startChild(data)
    const found = await readAll(again.port)
    const lost = [...promised].filter(([topic, version]) => (found.get(topic) ?? 0) < version)
    expect(lost).toEqual([])
    const invented = [...found].filter(([topic, version]) => version > (sent.get(topic) ?? 0))
    expect(invented).toEqual([])
    again.process.kill('SIGKILL')
    await once(again.process, 'exit')
  }
  // The kills must have hit publishes on their way, or this test shows nothing.
  expect(acknowledged).toBeGreaterThan(0)
  expect(unacknowledged).toBeGreaterThan(0)
  process.stdout.write(
    `durability: ${acknowledged} acknowledged, ${unacknowledged} not, 0 lost in ${KILLS} kills\n`,
  )
})

test('a broker that is asked to stop ends in order and with code 0', async () => {
  const data = await temporaryFolder()
  const { process: child, port } = await startChild(data)
  const publisher = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  await publisher.publishAsync('kept', JSON.stringify({ version: 1 }), { qos: 1, retain: true })
  child.kill('SIGTERM')
  const [code] = (await once(child, 'exit')) as [number | null]
  expect(code).toBe(0)
  await publisher.endAsync(true)
  const again = await startChild(data)
  expect((await readAll(again.port)).get('kept')).toBe(1)
})
