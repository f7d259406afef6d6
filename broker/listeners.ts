/**
 * The doors: TCP and WebSocket, both with or without TLS. Each connection becomes a stream for aedes, or, when it
 * speaks HTTP, one for the server of artifacts.
 */
import { readFile } from 'node:fs/promises'
import { createServer as createHttp, type Server as HttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTls } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { CoveyError } from '../shared/errors/errors.ts'
import { type Complaints, limitReached } from './complaints.ts'
import type { Limits } from './limits.ts'
import { shareStream } from './port-sharing.ts'

/** Files in PEM. */
export interface TlsFiles {
  readonly key: string
  readonly cert: string
}

export interface ListenerOptions {
  readonly host: string
  readonly port: number
  readonly wsPort: number | undefined
  readonly tls: TlsFiles | undefined
  readonly limits: Limits
  readonly complaints: Complaints
  /** Whether a web page of any origin may connect. Only right when clients have to give a password. */
  readonly anyOrigin: boolean
  /** Further origins allowed to connect over WebSocket, like `https://ops.example.org`. */
  readonly origins: readonly string[]
  readonly onStream: (stream: Duplex, request?: IncomingMessage) => void
  /** Answers HTTP on both ports; it listens nowhere itself. */
  readonly requests: HttpServer
}

export interface Listeners {
  readonly port: number
  readonly wsPort: number | undefined
  /** Connections open now. */
  readonly connections: () => number
  readonly accepted: () => number
  /** Takes no more connections. */
  stop(): void
  /** Ends those still open; resolves when the ports are free. */
  close(): Promise<void>
}

/** A silent peer is asked for a sign of life by TCP itself after this; it matters to clients without keep-alive. */
const TCP_KEEPALIVE_MS = 60_000

/** @throws CoveyError E_PORT when a port cannot be opened, E_USAGE when a TLS file cannot be used. */
export async function openListeners(options: ListenerOptions): Promise<Listeners> {
  const sockets = new Set<Socket>()
  let accepted = 0
  /** Counts every raw connection, before any handshake. */
  const admit = (socket: Socket): void => {
    if (sockets.size >= options.limits.connectionsMax) {
      options.complaints.about(limitReached('connectionsMax', 'a connection was turned away'), {
        address: socket.remoteAddress,
      })
      socket.destroy()
      return
    }
    accepted += 1
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    // Without it every small exchange waits for the peer's delayed acknowledgement: 40 ms.
    socket.setNoDelay(true)
    socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
  }

  const tls = options.tls === undefined ? undefined : await readTls(options.tls)
  const servers: Server[] = []
  const open = async (server: Server, port: number): Promise<number> => {
    await listen(server, port, options.host)
    servers.push(server)
    return (server.address() as AddressInfo).port
  }
  const stop = (): void => {
    for (const server of servers) if (server.listening) server.close()
  }
  try {
    const port = await open(mqttServer(options, tls, admit), options.port)
    const { wsPort } = options
    return {
      port,
      wsPort: wsPort === undefined ? undefined : await open(webSocketServer(options, tls, admit), wsPort),
      connections: () => sockets.size,
      accepted: () => accepted,
      stop,
      async close() {
        const closed = servers.map(
          (server) => new Promise<void>((resolve) => server.once('close', () => resolve())),
        )
        const open = servers.map((server) => server.listening)
        stop()
        for (const socket of sockets) socket.destroy()
        await Promise.all(closed.filter((_, i) => open[i]))
      },
    }
  } catch (error) {
    stop()
    throw error
  }
}

type TlsMaterial = { key: Buffer; cert: Buffer }

function mqttServer(
  options: ListenerOptions,
  tls: TlsMaterial | undefined,
  admit: (socket: Socket) => void,
): Server {
  if (tls === undefined) {
    return createServer({ noDelay: true }, (socket) => {
      admit(socket)
      if (!socket.destroyed) share(socket, options)
    })
  }
  const server = createTls({ ...tls, noDelay: true, handshakeTimeout: options.limits.connectTimeoutMs })
  server.on('connection', admit)
  server.on('secureConnection', (socket) => {
    socket.setNoDelay(true)
    share(socket, options)
  })
  server.on('tlsClientError', (cause, socket) => {
    options.complaints.about(new CoveyError('E_PACKET', 'a TLS handshake failed', { cause }), {
      address: socket.remoteAddress,
    })
    socket.destroy()
  })
  return server
}

function share(socket: Socket, { limits, complaints, requests, onStream }: ListenerOptions): void {
  shareStream(socket, limits.connectTimeoutMs, {
    mqtt: onStream,
    http: (stream) => requests.emit('connection', stream),
    silent: () => {
      const { remoteAddress: address } = socket
      complaints.about(limitReached('connectTimeoutMs', 'no CONNECT came in time'), { address })
    },
  })
}

function webSocketServer(
  options: ListenerOptions,
  tls: TlsMaterial | undefined,
  admit: (socket: Socket) => void,
): Server {
  const { connectTimeoutMs, payloadBytesMax } = options.limits
  const timeouts = {
    headersTimeout: connectTimeoutMs,
    requestTimeout: connectTimeoutMs + options.limits.artifactTransferMs,
    connectionsCheckingInterval: Math.max(50, Math.min(connectTimeoutMs, 5_000)),
    noDelay: true,
  }
  const server =
    tls === undefined
      ? createHttp(timeouts)
      : createHttps({ ...timeouts, ...tls, handshakeTimeout: connectTimeoutMs })
  server.on('connection', admit)
  server.on('checkContinue', (request, response) => server.emit('request', request, response))
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/sha256/') === true) options.requests.emit('request', request, response)
    else response.writeHead(426, { connection: 'close' }).end('This is the MQTT port for WebSocket clients\n')
  })
  // A frame may hold several packets; twice the largest is room enough.
  const webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: 2 * payloadBytesMax + 65_536,
    perMessageDeflate: false,
    handleProtocols: () => 'mqtt',
  })
  server.on('upgrade', (request, socket: Duplex, head) => {
    const refusal = refuseUpgrade(request, options)
    if (refusal !== undefined) {
      const { remoteAddress } = request.socket
      options.complaints.about(refusal.error, { address: remoteAddress, origin: request.headers.origin })
      socket.on('error', () => {})
      socket.end(`HTTP/1.1 ${refusal.status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      options.onStream(createWebSocketStream(webSocket), request)
    })
  })
  return server
}

function refuseUpgrade(
  { headers }: IncomingMessage,
  options: ListenerOptions,
): { status: string; error: CoveyError } | undefined {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  if (!offered.includes('mqtt')) {
    const error = new CoveyError(
      'E_PACKET',
      'a WebSocket client did not offer the subprotocol mqtt [MQTT-6.0.0-3]',
    )
    return { status: '400 Bad Request', error }
  }
  if (options.anyOrigin || isTrustedOrigin(headers.origin, headers.host, options.origins)) return undefined
  const error = new CoveyError(
    'E_DENIED',
    `web pages of ${headers.origin} may not connect without a password`,
    {
      remedy: 'Give --passwords FILE, or allow the origin',
    },
  )
  return { status: '403 Forbidden', error }
}

/**
 * Whether a connection from a web page is harmless without a password. Any page in a user's browser can reach a
 * port on this machine, and a task is a command: so the page must come from this machine, from the address it
 * connects to (as an IP address: a name could have been rebound), or from an origin the operator named.
 */
export function isTrustedOrigin(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined || allowed.includes(origin)) return true
  if (!URL.canParse(origin)) return false
  const name = new URL(origin).hostname
  if (isLoopback(name)) return true
  const own =
    host !== undefined && URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined
  return name === own && isIP(name.replace(/^\[|\]$/g, '')) !== 0
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host === '::1' ||
    host === '[::1]' ||
    (isIP(host) === 4 && host.startsWith('127.'))
  )
}

async function readTls({ key, cert }: TlsFiles): Promise<TlsMaterial> {
  const read = async (file: string): Promise<Buffer> => {
    try {
      return await readFile(file)
    } catch (cause) {
      throw new CoveyError('E_USAGE', `the TLS file ${file} cannot be read`, {
        cause,
        remedy: 'Correct its path',
      })
    }
  }
  const material = { key: await read(key), cert: await read(cert) }
  try {
    createTls(material)
  } catch (cause) {
    const remedy = 'Give a key and its certificate, both in PEM'
    throw new CoveyError('E_USAGE', `${key} and ${cert} are no usable TLS key and certificate`, {
      cause,
      remedy,
    })
  }
  return material
}

/** Resolves when the server listens. @throws CoveyError E_PORT */
export function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: NodeJS.ErrnoException): void => {
      reject(
        new CoveyError('E_PORT', `${host}:${port} cannot be opened: ${cause.code ?? cause.message}`, {
          cause,
        }),
      )
    }
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      // Running out of file descriptors shows here; the connections that exist go on.
      server.on('error', () => {})
      resolve()
    })
  })
}
