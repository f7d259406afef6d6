/**
 * The journal's file: one JSON document, always replaced as a whole through a temporary file and a rename, so a
 * reader finds the old document or the new one.
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Adapter } from 'lowdb'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { ErrorCode } from '../../shared/errors/table.ts'
import type { JournalEntry } from '../../shared/ports.ts'
import { type Attempt, attemptKey, type Reign } from '../../shared/protocol/attempt.ts'
import { checkBody } from '../../shared/protocol/codec.ts'
import { isWork } from '../../shared/protocol/ids.ts'

export const JOURNAL_VERSION = 1

/**
 * What an acknowledged change survives. `power`: the loss of power; file and folder are synced to the disk.
 * `process`: the death of the process; without a sync, which saves a flash card's life and some milliseconds.
 */
export type Durability = 'power' | 'process'

export interface JournalDocument {
  readonly incarnation: number
  readonly highest: Reign
  /** By `attemptKey`. */
  readonly entries: ReadonlyMap<string, JournalEntry>
}

export class JournalFile implements Adapter<JournalDocument> {
  readonly #path: string
  readonly #durability: Durability
  readonly #bytesMax: number
  /** Entries never change, so each is turned into text once, however often the file is written. */
  readonly #texts = new WeakMap<JournalEntry, string>()

  constructor(path: string, durability: Durability, bytesMax: number) {
    this.#path = path
    this.#durability = durability
    this.#bytesMax = bytesMax
  }

  /**
   * @returns null when there is no file
   * @throws CoveyError E_STORE_CORRUPT or E_STORE_VERSION
   */
  async read(): Promise<JournalDocument | null> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw this.#refuse('E_STORE_CORRUPT', (error as Error).message)
    }
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (error) {
      throw this.#refuse('E_STORE_CORRUPT', (error as Error).message)
    }
    const { version, incarnation, highest, entries } = (value ?? {}) as Record<string, unknown>
    if (version !== JOURNAL_VERSION) {
      const told = `its version is ${JSON.stringify(version)}, this agent writes ${JOURNAL_VERSION}`
      throw this.#refuse('E_STORE_VERSION', told)
    }
    const fault = findFault(incarnation, highest, entries)
    if (fault !== undefined) throw this.#refuse('E_STORE_CORRUPT', fault)
    const list = entries as JournalEntry[]
    return {
      incarnation: incarnation as number,
      highest: highest as Reign,
      entries: new Map(list.map((entry) => [attemptKey(entry.attempt), entry])),
    }
  }

  /** @throws CoveyError E_JOURNAL, or what the file system says; the former document is still there then. */
  async write(document: JournalDocument): Promise<void> {
    const text = this.#encode(document)
    const bytes = Buffer.byteLength(text)
    if (bytes > this.#bytesMax) {
      throw new CoveyError(
        'E_JOURNAL',
        `the journal would have ${bytes} bytes, journalBytesMax is ${this.#bytesMax}`,
      )
    }
    const temporary = `${this.#path}.tmp`
    try {
      await this.#writeFile(temporary, text)
      await rename(temporary, this.#path)
    } catch (error) {
      await rm(temporary, { recursive: true, force: true })
      throw error
    }
    if (this.#durability === 'power') await syncFolder(dirname(this.#path))
  }

  async #writeFile(path: string, text: string): Promise<void> {
    const file = await open(path, 'w', 0o600)
    try {
      await file.writeFile(text)
      if (this.#durability === 'power') await file.sync()
    } finally {
      await file.close()
    }
  }

  #encode({ incarnation, highest, entries }: JournalDocument): string {
    const lines: string[] = []
    for (const entry of entries.values()) {
      let text = this.#texts.get(entry)
      if (text === undefined) {
        text = JSON.stringify(entry)
        this.#texts.set(entry, text)
      }
      lines.push(text)
    }
    const head = JSON.stringify({ version: JOURNAL_VERSION, incarnation, highest }).slice(0, -1)
    return `${head},"entries":[${lines.join(',\n')}]}\n`
  }

  #refuse(code: ErrorCode, told: string): CoveyError {
    return new CoveyError(code, `${this.#path}: ${told}`)
  }
}

/** Why this is not the content of a journal; `undefined` when it is. */
function findFault(incarnation: unknown, highest: unknown, entries: unknown): string | undefined {
  if (!isCount(incarnation)) return 'its incarnation is not a number'
  if (!isReign(highest)) return 'its highest reign is none'
  if (!Array.isArray(entries)) return 'its entries are not a list'
  for (const [index, entry] of entries.entries()) {
    const fault = findEntryFault(entry as Partial<JournalEntry> | null)
    if (fault !== undefined) return `entry ${index}: ${fault}`
  }
  return undefined
}

function findEntryFault(entry: Partial<JournalEntry> | null): string | undefined {
  if (!isAttempt(entry?.attempt)) return 'its attempt is none'
  if (typeof entry.task !== 'string' || !isWork(entry.task))
    return `${JSON.stringify(entry.task)} is not an id`
  const { pid, checkpoint, result, spec } = entry
  if (pid !== undefined && !(isCount(pid) && pid > 0)) return `${JSON.stringify(pid)} is not a pid`
  if (checkpoint !== undefined && !isAttempt(checkpoint?.attempt)) return 'its checkpoint is none'
  if (result !== undefined && !(isAttempt(result?.attempt) && typeof result.outcome === 'string')) {
    return 'its result is none'
  }
  const rejection = checkBody('spec', spec)
  return rejection === undefined ? undefined : `spec${rejection.path}: ${rejection.message}`
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

function isReign(value: unknown): value is Reign {
  const reign = value as Partial<Reign> | null | undefined
  return isCount(reign?.term) && typeof reign.agent === 'string'
}

function isAttempt(value: unknown): value is Attempt {
  return isReign(value) && isCount((value as Partial<Attempt>).n)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
