/** A broker, clients and raw connections for tests; everything is undone after each test. */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet'
import { afterEach, expect, vi } from 'vitest'
import { type BrokerOptions, type RunningBroker, startBroker } from '../broker/broker.ts'
import type { Logger } from '../broker/complaints.ts'

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

export function later(step: () => Promise<unknown>): void {
  undo.push(step)
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'covey-broker-'))
  later(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function start(options: BrokerOptions = {}): Promise<RunningBroker> {
  const broker = await startBroker({ port: 0, ...options })
  later(() => broker.close())
  return broker
}

export async function client(broker: RunningBroker, options: IClientOptions = {}): Promise<MqttClient> {
  const connected = await connectAsync(broker.urls[0] ?? '', { reconnectPeriod: 0, ...options })
  connected.on('error', () => {})
  later(() => connected.endAsync(true))
  return connected
}

/** Collects `topic payload` of every message. */
export function inbox(of: MqttClient): string[] {
  const got: string[] = []
  of.on('message', (topic, payload) => got.push(`${topic} ${payload}`))
  return got
}

export interface Raw {
  readonly socket: Socket
  readonly received: Packet[]
  /** Whether the broker has ended the connection. */
  closed: boolean
}

/** A connection that says nothing by itself. */
export function rawSocket(broker: RunningBroker): Raw {
  const socket = connectTcp(broker.port, broker.host)
  const incoming = parser()
  const raw: Raw = { socket, received: [], closed: false }
  incoming.on('packet', (packet) => raw.received.push(packet))
  incoming.on('error', () => {})
  socket.on('data', (chunk) => incoming.parse(chunk))
  socket.on('error', () => {})
  socket.on('close', () => {
    raw.closed = true
  })
  later(async () => socket.destroy())
  return raw
}

export function connectPacket(clientId: string, options: Partial<IConnectPacket> = {}): Buffer {
  const base = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 } as const
  return generate({ ...base, clientId, ...options })
}

/** A connection that has its CONNACK. */
export async function raw(
  broker: RunningBroker,
  clientId: string,
  options: Partial<IConnectPacket> = {},
): Promise<Raw> {
  const connection = rawSocket(broker)
  connection.socket.write(connectPacket(clientId, options))
  await vi.waitFor(() => expect(connection.received.map(({ cmd }) => cmd)).toContain('connack'), {
    interval: 2,
  })
  return connection
}

export function publishPacket(
  topic: string,
  payload: string | Buffer,
  options: { qos?: 0 | 1 | 2; retain?: boolean; messageId?: number } = {},
): Buffer {
  const { qos = 0, retain = false, messageId } = options
  return generate({
    cmd: 'publish',
    topic,
    payload,
    qos,
    retain,
    dup: false,
    ...(qos > 0 ? { messageId } : {}),
  })
}

/** Codes of what was logged, with the fields. */
export function recordingLogger(): Logger & {
  readonly codes: string[]
  readonly lines: { level: string; message: string }[]
} {
  const codes: string[] = []
  const lines: { level: string; message: string }[] = []
  const write = (level: string) => (fields: object, message: string) => {
    const { code } = fields as { code?: string }
    if (code !== undefined) codes.push(code)
    lines.push({ level, message })
  }
  return {
    codes,
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
}
