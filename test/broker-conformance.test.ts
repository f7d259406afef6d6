/**
 * Real brokers against the table of behaviours that the simulator's virtual ones fulfil
 * (`simulations/conformance/`): what is simulated is what is there.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet'
import { describe, expect, it, vi } from 'vitest'
import { VARIANTS } from '../simulations/broker/variants.ts'
import {
  BEHAVIOURS,
  type Bed,
  type ConnectOptions,
  type ScriptClient,
} from '../simulations/conformance/behaviours.ts'
import { connectPacket, later, publishPacket, start, temporaryFolder } from './broker-harness.ts'
import { requires } from './requires.ts'

const mosquitto = requires('mosquitto')
const nats = requires('nats')
/** Mosquitto looks for silent clients every few seconds. */
const UNTIL_MS_MAX = 60_000
const LOOK_EVERY_MS = 2

/** A client on a socket of its own: it pings nobody and does nothing by itself but acknowledge. */
class SocketClient implements ScriptClient {
  readonly log: string[] = []
  up = false
  readonly #socket: Socket
  #held: number[] | undefined
  #ids = 0

  constructor(port: number, name: string, options: ConnectOptions) {
    const { id = name, will, keepAliveSeconds = 60, holdAcks = false } = options
    this.#held = holdAcks ? [] : undefined
    this.#socket = connect(port, '127.0.0.1').setNoDelay()
    const incoming = parser()
    incoming.on('packet', (packet) => this.#take(packet))
    this.#socket.on('data', (chunk) => incoming.parse(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.log.push('closed'))
    const last = { topic: 'wills', payload: Buffer.from(will ?? ''), qos: 1, retain: false } as const
    this.#socket.write(
      connectPacket(id, { keepalive: keepAliveSeconds, ...(will === undefined ? {} : { will: last }) }),
    )
    later(async () => this.#socket.destroy())
  }

  #take(packet: Packet): void {
    if (packet.cmd === 'connack') this.up = packet.returnCode === 0
    else if (packet.cmd === 'suback' || packet.cmd === 'puback') this.log.push(packet.cmd)
    else if (packet.cmd === 'publish') this.#took(packet)
  }

  #took({ topic, payload, retain, qos, messageId = 0 }: IPublishPacket): void {
    this.log.push(`${topic}=${payload}${retain ? ' retained' : ''}${qos === 1 ? ' qos1' : ''}`)
    if (qos === 0) return
    if (this.#held === undefined) this.#socket.write(generate({ cmd: 'puback', messageId }))
    else this.#held.push(messageId)
  }

  subscribe(filter: string, qos: 0 | 1 = 1): void {
    const subscriptions = [{ topic: filter, qos }]
    this.#socket.write(generate({ cmd: 'subscribe', messageId: ++this.#ids, subscriptions }))
  }
  publish(topic: string, text: string, options: { qos?: 0 | 1; retain?: boolean } = {}): void {
    this.#socket.write(publishPacket(topic, text, { ...options, messageId: ++this.#ids }))
  }
  disconnect(): void {
    this.#socket.end(generate({ cmd: 'disconnect' }))
  }
  drop(): void {
    this.#socket.destroy()
  }
  /** It never pings anyway. */
  silence(): void {}
  releaseAcks(): void {
    for (const messageId of this.#held ?? []) this.#socket.write(generate({ cmd: 'puback', messageId }))
    this.#held = undefined
  }
}

function socketBed(port: number, variant: Bed['variant']): Bed {
  const until: Bed['until'] = (client, condition) =>
    vi.waitFor(() => expect(condition(), `saw ${client.log.slice(-20).join(', ')}`).toBe(true), {
      timeout: UNTIL_MS_MAX,
      interval: LOOK_EVERY_MS,
    })
  return {
    variant,
    until,
    async connect(name, options = {}) {
      const client = new SocketClient(port, name, options)
      await until(client, () => client.up)
      return client
    },
  }
}

async function embedded(): Promise<number> {
  return (await start({ data: await temporaryFolder() })).port
}

async function stockAedes(): Promise<number> {
  const aedes = await Aedes.createBroker()
  const server = createServer((socket) => aedes.handle(socket.setNoDelay()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  later(async () => {
    const closed = once(server, 'close')
    server.close()
    await new Promise<void>((resolve) => aedes.close(() => resolve()))
    await closed
  })
  return (server.address() as AddressInfo).port
}

/** Mosquitto as it comes, but open to this machine: limits are its own. */
async function stockMosquitto(): Promise<number> {
  const free = createServer()
  await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve))
  const { port } = free.address() as AddressInfo
  await new Promise<void>((resolve) => free.close(() => resolve()))
  const file = join(await temporaryFolder(), 'mosquitto.conf')
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n`)
  await said(spawn(mosquitto.path, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] }), / running/)
  return port
}

/** NATS alone with JetStream, which its MQTT needs. */
async function stockNats(): Promise<number> {
  const folder = await temporaryFolder()
  const file = join(folder, 'nats.conf')
  const settings = [
    'server_name: conformance',
    'host: "127.0.0.1"',
    'port: -1',
    `jetstream { store_dir: ${JSON.stringify(folder)} }`,
    'mqtt { host: "127.0.0.1", port: -1 }',
  ]
  writeFileSync(file, settings.join('\n'))
  const child = spawn(nats.path, ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  const text = await said(child, /Server is ready/)
  return Number(/mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1])
}

/** Waits until a program has said on standard error what it says when it is ready; it is killed after the test. */
async function said(child: ChildProcess, ready: RegExp): Promise<string> {
  later(async () => {
    if (child.exitCode !== null) return
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  })
  let text = ''
  child.stderr?.on('data', (chunk) => {
    text += chunk
  })
  await vi.waitFor(() => expect(text).toMatch(ready), { timeout: UNTIL_MS_MAX })
  return text
}

const behaves = (open: () => Promise<number>, variant: Bed['variant']): void => {
  it.each(BEHAVIOURS)('$what', async ({ run }) => {
    const { seen, expected } = await run(socketBed(await open(), variant))
    expect(seen).toEqual(expected)
  })
}

describe('the embedded broker', () => behaves(embedded, VARIANTS.covey))
describe('stock aedes', () => behaves(stockAedes, VARIANTS.aedes))
describe.skipIf(!mosquitto.available)('stock Mosquitto', () => behaves(stockMosquitto, VARIANTS.mosquitto))
describe.skipIf(!nats.available)('NATS', () => behaves(stockNats, VARIANTS.nats))
