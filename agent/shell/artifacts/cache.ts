/**
 * Artifacts that the device has: fetched once however many ask, kept up to a bound, and looked at again each time they
 * are used. A task gets copies, so that nothing it does to a file is there for the next.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { artifactFile, isArtifactName } from '../../../shared/artifacts/names.ts'
import { CoveyError } from '../../../shared/errors/errors.ts'
import type { ShellLimits } from '../limits.ts'
import type { Log } from '../log.ts'
import type { ArtifactSource, Sink } from './source.ts'

/** Below the data folder. */
export const ARTIFACT_FOLDER = 'artifacts'
const UNFINISHED = '.part'
/** To copy one: what is damaged is fetched anew, and a full disk is made room on, once. */
const TRIES_MAX = 2

export type CacheLimits = Pick<ShellLimits, 'artifactCacheBytesMax'>

interface Entry {
  readonly bytes: number
  /** How many copies of it are being made. */
  users: number
}

/** A fetch that several may wait for; it ends when none does any more. */
interface Flight {
  readonly done: Promise<void>
  readonly ending: AbortController
  waiting: number
}

export class ArtifactCache {
  readonly #folder: string
  readonly #source: Pick<ArtifactSource, 'fetch'>
  readonly #limits: CacheLimits
  readonly #log: Log
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>()
  readonly #flights = new Map<string, Flight>()
  #bytes = 0
  /** Of what is being fetched, what has come so far. */
  #incomingBytes = 0

  private constructor(folder: string, source: Pick<ArtifactSource, 'fetch'>, limits: CacheLimits, log: Log) {
    this.#folder = folder
    this.#source = source
    this.#limits = limits
    this.#log = log
  }

  /** Opens the cache in the data folder. @throws CoveyError E_ARTIFACT when that cannot be written */
  static async open(
    data: string,
    source: Pick<ArtifactSource, 'fetch'>,
    limits: CacheLimits,
    log: Log,
  ): Promise<ArtifactCache> {
    const cache = new ArtifactCache(join(data, ARTIFACT_FOLDER), source, limits, log)
    try {
      await cache.#load()
    } catch (cause) {
      const message = `the folder ${cache.#folder} cannot be used: ${(cause as Error).message}`
      throw new CoveyError('E_ARTIFACT', message, { cause, remedy: ROOM })
    }
    return cache
  }

  /** Names of what is there, the least recently used first. */
  get names(): readonly string[] {
    return [...this.#entries.keys()]
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Copies an artifact into a new file, read-only and executable. It is fetched when it is not there, and once more when
   * what is there is damaged.
   *
   * @throws CoveyError E_ARTIFACT, E_ARTIFACT_DIGEST, E_BROKER_REFUSED; the signal's reason when that aborts
   */
  async copy(name: string, to: string, signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      const whole = await this.#copyOnce(name, to, signal, tries < TRIES_MAX)
      if (whole) return
      if (tries === TRIES_MAX) {
        throw new CoveyError('E_ARTIFACT_DIGEST', `the artifact ${name} is damaged on this device`)
      }
    }
  }

  /** False when there is no copy, and what kept it from being made is out of the way. */
  async #copyOnce(name: string, to: string, signal: AbortSignal, mayMend: boolean): Promise<boolean> {
    const entry = await this.#take(name, signal)
    try {
      if (await copyChecked(name, this.#file(name), to, signal)) return true
    } catch (error) {
      await rm(to, { force: true }).catch(() => undefined)
      if (signal.aborted) throw signal.reason
      if (mayMend && isFull(error as NodeJS.ErrnoException)) {
        await this.#makeRoom(this.#limits.artifactCacheBytesMax)
        return false
      }
      const message = `the artifact ${name} cannot be copied: ${(error as Error).message}`
      throw new CoveyError('E_ARTIFACT', message, { cause: error, remedy: ROOM })
    } finally {
      entry.users -= 1
    }
    this.#log.warn({ artifact: name }, 'an artifact in the cache is damaged; it is fetched again')
    await this.#drop(name)
    return false
  }

  async #load(): Promise<void> {
    const found: { name: string; bytes: number; usedMs: number }[] = []
    for (const file of await filesIn(this.#folder)) {
      const path = join(this.#folder, file)
      if (file.endsWith(UNFINISHED)) await rm(path, { force: true })
      else if (isArtifactName(`sha256:${file}`)) {
        const { size, mtimeMs } = await stat(path)
        found.push({ name: `sha256:${file}`, bytes: size, usedMs: mtimeMs })
      }
    }
    found.sort((a, b) => a.usedMs - b.usedMs)
    for (const { name, bytes } of found) this.#add(name, bytes)
    await this.#makeRoom(0)
  }

  /** The artifact's entry, as the most recently used, with one user more. */
  async #take(name: string, signal: AbortSignal): Promise<Entry> {
    for (;;) {
      if (signal.aborted) throw signal.reason
      const entry = this.#entries.get(name)
      if (entry !== undefined) {
        entry.users += 1
        this.#entries.delete(name)
        this.#entries.set(name, entry)
        // The order has to outlive the agent; that it may fail costs no more than that.
        utimes(this.#file(name), new Date(), new Date()).catch(() => undefined)
        return entry
      }
      const flight = this.#flights.get(name) ?? this.#fly(name)
      // Those who waited for it have gone, and it is about to end.
      if (flight.ending.signal.aborted) await flight.done.catch(() => undefined)
      else await this.#await(flight, signal)
    }
  }

  async #await(flight: Flight, signal: AbortSignal): Promise<void> {
    flight.waiting += 1
    let stop: () => void = () => undefined
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true })
    })
    try {
      await Promise.race([flight.done, stopped])
    } finally {
      signal.removeEventListener('abort', stop)
      flight.waiting -= 1
      if (flight.waiting === 0) flight.ending.abort(new Error('nobody waits for the artifact any more'))
    }
  }

  #fly(name: string): Flight {
    const ending = new AbortController()
    const done = this.#fetch(name, ending.signal).finally(() => this.#flights.delete(name))
    // Whoever waits hears of it; when nobody does any more it ends unheard.
    done.catch(() => undefined)
    const flight = { done, ending, waiting: 0 }
    this.#flights.set(name, flight)
    return flight
  }

  async #fetch(name: string, signal: AbortSignal): Promise<void> {
    const part = new Part(this.#file(name), {
      grow: (bytes) => this.#grow(bytes),
      free: () => this.#makeRoom(this.#limits.artifactCacheBytesMax),
    })
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      await this.#source.fetch(name, part, signal)
      await part.keep(this.#file(name))
      this.#add(name, part.bytes)
    } catch (error) {
      if (signal.aborted || error instanceof CoveyError) throw error
      const message = `the artifact ${name} cannot be kept: ${(error as Error).message}`
      throw new CoveyError('E_ARTIFACT', message, { cause: error, remedy: ROOM })
    } finally {
      this.#incomingBytes -= part.bytes
      await part.remove()
    }
  }

  /** Counts what comes or goes of an artifact that is being fetched, and makes room for it. */
  async #grow(bytes: number): Promise<void> {
    this.#incomingBytes += bytes
    if (bytes <= 0) return
    await this.#makeRoom(0)
    const { artifactCacheBytesMax } = this.#limits
    const held = this.#bytes + this.#incomingBytes
    if (held <= artifactCacheBytesMax) return
    const message = `the device keeps ${artifactCacheBytesMax} bytes of artifacts, and ${held} are in use at once`
    throw new CoveyError('E_ARTIFACT', message, { remedy: 'Run fewer such tasks on a device at once' })
  }

  /** Removes what was not used for the longest time, as far as that is needed for so many bytes more. */
  async #makeRoom(bytes: number): Promise<void> {
    for (const [name, { users }] of this.#entries) {
      if (this.#bytes + this.#incomingBytes + bytes <= this.#limits.artifactCacheBytesMax) return
      if (users === 0) await this.#drop(name)
    }
  }

  #add(name: string, bytes: number): void {
    this.#entries.set(name, { bytes, users: 0 })
    this.#bytes += bytes
  }

  async #drop(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    this.#bytes -= entry.bytes
    await rm(this.#file(name), { force: true })
  }

  #file(name: string): string {
    return join(this.#folder, artifactFile(name))
  }
}

/** There is no folder before the first artifact. */
async function filesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

const ROOM = 'Free disk space in the agent’s data folder, or make it writable'

/** What a file that grows has to tell. */
interface Room {
  readonly grow: (bytes: number) => Promise<void>
  /** The disk is full, whatever the bound says: all that can go has to. */
  readonly free: () => Promise<void>
}

/** A file that is being fetched: it takes its name only when it is whole. */
class Part implements Sink {
  bytes = 0
  readonly #path: string
  readonly #room: Room
  #file: FileHandle | undefined

  constructor(target: string, room: Room) {
    this.#path = `${target}.${randomBytes(4).toString('hex')}${UNFINISHED}`
    this.#room = room
  }

  async begin(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
    const before = this.bytes
    this.bytes = 0
    await this.#room.grow(-before)
    this.#file = await open(this.#path, 'w', 0o600)
  }

  async write(chunk: Buffer): Promise<void> {
    this.bytes += chunk.length
    await this.#room.grow(chunk.length)
    try {
      await this.#file?.writeFile(chunk)
    } catch (error) {
      // The next try finds the room.
      if (isFull(error as NodeJS.ErrnoException)) await this.#room.free()
      throw error
    }
  }

  async keep(target: string): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
    await rename(this.#path, target)
  }

  /** What cannot be removed now goes at the next start. */
  async remove(): Promise<void> {
    await this.#file?.close().catch(() => undefined)
    await rm(this.#path, { force: true }).catch(() => undefined)
  }
}

/** The disk is full, or the agent's share of it. */
function isFull({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
}

const COPY_BYTES = 256 * 1024

/** False when the file is not what its name says; there is no copy then. */
async function copyChecked(name: string, from: string, to: string, signal: AbortSignal): Promise<boolean> {
  const source = await open(from, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (source === undefined) return false
  const hash = createHash('sha256')
  try {
    const copy = await open(to, 'wx', 0o500)
    try {
      for await (const chunk of source.createReadStream({
        autoClose: false,
        highWaterMark: COPY_BYTES,
        signal,
      })) {
        hash.update(chunk as Buffer)
        await copy.writeFile(chunk as Buffer)
      }
    } finally {
      await copy.close()
    }
  } finally {
    await source.close()
  }
  if (`sha256:${hash.digest('hex')}` === name) return true
  await rm(to, { force: true })
  return false
}
