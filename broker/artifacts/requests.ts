/**
 * Artifacts over HTTP, for whoever may connect to the broker: `GET`, `HEAD`, `PUT` and `DELETE` of `/sha256/<digest>`,
 * and a list at `/sha256/`. User and password are those of MQTT, by Basic authentication (RFC 7617).
 *
 * A request has a connection of its own: it ends with the answer, so that nobody can keep it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { artifactAtPath } from '../../shared/artifacts/names.ts'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Complaints } from '../complaints.ts'
import type { Limits } from '../limits.ts'
import { isTrustedOrigin } from '../listeners.ts'
import type { Role, User } from '../passwords.ts'
import type { Guard } from '../security.ts'
import { type ArtifactStore, StoreRefusal, tooLarge } from './store.ts'

export interface RequestParts {
  /** `undefined` where there is no data folder to keep them in. */
  readonly store: ArtifactStore | undefined
  readonly guard: Guard
  readonly limits: Limits
  readonly complaints: Complaints
  /** Whether a web page of any origin may ask. Only right when clients have to give a password. */
  readonly anyOrigin: boolean
  readonly origins: readonly string[]
}

export type OnRequest = (request: IncomingMessage, response: ServerResponse) => void

type Method = 'GET' | 'HEAD' | 'PUT' | 'DELETE'

const MAY: Readonly<Record<Method, readonly Role[]>> = {
  GET: ['device', 'coordinator', 'submitter', 'operator'],
  HEAD: ['device', 'coordinator', 'submitter', 'operator'],
  PUT: ['submitter', 'operator'],
  DELETE: ['operator'],
}

const LIST = '/sha256/'
/** Of the body of a request that is refused, so many bytes are read: who did not ask before may then read the answer. */
const REFUSED_BYTES_MAX = 1024 * 1024
const URL_CHARS_MAX = 200

/** An answer that is no success. */
class Refused extends Error {
  readonly status: number
  readonly error: CoveyError

  constructor(status: number, error: CoveyError) {
    super(error.message)
    this.status = status
    this.error = error
  }
}

export function answerRequests(parts: RequestParts): OnRequest {
  const asked = new WeakSet<object>()
  return (request, response) => {
    // A second request would wait for the first one's answer, with all that it has opened, and never be seen to close.
    if (asked.has(request.socket)) {
      request.socket.destroy()
      return
    }
    asked.add(request.socket)
    response.setHeader('connection', 'close')
    const { limits } = parts
    request.socket.setTimeout(limits.artifactSilenceMs, () => request.socket.destroy())
    const over = setTimeout(() => request.socket.destroy(), limits.artifactTransferMs)
    response.once('close', () => clearTimeout(over))
    answer(request, response, parts).catch((error: unknown) => {
      if (response.headersSent || response.destroyed) response.destroy()
      else refuse(request, response, explain(error), parts)
    })
  }
}

/** A server for connections that were accepted elsewhere. */
export function requestServer(onRequest: OnRequest, limits: Limits): Server {
  // Node's own limits of time apply only to connections that the server accepted itself.
  const late = new WeakMap<object, NodeJS.Timeout>()
  const server = createServer((request, response) => {
    clearTimeout(late.get(request.socket))
    onRequest(request, response)
  })
  server.on('checkContinue', (request, response) => server.emit('request', request, response))
  server.on('connection', (socket) => {
    late.set(
      socket,
      setTimeout(() => socket.destroy(), limits.connectTimeoutMs),
    )
    socket.once('close', () => clearTimeout(late.get(socket)))
  })
  return server
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  parts: RequestParts,
): Promise<void> {
  const { store } = parts
  const path = request.url?.split('?')[0] ?? ''
  const method = request.method as Method
  if (!path.startsWith(LIST)) {
    throw refused(404, 'E_ARTIFACT', `there is nothing at ${path.slice(0, 100)}`, 'Ask for /sha256/<digest>')
  }
  if (!Object.hasOwn(MAY, method) || (path === LIST && method !== 'GET')) {
    response.setHeader('allow', path === LIST ? 'GET' : Object.keys(MAY).join(', '))
    throw refused(405, 'E_USAGE', `${method} is not possible here`, 'Use GET, HEAD, PUT or DELETE')
  }
  await admit(request, response, method, parts)
  if (store === undefined) {
    throw refused(
      404,
      'E_ARTIFACT',
      'this broker keeps no artifacts',
      'Start it with a folder: --data FOLDER',
    )
  }
  if (path === LIST) return send(response, 200, { artifacts: store.list() })
  const name = artifactAtPath(path)
  if (name === undefined) {
    const remedy = 'Write 64 hexadecimal digits in lower case'
    throw refused(400, 'E_ARTIFACT', `${path.slice(LIST.length, 100)} is no digest of SHA-256`, remedy)
  }
  if (method === 'PUT') return put(request, response, name, store, parts.limits)
  if (method === 'DELETE') {
    if (!(await store.remove(name))) throw missing(name)
    response.writeHead(204).end()
    return
  }
  await get(response, method, name, store)
}

/** @throws Refused unless the user may do that */
async function admit(
  request: IncomingMessage,
  response: ServerResponse,
  method: Method,
  { guard, anyOrigin, origins }: RequestParts,
): Promise<void> {
  const { origin, host, authorization } = request.headers
  if (!anyOrigin && !isTrustedOrigin(origin, host, origins)) {
    throw refused(403, 'E_DENIED', `web pages of ${origin} may not ask without a password`)
  }
  const given = credentialsOf(authorization)
  const user: User | CoveyError = await guard.identify(given?.user, given?.password)
  if (user instanceof CoveyError) {
    if (user.code === 'E_BROKER_LIMIT') throw new Refused(503, user)
    response.setHeader('www-authenticate', 'Basic realm="covey", charset="UTF-8"')
    throw new Refused(401, user)
  }
  if (MAY[method].includes(user.role)) return
  throw refused(403, 'E_DENIED', `${user.user} (${user.role}) may not ${method} artifacts`)
}

function credentialsOf(header: string | undefined): { user: string; password: Buffer } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=]+) *$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  const colon = bytes.indexOf(':')
  if (colon < 0) return undefined
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) }
}

async function put(
  request: IncomingMessage,
  response: ServerResponse,
  name: string,
  store: ArtifactStore,
  limits: Limits,
): Promise<void> {
  if (store.size(name) !== undefined) {
    drain(request)
    return send(response, 200, { name, bytes: store.size(name) })
  }
  const length = request.headers['content-length']
  const announced = length === undefined ? undefined : Number(length)
  if ((announced ?? 0) > limits.artifactBytesMax) throw tooLarge(limits.artifactBytesMax)
  // A client that asks before it sends gets to read why not; others may find their connection closed.
  if (request.headers.expect !== undefined) response.writeContinue()
  // Otherwise what ends the reading would end the connection, before the answer.
  await store.write(name, announced, request.iterator({ destroyOnReturn: false }))
  send(response, 201, { name, bytes: store.size(name) })
}

async function get(
  response: ServerResponse,
  method: 'GET' | 'HEAD',
  name: string,
  store: ArtifactStore,
): Promise<void> {
  const bytes = store.size(name)
  if (bytes === undefined) throw missing(name)
  const file = method === 'GET' ? await store.read(name) : undefined
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': bytes,
    'cache-control': 'private, max-age=31536000, immutable',
    etag: `"${name}"`,
  })
  // Reading the file closes it.
  if (file === undefined) response.end()
  else await pipeline(file.createReadStream(), response)
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}

function missing(name: string): Refused {
  return refused(404, 'E_ARTIFACT', `there is no artifact ${name}`)
}

function refused(status: number, code: CoveyError['code'], message: string, remedy?: string): Refused {
  return new Refused(status, new CoveyError(code, message, remedy === undefined ? {} : { remedy }))
}

const STATUSES: Partial<Record<CoveyError['code'], number>> = { E_ARTIFACT_DIGEST: 422, E_STORE_WRITE: 507 }
const REFUSALS = { size: 413, room: 507, busy: 503 } as const

function explain(error: unknown): Refused {
  if (error instanceof Refused) return error
  if (error instanceof StoreRefusal) return new Refused(REFUSALS[error.why], error)
  if (error instanceof CoveyError) return new Refused(STATUSES[error.code] ?? 500, error)
  const { message } = error as Error
  return refused(500, 'E_ARTIFACT', `the artifact cannot be passed on: ${message}`)
}

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, error }: Refused,
  { complaints }: RequestParts,
): void {
  // That something is not there is nothing to hold against anyone.
  if (status !== 404) {
    const url = request.url?.slice(0, URL_CHARS_MAX)
    complaints.about(error, { address: request.socket.remoteAddress, url })
  }
  const { code, message, remedy } = error
  send(response, status, { error: { code, message, remedy } })
  drain(request)
}

/** Reads what a client still sends, up to a bound, and throws it away. */
function drain(request: IncomingMessage): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > REFUSED_BYTES_MAX) request.destroy()
  })
}
