/**
 * The agent's journal: what it has taken on and the results it has not got rid of, as a lowdb document.
 *
 * Group commit: changes that come while a write runs go together in the next one, so a slow disk makes groups
 * larger and not the queue longer.
 *
 * When a write fails, each change of its group is answered with the error, and its `put` is taken back: it will
 * not be written later, because the core has acted on the error by then. What only takes away or raises (`drop`,
 * `highest`, `incarnation`) is kept in memory and goes with the next write that succeeds: doing it late is
 * harmless, and forgetting a `drop` would keep the entry for ever. One uncertainty remains: when only the folder's
 * sync fails, the new document is in place but not certain to survive; it is reported as failed, and the next write
 * replaces it.
 */
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Adapter, Low } from 'lowdb'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Journal, JournalChange } from '../../shared/ports.ts'
import { attemptKey, NO_REIGN } from '../../shared/protocol/attempt.ts'
import { type Durability, type JournalDocument, JournalFile } from './journal-file.ts'
import type { ShellLimits } from './limits.ts'
import type { Emit } from './link.ts'
import type { Log } from './log.ts'
import type { Fail, JournalWriter } from './runtime.ts'

export interface JournalOptions {
  /** The agent's data folder; it must be there and locked. */
  readonly folder: string
  readonly durability: Durability
  readonly limits: ShellLimits
  readonly log: Log
}

export interface OpenedJournal {
  /** What it held; `undefined` when there was none, or none that could be read. */
  readonly contents: Journal | undefined
  readonly writer: (emit: Emit, fail: Fail) => JournalWriter
}

const EMPTY: JournalDocument = { incarnation: 0, highest: NO_REIGN, entries: new Map() }

/**
 * Reads the journal. One that cannot be read is moved aside, loudly, and counts as missing.
 *
 * @throws CoveyError E_STORE_CORRUPT when it can be neither read nor moved aside
 */
export async function openJournal(options: JournalOptions): Promise<OpenedJournal> {
  const { folder, durability, limits, log } = options
  const path = join(folder, 'journal.json')
  const adapter = new JournalFile(path, durability, limits.journalBytesMax)
  const found = await readOrSetAside(adapter, options)
  const writer = (emit: Emit, fail: Fail) => new Commits(adapter, found ?? EMPTY, { limits, log, emit, fail })
  if (found === null) return { contents: undefined, writer }
  return { contents: { ...found, entries: [...found.entries.values()] }, writer }
}

async function readOrSetAside(file: JournalFile, options: JournalOptions): Promise<JournalDocument | null> {
  try {
    return await file.read()
  } catch (error) {
    if (!(error instanceof CoveyError)) throw error
    const aside = await setAside(options.folder, options.limits.corruptJournalsMax, error)
    options.log.error(
      { code: error.code, movedTo: aside },
      `the journal cannot be read and is moved aside; the agent starts as if new: ${error.message}`,
    )
    return null
  }
}

/** Moves the journal to the next free `journal.corrupt-<n>.json` and removes the oldest beyond the bound. */
async function setAside(folder: string, keptMax: number, cause: CoveyError): Promise<string> {
  try {
    const numbers = (await readdir(folder))
      .map((name) => Number(/^journal\.corrupt-(\d+)\.json$/.exec(name)?.[1] ?? Number.NaN))
      .filter((number) => Number.isInteger(number))
      .sort((a, b) => a - b)
    const name = (n: number) => join(folder, `journal.corrupt-${n}.json`)
    const aside = name((numbers.at(-1) ?? 0) + 1)
    await rename(join(folder, 'journal.json'), aside)
    const tooMany = numbers.slice(0, Math.max(0, numbers.length + 1 - keptMax))
    for (const number of tooMany) await rm(name(number), { recursive: true, force: true })
    return aside
  } catch (error) {
    throw new CoveyError(
      cause.code,
      `${cause.message}; nor can it be moved aside: ${(error as Error).message}`,
      { cause },
    )
  }
}

interface Pending {
  readonly seq: number
  readonly change: JournalChange
}

export interface CommitContext {
  readonly limits: ShellLimits
  readonly log: Log
  readonly emit: Emit
  readonly fail: Fail
}

/** Writes changes in groups and answers each, in their order, with `journaled`. */
export class Commits implements JournalWriter {
  readonly #db: Low<JournalDocument>
  readonly #context: CommitContext
  #pending: Pending[] = []
  #running: Promise<void> | undefined

  constructor(adapter: Adapter<JournalDocument>, found: JournalDocument, context: CommitContext) {
    this.#db = new Low(adapter, found)
    this.#context = context
  }

  /** @throws CoveyError E_JOURNAL when the disk is far behind */
  persist(seq: number, change: JournalChange): void {
    const { journalChangesMax } = this.#context.limits
    if (this.#pending.length >= journalChangesMax) {
      const told = `${this.#pending.length} changes of the journal wait for the disk, at most ${journalChangesMax} may`
      throw new CoveyError('E_JOURNAL', told)
    }
    this.#pending.push({ seq, change })
    this.#running ??= this.#run()
  }

  async close(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // All changes of the step that is being carried out belong to the first group.
    await Promise.resolve()
    while (this.#pending.length > 0) {
      const group = this.#pending
      this.#pending = []
      await this.#commit(group)
    }
    this.#running = undefined
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const { emit, log, fail, limits } = this.#context
    const before = this.#db.data
    this.#db.data = apply(before, group, true)
    const limit = setTimeout(() => {
      const told = `a write of the journal takes longer than ${limits.journalWriteMs} ms; the disk counts as dead`
      fail(new CoveyError('E_JOURNAL', told))
    }, limits.journalWriteMs)
    try {
      await this.#db.write()
    } catch (error) {
      this.#db.data = apply(before, group, false)
      const told = (error as Error).message
      log.error({ changes: group.length }, `the journal cannot be written: ${told}`)
      for (const { seq } of group) emit({ in: 'journaled', seq, error: told })
      return
    } finally {
      clearTimeout(limit)
    }
    emit({ in: 'journaled', seq: (group.at(-1) as Pending).seq })
  }
}

/** The document with the changes made; without `puts`, only what takes away or raises. */
function apply(document: JournalDocument, group: readonly Pending[], puts: boolean): JournalDocument {
  let { incarnation, highest } = document
  const entries = new Map(document.entries)
  for (const { change } of group) {
    if (change.incarnation !== undefined) incarnation = change.incarnation
    if (change.highest !== undefined) highest = change.highest
    if (change.drop !== undefined) entries.delete(change.drop)
    if (change.put !== undefined && puts) entries.set(attemptKey(change.put.attempt), change.put)
  }
  return { incarnation, highest, entries }
}
