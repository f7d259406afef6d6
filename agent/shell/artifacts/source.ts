/**
 * Artifacts from their server: tried again with a growing pause while that may help, never longer than a limit in all,
 * and taken only when they are what their name says.
 */
import { createHash } from 'node:crypto'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { exchange, explain, refusalOf } from '../../../shared/artifacts/exchange.ts'
import type { ArtifactServer } from '../../../shared/artifacts/server.ts'
import { CoveyError } from '../../../shared/errors/errors.ts'
import type { ShellLimits } from '../limits.ts'
import type { Log } from '../log.ts'

export type FetchLimits = Pick<
  ShellLimits,
  'artifactBytesMax' | 'artifactSilenceMs' | 'artifactFetchMs' | 'artifactTriesMax' | 'artifactFetchesMax'
>

/** Where the content of one try goes. Each try begins with `begin`. */
export interface Sink {
  begin(): Promise<void>
  write(chunk: Buffer): Promise<void>
}

const PAUSE_MS_MIN = 250
const PAUSE_MS_MAX = 5_000

/** What another try cannot mend. */
class Final extends Error {
  readonly error: CoveyError

  constructor(error: CoveyError) {
    super(error.message)
    this.error = error
  }
}

export class ArtifactSource {
  readonly #server: ArtifactServer
  readonly #limits: FetchLimits
  readonly #log: Log
  /** Bounds how many artifacts are fetched at the same time; the others wait for their turn. */
  readonly #agent: HttpAgent

  constructor(server: ArtifactServer, limits: FetchLimits, log: Log) {
    this.#server = server
    this.#limits = limits
    this.#log = log
    const options = { maxSockets: limits.artifactFetchesMax }
    this.#agent = server.url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options)
  }

  /**
   * Fetches an artifact into the sink.
   *
   * @param signal ends it at once; its reason is thrown
   * @throws CoveyError E_ARTIFACT, E_ARTIFACT_DIGEST, or what its server refuses it with; whatever the sink throws
   */
  async fetch(name: string, sink: Sink, signal: AbortSignal): Promise<void> {
    const { artifactFetchMs, artifactTriesMax } = this.#limits
    const late = AbortSignal.timeout(artifactFetchMs)
    const ended = AbortSignal.any([signal, late])
    let why = ''
    for (let tries = 1; ; tries++) {
      try {
        await sink.begin()
        return await this.#try(name, sink, ended)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (error instanceof Final) throw error.error
        if (late.aborted) throw this.#tooLate(name, why)
        if (tries >= artifactTriesMax) throw error
        why = (error as Error).message
        this.#log.debug({ artifact: name, tries, error: why }, 'an artifact did not come; it is tried again')
      }
      const mostMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (tries - 1))
      // Full jitter, as what failed for many at once must not come back at once.
      await pause(Math.random() * mostMs, undefined, { signal: ended }).catch(() => undefined)
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  async #try(name: string, sink: Sink, signal: AbortSignal): Promise<void> {
    const { artifactSilenceMs: silenceMs, artifactBytesMax } = this.#limits
    const answer = await exchange(this.#server, 'GET', name, { silenceMs, signal, agent: this.#agent })
    const { statusCode = 0 } = answer
    if (statusCode !== 200) {
      const refusal = await refusalOf(this.#server, name, answer)
      throw statusCode >= 500 || statusCode === 429 ? refusal : new Final(refusal)
    }
    if (Number(answer.headers['content-length'] ?? 0) > artifactBytesMax) {
      answer.destroy()
      throw this.#tooLarge(name)
    }
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of brokenAs(answer, (error) => explain(this.#server, error))) {
      bytes += chunk.length
      if (bytes > artifactBytesMax) throw this.#tooLarge(name)
      hash.update(chunk)
      await sink.write(chunk)
    }
    const found = `sha256:${hash.digest('hex')}`
    if (found !== name) {
      throw new CoveyError('E_ARTIFACT_DIGEST', `${this.#server.url} sent ${found} for the artifact ${name}`)
    }
  }

  #tooLarge(name: string): Final {
    const { artifactBytesMax } = this.#limits
    const message = `the artifact ${name} has more than the ${artifactBytesMax} bytes that a device takes`
    return new Final(new CoveyError('E_ARTIFACT', message, { remedy: 'Make it smaller, or split it' }))
  }

  #tooLate(name: string, why: string): CoveyError {
    const { artifactFetchMs } = this.#limits
    const before = why === '' ? '' : `; before that: ${why}`
    return new CoveyError(
      'E_ARTIFACT',
      `the artifact ${name} did not come within ${artifactFetchMs} ms${before}`,
    )
  }
}

/** The chunks of a stream, with its own errors as `explain` has them; those of whoever reads it pass as they are. */
async function* brokenAs(
  stream: AsyncIterable<Buffer>,
  explain: (error: Error) => Error,
): AsyncGenerator<Buffer> {
  try {
    yield* stream
  } catch (error) {
    throw explain(error as Error)
  }
}
