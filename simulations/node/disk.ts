/**
 * A virtual disk that holds an agent's journal. Writes that wait are synced together; a crash keeps a prefix of
 * what was not synced, because some of it may have reached the disk and none of it need have.
 */
import type { Journal, JournalChange, JournalEntry } from '../../shared/ports.ts'
import { attemptKey, NO_REIGN, type Reign } from '../../shared/protocol/attempt.ts'
import type { Random } from '../../shared/random/random.ts'
import type { Engine } from '../engine/engine.ts'
import { type Handle, NO_EVENT, type Target } from '../engine/queue.ts'

const SYNC_MS = { min: 0.2, max: 6 }
export const CHANGES_WAITING_MAX = 50_000

interface Waiting {
  readonly seq: number
  readonly change: JournalChange
}

/** Told what has become durable: everything up to `seq`, or with an error that `seq` is not and will not be. */
export type Journaled = (seq: number, error: string | undefined) => void

export class Disk implements Target {
  readonly serial: number
  /** How long a sync takes. */
  syncMs: { readonly min: number; readonly max: number } = SYNC_MS
  /** Added to every sync while the disk is slow. */
  slowMs = 0
  /** How many faults fill the disk now: every write fails. */
  fullCount = 0
  readonly #engine: Engine
  readonly #random: Random
  readonly #journaled: Journaled
  #written = false
  #incarnation = 0
  #highest: Reign = NO_REIGN
  readonly #entries = new Map<string, JournalEntry>()
  #waiting: Waiting[] = []
  #syncing: Waiting[] = []
  #sync: Handle = NO_EVENT

  constructor(engine: Engine, random: Random, journaled: Journaled) {
    this.serial = engine.serial()
    this.#engine = engine
    this.#random = random
    this.#journaled = journaled
  }

  write(seq: number, change: JournalChange): void {
    if (this.#waiting.length >= CHANGES_WAITING_MAX) {
      throw new RangeError(`more than ${CHANGES_WAITING_MAX} journal changes wait for the disk`)
    }
    this.#waiting.push({ seq, change })
    if (this.#sync === NO_EVENT) this.#start()
  }

  /** What a starting agent finds; `undefined` when nothing was ever written, or all is wiped. */
  read(): Journal | undefined {
    if (!this.#written) return undefined
    return { incarnation: this.#incarnation, highest: this.#highest, entries: [...this.#entries.values()] }
  }

  get entryCount(): number {
    return this.#entries.size
  }

  /** The agent dies, or the power fails: what was not synced is there up to some point. */
  crash(): void {
    if (this.#sync !== NO_EVENT) this.#engine.cancel(this.#sync)
    this.#sync = NO_EVENT
    const unsynced = this.#syncing.length + this.#waiting.length
    this.#keep(this.#random.below(unsynced + 1))
  }

  /** The agent ends in order: what waits is written before it does. */
  close(): void {
    if (this.#sync !== NO_EVENT) this.#engine.cancel(this.#sync)
    this.#sync = NO_EVENT
    this.#keep(this.#syncing.length + this.#waiting.length)
  }

  #keep(count: number): void {
    const unsynced = [...this.#syncing, ...this.#waiting]
    const survive = this.fullCount > 0 ? 0 : count
    for (let i = 0; i < survive; i++) this.#apply((unsynced[i] as Waiting).change)
    this.#syncing = []
    this.#waiting = []
  }

  /** Everything on it is gone. Only for a device that is off. */
  wipe(): void {
    this.#written = false
    this.#incarnation = 0
    this.#highest = NO_REIGN
    this.#entries.clear()
  }

  on(): void {
    this.#sync = NO_EVENT
    const done = this.#syncing
    this.#syncing = []
    if (this.fullCount > 0) {
      for (const { seq } of done) this.#journaled(seq, 'no space left on device')
    } else {
      for (const { change } of done) this.#apply(change)
      this.#journaled((done.at(-1) as Waiting).seq, undefined)
    }
    if (this.#waiting.length > 0 && this.#sync === NO_EVENT) this.#start()
  }

  #start(): void {
    this.#syncing = this.#waiting
    this.#waiting = []
    const slowMs = this.slowMs === 0 ? 0 : this.slowMs * (0.5 + this.#random.float())
    this.#sync = this.#engine.after(this.#random.between(this.syncMs.min, this.syncMs.max) + slowMs, this, 0)
  }

  #apply(change: JournalChange): void {
    this.#written = true
    if (change.incarnation !== undefined) this.#incarnation = change.incarnation
    if (change.highest !== undefined) this.#highest = change.highest
    if (change.put !== undefined) this.#entries.set(attemptKey(change.put.attempt), change.put)
    if (change.drop !== undefined) this.#entries.delete(change.drop)
  }
}
