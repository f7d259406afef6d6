/** One request to a server of artifacts, and what went wrong with it in words that help. */
import { type Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { CoveyError } from '../errors/errors.ts'
import { ERRORS, type ErrorCode } from '../errors/table.ts'
import { artifactPath } from './names.ts'
import type { ArtifactServer } from './server.ts'

export interface ExchangeOptions {
  /** How long nothing may come or go. */
  readonly silenceMs: number
  readonly signal?: AbortSignal
  readonly agent?: Agent
  readonly content?: { readonly bytes: number; readonly stream: Readable }
}

/** A server that knows nothing of `Expect` says nothing; then the content goes without its leave (RFC 9110, 10.1.1). */
const LEAVE_MS = 1_000

/** The name of an artifact, or `''` for the list of all. */
export type What = string

/**
 * Sends a request; resolves with the answer, whatever its status, when its head has come. What reads its body has to
 * expect errors: the connection may break, fall silent or be aborted.
 *
 * @throws CoveyError E_ARTIFACT when no answer comes; the signal's reason when that aborts
 */
export function exchange(
  server: ArtifactServer,
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE',
  what: What,
  { silenceMs, signal, agent, content }: ExchangeOptions,
): Promise<IncomingMessage> {
  const { username, password, ca, url } = server
  const request = (url.startsWith('https:') ? requestHttps : requestHttp)(
    `${url}${what === '' ? '/sha256/' : artifactPath(what)}`,
    {
      method,
      timeout: silenceMs,
      ...(username === undefined ? {} : { auth: `${username}:${password ?? ''}` }),
      ...(ca === undefined ? {} : { ca }),
      ...(signal === undefined ? {} : { signal }),
      ...(agent === undefined ? {} : { agent }),
      ...(content === undefined
        ? {}
        : { headers: { 'content-length': content.bytes, expect: '100-continue' } }),
    },
  )
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined
    request.on('timeout', () => (answer ?? request).destroy(silent(server, silenceMs)))
    request.on('error', (error) => reject(signal?.aborted === true ? signal.reason : explain(server, error)))
    request.once('response', (came) => {
      answer = came
      resolve(came)
    })
    if (content === undefined) request.end()
    else sendWithLeave(request, content.stream)
  })
}

/** Sends the content when the server asks for it, so that a server that wants none can say why. */
function sendWithLeave(request: ClientRequest, stream: Readable): void {
  const send = (): void => {
    clearTimeout(unheard)
    stream.pipe(request)
  }
  const unheard = setTimeout(send, LEAVE_MS)
  stream.once('error', (error) => request.destroy(error))
  request.once('continue', send)
  request.once('response', (answer) => {
    clearTimeout(unheard)
    answer.once('close', () => request.destroy())
  })
  request.once('close', () => {
    clearTimeout(unheard)
    stream.destroy()
  })
}

function silent({ url }: ArtifactServer, silenceMs: number): CoveyError {
  return new CoveyError('E_ARTIFACT', `the artifact server at ${url} was silent for ${silenceMs} ms`)
}

/** What a broken exchange means. */
export function explain({ url }: ArtifactServer, error: Error & { code?: string }): CoveyError {
  if (error instanceof CoveyError) return error
  const why = error.message === '' ? (error.code ?? error.name) : error.message
  return new CoveyError('E_ARTIFACT', `no artifact server answers at ${url}: ${why}`, { cause: error })
}

const ANSWER_CHARS_MAX = 10_000
/** Of what an answer says, so much is passed on. */
const TOLD_CHARS_MAX = 500

/**
 * What an answer says that is no success, read to its end.
 *
 * @returns its own error when it carries one, as the broker's answers do
 */
export async function refusalOf(
  server: ArtifactServer,
  what: What,
  answer: IncomingMessage,
): Promise<CoveyError> {
  const { statusCode = 0 } = answer
  let text = ''
  try {
    for await (const chunk of answer) {
      text += String(chunk)
      if (text.length > ANSWER_CHARS_MAX) break
    }
  } catch {
    // The status says enough.
  }
  const told = errorIn(text)
  if (told !== undefined) return told
  if (statusCode === 404) return new CoveyError('E_ARTIFACT', `there is no artifact ${what} at ${server.url}`)
  if (statusCode === 401 || statusCode === 403) {
    const remedy = 'Check user name, password and role; those of a server of its own stand in --artifacts'
    return new CoveyError('E_BROKER_REFUSED', `${server.url} answers ${statusCode}`, { remedy })
  }
  return new CoveyError('E_ARTIFACT', `the artifact server at ${server.url} answers ${statusCode}`)
}

function errorIn(text: string): CoveyError | undefined {
  try {
    const { code, message, remedy } = (JSON.parse(text) as { error: Record<string, unknown> }).error
    if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code) || typeof message !== 'string')
      return undefined
    const told = typeof remedy === 'string' ? { remedy: remedy.slice(0, TOLD_CHARS_MAX) } : {}
    return new CoveyError(code as ErrorCode, message.slice(0, TOLD_CHARS_MAX), told)
  } catch {
    // Other servers answer in other ways.
    return undefined
  }
}
