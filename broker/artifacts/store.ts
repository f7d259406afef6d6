/**
 * The broker's artifacts: files named by the SHA-256 of their content, below the data folder. A file comes into being
 * whole, by its last step, a renaming; what an earlier start left unfinished is removed. Nothing goes by itself: tasks
 * that wait may name any of them.
 */
import { createHash, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { artifactFile, isArtifactName } from '../../shared/artifacts/names.ts'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Limits } from '../limits.ts'
import type { Durability } from '../store.ts'

export type ArtifactLimits = Pick<
  Limits,
  'artifactBytesMax' | 'artifactsMax' | 'artifactsBytesMax' | 'artifactUploadsMax'
>

export interface Artifact {
  readonly name: string
  readonly bytes: number
}

/** Why an artifact is not taken: it is too large, there is no room for it, or too many come at once. */
export class StoreRefusal extends CoveyError {
  readonly why: 'size' | 'room' | 'busy'

  constructor(why: StoreRefusal['why'], limit: keyof ArtifactLimits, message: string) {
    const remedies = {
      size: `Make it smaller, or raise ${limit} of the broker`,
      room: `Remove artifacts that no task names any more, or raise ${limit} of the broker`,
      busy: `Send it again later, or raise ${limit} of the broker`,
    }
    super('E_BROKER_LIMIT', `${message} (${limit})`, { remedy: remedies[why] })
    this.why = why
  }
}

const UNFINISHED = '.part'

export class ArtifactStore {
  readonly #folder: string
  readonly #durability: Durability
  readonly #limits: ArtifactLimits
  readonly #artifacts = new Map<string, number>()
  #bytes = 0
  /** Of uploads under way, what they have taken or said that they will. */
  #incomingBytes = 0
  #uploads = 0

  private constructor(folder: string, durability: Durability, limits: ArtifactLimits) {
    this.#folder = folder
    this.#durability = durability
    this.#limits = limits
  }

  /** Opens or creates the store in `<data>/artifacts`. @throws CoveyError E_STORE_WRITE */
  static async open(data: string, durability: Durability, limits: ArtifactLimits): Promise<ArtifactStore> {
    const store = new ArtifactStore(join(data, 'artifacts'), durability, limits)
    try {
      await store.#load()
    } catch (cause) {
      throw new CoveyError('E_STORE_WRITE', `the folder ${store.#folder} cannot be used`, { cause })
    }
    return store
  }

  get count(): number {
    return this.#artifacts.size
  }

  get bytes(): number {
    return this.#bytes
  }

  list(): Artifact[] {
    return [...this.#artifacts].map(([name, bytes]) => ({ name, bytes }))
  }

  /** How large an artifact is; `undefined` when there is none of that name. */
  size(name: string): number | undefined {
    return this.#artifacts.get(name)
  }

  /** Opens an artifact for reading. The caller closes it. @throws Error of the system */
  read(name: string): Promise<FileHandle> {
    return open(this.#file(name), 'r')
  }

  /**
   * Takes an artifact in. On any error nothing of it remains, unless only the last thing, that a power cut cannot
   * take it away, could not be had.
   *
   * @param announced how many bytes will come, if that is known
   * @throws CoveyError E_BROKER_LIMIT, E_ARTIFACT_DIGEST, E_STORE_WRITE; whatever reading the content throws
   */
  async write(name: string, announced: number | undefined, content: AsyncIterable<Buffer>): Promise<void> {
    const room = new Room(announced ?? 0, (more) => this.#take(more))
    this.#begin()
    const part = join(this.#folder, `${artifactFile(name)}.${randomBytes(4).toString('hex')}${UNFINISHED}`)
    try {
      room.open()
      const bytes = await this.#receive(name, part, room, content)
      await onDisk(() => rename(part, this.#file(name)))
      // Another upload of the same content may have come first.
      if (!this.#artifacts.has(name)) this.#bytes += bytes
      this.#artifacts.set(name, bytes)
      if (this.#durability === 'power') await onDisk(() => syncFolder(this.#folder))
    } catch (error) {
      await rm(part, { force: true }).catch(() => undefined)
      throw error
    } finally {
      this.#uploads -= 1
      this.#incomingBytes -= room.bytes
    }
  }

  /** Removes an artifact; false when there was none. @throws CoveyError E_STORE_WRITE */
  async remove(name: string): Promise<boolean> {
    const bytes = this.#artifacts.get(name)
    if (bytes === undefined) return false
    await onDisk(() => rm(this.#file(name), { force: true }))
    if (this.#artifacts.delete(name)) this.#bytes -= bytes
    return true
  }

  async #load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    for (const file of await readdir(this.#folder)) {
      const name = `sha256:${file}`
      if (file.endsWith(UNFINISHED)) await rm(join(this.#folder, file), { force: true })
      else if (isArtifactName(name)) {
        const { size } = await stat(join(this.#folder, file))
        this.#artifacts.set(name, size)
        this.#bytes += size
      }
    }
  }

  #begin(): void {
    const { artifactUploadsMax, artifactsMax } = this.#limits
    if (this.#uploads >= artifactUploadsMax) {
      throw new StoreRefusal('busy', 'artifactUploadsMax', `${this.#uploads} artifacts are on their way`)
    }
    if (this.#artifacts.size + this.#uploads >= artifactsMax) {
      throw new StoreRefusal('room', 'artifactsMax', `there are ${this.#artifacts.size} artifacts`)
    }
    this.#uploads += 1
  }

  /** @throws StoreRefusal when there is no more room */
  #take(more: number): void {
    const { artifactsBytesMax } = this.#limits
    if (this.#bytes + this.#incomingBytes + more > artifactsBytesMax) {
      const message = `all artifacts would take more than ${artifactsBytesMax} bytes`
      throw new StoreRefusal('room', 'artifactsBytesMax', message)
    }
    this.#incomingBytes += more
  }

  async #receive(name: string, part: string, room: Room, content: AsyncIterable<Buffer>): Promise<number> {
    const { artifactBytesMax } = this.#limits
    const hash = createHash('sha256')
    let bytes = 0
    const file = await onDisk(() => open(part, 'wx', 0o600))
    try {
      for await (const chunk of content) {
        bytes += chunk.length
        if (bytes > artifactBytesMax) throw tooLarge(artifactBytesMax)
        room.grow(bytes)
        hash.update(chunk)
        await onDisk(() => file.writeFile(chunk))
      }
      if (this.#durability === 'power') await onDisk(() => file.sync())
    } finally {
      await file.close()
    }
    const found = `sha256:${hash.digest('hex')}`
    if (found !== name) {
      throw new CoveyError('E_ARTIFACT_DIGEST', `what came under the name ${name} is ${found}`)
    }
    return bytes
  }

  #file(name: string): string {
    return join(this.#folder, artifactFile(name))
  }
}

export function tooLarge(bytesMax: number): StoreRefusal {
  return new StoreRefusal('size', 'artifactBytesMax', `an artifact of more than ${bytesMax} bytes`)
}

/** What one upload has of the room: what it announced, and more when it sends more. */
class Room {
  bytes = 0
  readonly #announced: number
  readonly #take: (more: number) => void

  constructor(announced: number, take: (more: number) => void) {
    this.#announced = announced
    this.#take = take
  }

  open(): void {
    this.grow(this.#announced)
  }

  grow(bytes: number): void {
    if (bytes <= this.bytes) return
    this.#take(bytes - this.bytes)
    this.bytes = bytes
  }
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new CoveyError('E_STORE_WRITE', `an artifact cannot be written: ${(cause as Error).message}`, {
      cause,
    })
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
