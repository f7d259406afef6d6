/** A bare broker and a few observers for the tests of the agent's shell. */
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Aedes } from 'aedes'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Log } from '../agent/shell/log.ts'
import type { AgentInput } from '../shared/ports.ts'

export interface BareBroker {
  readonly aedes: Aedes
  readonly port: number
  /** Every socket that is open now. */
  readonly sockets: ReadonlySet<Socket>
  close(): Promise<void>
}

export interface BareBrokerOptions {
  readonly tls?: { readonly key: string; readonly cert: string }
  readonly webSocket?: boolean
  readonly port?: number
}

export async function startBareBroker(options: BareBrokerOptions = {}): Promise<BareBroker> {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  const server = listener(aedes, options)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    aedes,
    port: (server.address() as AddressInfo).port,
    sockets,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    },
  }
}

function listener(aedes: Aedes, options: BareBrokerOptions): Server {
  if (options.tls !== undefined) return createTlsServer(options.tls, (socket) => aedes.handle(socket))
  if (options.webSocket !== true) return createServer((socket) => aedes.handle(socket))
  const http = createHttpServer()
  const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'mqtt' })
  sockets.on('connection', (socket, request) => aedes.handle(createWebSocketStream(socket), request))
  return http
}

const CONNACK = Buffer.from([0x20, 2, 0, 0])

/** A listener on which nobody answers: it accepts connections, at most acknowledges a CONNECT, and stays silent. */
export async function startSilentServer(connack = false): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    if (connack) socket.once('data', () => socket.write(CONNACK))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Waits until `read` gives something other than undefined or false. */
export async function until<T>(read: () => T, what: string, limitMs = 10_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const value = read()
    if (value !== undefined && value !== null && value !== false) return value
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Collects inputs and waits for one. */
export class InputRecorder {
  readonly inputs: AgentInput[] = []
  readonly emit = (input: AgentInput): void => {
    this.inputs.push(input)
  }

  of<K extends AgentInput['in']>(kind: K): Extract<AgentInput, { in: K }>[] {
    return this.inputs.filter((input): input is Extract<AgentInput, { in: K }> => input.in === kind)
  }

  /** The `count`-th input of that kind. */
  wait<K extends AgentInput['in']>(kind: K, count = 1): Promise<Extract<AgentInput, { in: K }>> {
    return until(() => this.of(kind)[count - 1], `input ${kind} number ${count}`) as Promise<
      Extract<AgentInput, { in: K }>
    >
  }
}

export interface RecordedLog extends Log {
  readonly lines: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[]
}

export function recordLog(): RecordedLog {
  const lines: RecordedLog['lines'] = []
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ level, message, fields })
  }
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
