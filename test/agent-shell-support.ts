/** A bare broker and a few observers for the tests of the agent's shell. */
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Aedes } from 'aedes'
import { vi } from 'vitest'
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
export function until<T>(read: () => T, what: string, limitMs = 60_000): Promise<NonNullable<T>> {
  return vi.waitFor(
    () => {
      const value = read()
      if (value === undefined || value === null || value === false)
        throw new Error(`waited in vain for ${what}`)
      return value
    },
    { timeout: limitMs, interval: 5 },
  )
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

/** A key and certificate for localhost that sign themselves; they protect nothing but the tests. */
export const TEST_TLS = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7QTXLThQRhZwsflZ
sSfYomOh2SMJ6z6S/da4NDh8yiOhRANCAARBsrOnsG3dLUkF0QZavDrzJkxV6zx9
LbolNwwJrgE9Q4npVVvWFPH+1298wxmCLDjqbfIYXJEeuspWplWXp3Yq
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUbqwVbbu/FDfAut450f/uSEj+ZcMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE3MzE1MVoYDzIxMjYxMDI5
MTczMTUxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARBsrOnsG3dLUkF0QZavDrzJkxV6zx9LbolNwwJrgE9Q4npVVvWFPH+
1298wxmCLDjqbfIYXJEeuspWplWXp3Yqo28wbTAdBgNVHQ4EFgQUOkq971sSGiQB
JsFum1YVYtO7R/0wHwYDVR0jBBgwFoAUOkq971sSGiQBJsFum1YVYtO7R/0wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgYyd/tnYx7DgSu0J3LCPQplch3X+cyLhj0rwVgER9bBUCIQDh
M6WarP4qxgM95XDsbeZJ/2aOT5amXtm7ABWhM3YRMA==
-----END CERTIFICATE-----
`,
}
