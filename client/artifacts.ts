/** Artifacts from a submitter's side: put once, named by their digest from then on. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { exchange, explain, refusalOf } from '../shared/artifacts/exchange.ts'
import { type ArtifactServer, artifactServer } from '../shared/artifacts/server.ts'
import { CoveyError } from '../shared/errors/errors.ts'
import { parseBrokerUrl } from './broker-url.ts'

export interface ArtifactOptions {
  /** Address of the broker, which serves artifacts too. */
  readonly url: string
  /** Address of another server of artifacts. It gets the user and password in this address, and not those below. */
  readonly artifacts?: string
  readonly username?: string
  readonly password?: string
  /** Certificate authorities in PEM that are trusted instead of the system's. */
  readonly ca?: string
  readonly signal?: AbortSignal
}

export interface PutArtifact {
  /** The artifact's name: `sha256:` and its digest. */
  readonly name: string
  readonly bytes: number
  /** Whether it was there already, so that nothing was sent. */
  readonly existed: boolean
}

const SILENCE_MS_MAX = 30_000

/**
 * Puts a file among the artifacts, unless it is there.
 *
 * @throws CoveyError E_USAGE for a file that cannot be read, E_ARTIFACT, E_BROKER_REFUSED, E_DENIED, E_BROKER_LIMIT
 */
export async function putArtifact(file: string, options: ArtifactOptions): Promise<PutArtifact> {
  const server = serverOf(options)
  const { name, bytes } = await digestOf(file)
  const found = await ask(server, 'HEAD', name, options)
  if (found.statusCode === 200) return { name, bytes, existed: true }
  // The answer to HEAD has no body that could say more.
  if (found.statusCode !== 404) throw await refusalOf(server, name, found)
  const answer = await ask(server, 'PUT', name, options, { bytes, stream: createReadStream(file) })
  if (answer.statusCode !== 201 && answer.statusCode !== 200 && answer.statusCode !== 204) {
    throw await refusalOf(server, name, answer)
  }
  return { name, bytes, existed: false }
}

/** Removes an artifact. @throws CoveyError E_ARTIFACT when there is none of that name, and as `putArtifact` */
export async function removeArtifact(name: string, options: ArtifactOptions): Promise<void> {
  const server = serverOf(options)
  const answer = await ask(server, 'DELETE', name, options)
  if (answer.statusCode !== 204 && answer.statusCode !== 200) throw await refusalOf(server, name, answer)
}

/** All artifacts of the broker; other servers may have no such list. @throws CoveyError as `putArtifact` */
export async function listArtifacts(
  options: ArtifactOptions,
): Promise<{ readonly name: string; readonly bytes: number }[]> {
  const server = serverOf(options)
  const answer = await ask(server, 'GET', '', options)
  if (answer.statusCode !== 200) throw await refusalOf(server, 'list', answer)
  const chunks: Buffer[] = []
  try {
    for await (const chunk of answer) chunks.push(chunk as Buffer)
    const { artifacts } = JSON.parse(Buffer.concat(chunks).toString()) as { artifacts: [] }
    return artifacts
  } catch (error) {
    throw explain(server, error as Error)
  }
}

function serverOf({ url, artifacts, username, password, ca }: ArtifactOptions): ArtifactServer {
  const broker = parseBrokerUrl(url)
  return artifactServer(artifacts, {
    ...broker,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ca,
  })
}

async function ask(
  server: ArtifactServer,
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE',
  name: string,
  { signal }: ArtifactOptions,
  content?: { readonly bytes: number; readonly stream: ReturnType<typeof createReadStream> },
): Promise<IncomingMessage> {
  const answer = await exchange(server, method, name, {
    silenceMs: SILENCE_MS_MAX,
    ...(signal === undefined ? {} : { signal }),
    ...(content === undefined ? {} : { content }),
  })
  // A body that nobody reads would keep the connection.
  if (method === 'HEAD' || answer.statusCode === 204) answer.resume()
  return answer
}

/** The name that a file has as an artifact, and its size. @throws CoveyError E_USAGE when it cannot be read */
export async function digestOf(file: string): Promise<{ name: string; bytes: number }> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of createReadStream(file)) {
      bytes += (chunk as Buffer).length
      hash.update(chunk as Buffer)
    }
  } catch (cause) {
    const message = `the file ${file} cannot be read: ${(cause as Error).message}`
    throw new CoveyError('E_USAGE', message, { cause, remedy: 'Name a readable file' })
  }
  return { name: `sha256:${hash.digest('hex')}`, bytes }
}
