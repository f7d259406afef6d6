/**
 * The retained messages on disk, in a LevelDB folder.
 *
 * Every commit is one atomic batch, and carries with it the number of records and a sum (XOR) over all their
 * checksums. When the store is opened both are computed anew: a record that was altered, or one that vanished from
 * the middle of LevelDB's log (which LevelDB itself skips without a word), makes the sums differ. What a crash cuts
 * off at the end was never acknowledged and is no corruption; after an orderly close nothing may be cut off, so the
 * sum then also stands in a file beside the folder.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { CoveyError } from '../shared/errors/errors.ts'
import type { Logger } from './complaints.ts'
import type { Retained } from './retained.ts'
import { decode, encode, encodeSum } from './store-record.ts'

export const STORE_VERSION = 1

/** `process`: a commit has reached the operating system and survives the broker's death. `power`: it is on the disk. */
export type Durability = 'process' | 'power'

/** A retained message to be; an empty payload removes the topic's. */
export interface Change {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: 0 | 1 | 2
}

export interface StoreOptions {
  readonly durability: Durability
  readonly logger: Logger
  /** Removed records after which the folder is compacted. */
  readonly compactAfterDeletes: number
}

type Level = ClassicLevel<string, Buffer>
type Operation = { type: 'put'; key: string; value: Buffer } | { type: 'del'; key: string }

const META_VERSION = 'meta/version'
const META_SUM = 'meta/sum'
const RECORD = 'retained/'
const RECORD_END = 'retained0'
const OPEN_MARK = 'open'

export class Store {
  readonly #folder: string
  readonly #options: StoreOptions
  #level: Level
  /** Checksum of each record on disk; needed to keep the sum when one is replaced. */
  #checksums = new Map<string, number>()
  #sum = 0
  /** A commit failed: what is on disk may differ from the sum. */
  #inDoubt = false
  #deletes = 0
  #compaction: Promise<void> | undefined

  private constructor(folder: string, options: StoreOptions, level: Level) {
    this.#folder = folder
    this.#options = options
    this.#level = level
  }

  /**
   * Opens or creates the store in `<folder>/retained` and hands every record to `each`.
   *
   * @throws CoveyError E_STORE_LOCKED, E_STORE_VERSION, E_STORE_CORRUPT, or E_STORE_WRITE when the folder cannot be
   * written.
   */
  static async open(
    folder: string,
    options: StoreOptions,
    each: (message: Retained) => void,
  ): Promise<Store> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
    } catch (cause) {
      throw new CoveyError('E_STORE_WRITE', `the folder ${folder} cannot be made`, { cause })
    }
    const store = new Store(folder, options, await openLevel(folder))
    try {
      const mark = await store.#checkVersion()
      await store.#load(each)
      await store.#checkClosed(mark)
    } catch (error) {
      await store.#level.close()
      throw error
    }
    if (store.records > 0) store.#compact()
    return store
  }

  get records(): number {
    return this.#checksums.size
  }

  /**
   * Writes all changes or none. A later change of a topic replaces an earlier one.
   *
   * @throws CoveyError E_STORE_WRITE; what is on disk is then in doubt until `reopen`.
   */
  async commit(changes: readonly Change[]): Promise<void> {
    const last = new Map<string, Change>()
    for (const change of changes) last.set(change.topic, change)
    const operations: Operation[] = []
    const checksums = new Map<string, number | undefined>()
    let sum = this.#sum
    let records = this.#checksums.size
    let deletes = 0
    for (const { topic, payload, qos } of last.values()) {
      const before = this.#checksums.get(topic)
      if (before !== undefined) sum ^= before
      if (payload.length === 0) {
        if (before === undefined) continue
        operations.push({ type: 'del', key: RECORD + topic })
        checksums.set(topic, undefined)
        records -= 1
        deletes += 1
        continue
      }
      const value = encode(topic, payload, qos)
      const after = value.readUInt32LE(0)
      sum ^= after
      if (before === undefined) records += 1
      operations.push({ type: 'put', key: RECORD + topic, value })
      checksums.set(topic, after)
    }
    if (operations.length === 0) return
    operations.push({ type: 'put', key: META_SUM, value: encodeSum(records, sum) })
    await this.#write(operations)
    for (const [topic, checksum] of checksums) {
      if (checksum === undefined) this.#checksums.delete(topic)
      else this.#checksums.set(topic, checksum)
    }
    this.#sum = sum
    this.#deletes += deletes
    if (this.#deletes >= this.#options.compactAfterDeletes) this.#compact()
  }

  /**
   * After a failed commit: LevelDB's log may end in half a record, and what is written behind it may not be found
   * again. Opening anew starts a fresh log; then the disk is made to say what `truth` (the memory) says.
   *
   * @throws CoveyError as `open` and `commit` do; it may be tried again.
   */
  async reopen(truth: Iterable<Retained>): Promise<void> {
    await this.close()
    this.#level = await openLevel(this.#folder)
    await this.#load(() => {})
    this.#inDoubt = false
    const gone = new Set(this.#checksums.keys())
    const changes: Change[] = []
    for (const message of truth) {
      gone.delete(message.topic)
      const checksum = encode(message.topic, message.payload, message.qos).readUInt32LE(0)
      if (this.#checksums.get(message.topic) !== checksum) changes.push(message)
    }
    for (const topic of gone) changes.push({ topic, payload: Buffer.alloc(0), qos: 0 })
    await this.commit(changes)
  }

  async close(): Promise<void> {
    await this.#compaction
    await this.#level.close()
    if (!this.#inDoubt)
      await writeMark(this.#folder, encodeSum(this.#checksums.size, this.#sum)).catch(() => {})
  }

  async #write(operations: Operation[]): Promise<void> {
    try {
      await this.#level.batch(operations, { sync: this.#options.durability === 'power' })
    } catch (cause) {
      this.#inDoubt = true
      throw new CoveyError('E_STORE_WRITE', `a commit of ${operations.length - 1} records failed`, { cause })
    }
  }

  /** The mark beside the folder tells a new store from one whose content was lost whole. Resolves to the mark. */
  async #checkVersion(): Promise<string | undefined> {
    const mark = await readMark(this.#folder)
    const version = await this.#level.get(META_VERSION)
    if (version !== undefined) {
      if (version.toString() === String(STORE_VERSION)) return mark
      throw new CoveyError('E_STORE_VERSION', `${this.#folder} has version ${version}, not ${STORE_VERSION}`)
    }
    if (mark !== undefined) throw corrupt(this.#folder, 'its version is missing')
    const [key] = await this.#level.keys({ limit: 1 }).all()
    if (key !== undefined)
      throw new CoveyError('E_STORE_VERSION', `${this.#folder} holds a store of something else`)
    const first: Operation[] = [
      { type: 'put', key: META_VERSION, value: Buffer.from(String(STORE_VERSION)) },
      { type: 'put', key: META_SUM, value: encodeSum(0, 0) },
    ]
    await this.#level.batch(first, { sync: true }).catch((cause: unknown) => {
      throw new CoveyError('E_STORE_WRITE', `the store in ${this.#folder} cannot be begun`, { cause })
    })
    return mark
  }

  /** Compares with the sum noted at an orderly close, and takes it away: from here on a crash may come. */
  async #checkClosed(mark: string | undefined): Promise<void> {
    const closed = mark?.trim() ?? OPEN_MARK
    if (closed !== OPEN_MARK && closed !== encodeSum(this.#checksums.size, this.#sum).toString('hex')) {
      throw corrupt(this.#folder, 'it is not what it was when it was closed; the newest records are missing')
    }
    await writeMark(this.#folder, undefined)
  }

  async #load(each: (message: Retained) => void): Promise<void> {
    this.#checksums = new Map()
    this.#sum = 0
    try {
      for await (const [key, value] of this.#level.iterator({ gte: RECORD, lt: RECORD_END })) {
        const topic = key.slice(RECORD.length)
        const message = decode(topic, value)
        if (message === undefined)
          throw corrupt(this.#folder, `the record of ${topic} does not match its checksum`)
        const checksum = value.readUInt32LE(0)
        this.#checksums.set(topic, checksum)
        this.#sum ^= checksum
        each(message)
      }
      const sum = await this.#level.get(META_SUM)
      if (sum === undefined || !sum.equals(encodeSum(this.#checksums.size, this.#sum))) {
        throw corrupt(
          this.#folder,
          `its ${this.#checksums.size} records do not match their sum; some are missing`,
        )
      }
    } catch (cause) {
      if (cause instanceof CoveyError) throw cause
      throw corrupt(this.#folder, 'it cannot be read', cause)
    }
  }

  /** One at a time and in the background: commits go on meanwhile. It only saves space, so failing is no more than logged. */
  #compact(): void {
    if (this.#compaction !== undefined) return
    this.#deletes = 0
    this.#compaction = this.#level
      .compactRange(RECORD, RECORD_END)
      .catch((error: unknown) =>
        this.#options.logger.warn({ error: String(error) }, 'compacting the store failed'),
      )
      .then(() => {
        this.#compaction = undefined
      })
  }
}

const markOf = (folder: string): string => join(folder, 'retained.mark')

async function readMark(folder: string): Promise<string | undefined> {
  try {
    return await readFile(markOf(folder), 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new CoveyError('E_STORE_WRITE', `${markOf(folder)} cannot be read`, { cause })
  }
}

/** Notes the sum of a closed store, or that it is open. A torn mark would look like damage, so it is replaced whole. */
async function writeMark(folder: string, closed: Buffer | undefined): Promise<void> {
  try {
    await writeFile(`${markOf(folder)}.new`, `${closed?.toString('hex') ?? OPEN_MARK}\n`, {
      mode: 0o600,
      flush: true,
    })
    await rename(`${markOf(folder)}.new`, markOf(folder))
  } catch (cause) {
    throw new CoveyError('E_STORE_WRITE', `${markOf(folder)} cannot be written`, { cause })
  }
}

async function openLevel(folder: string): Promise<Level> {
  const level: Level = new ClassicLevel(join(folder, 'retained'), {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
  })
  try {
    await level.open()
    return level
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    const code = (cause as { code?: string }).code
    if (code === 'LEVEL_LOCKED') throw new CoveyError('E_STORE_LOCKED', `${folder} is in use`, { cause })
    if (code === 'LEVEL_CORRUPTION') throw corrupt(folder, 'LevelDB finds it damaged', cause)
    throw new CoveyError('E_STORE_WRITE', `the store in ${folder} cannot be opened`, { cause })
  }
}

function corrupt(folder: string, why: string, cause?: unknown): CoveyError {
  return new CoveyError('E_STORE_CORRUPT', `the store in ${folder} is damaged: ${why}`, { cause })
}
