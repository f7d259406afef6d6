/**
 * Group commit: what arrives while a commit is running is committed together in the next one. One client alone
 * waits for one write per message in flight; a thousand clients share it.
 *
 * A failed commit fails everyone in it; nobody is acknowledged. Before the next try the store is opened anew, at
 * most once per `retryMs`, and in between everything fails at once instead of piling up.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import type { LatencySummary } from './metrics.ts'
import type { Change } from './store.ts'

/** The part of the store that commits; a test may give one that fails. */
export interface CommitStore {
  commit(changes: readonly Change[]): Promise<void>
  reopen(): Promise<void>
}

export interface GroupCommitOptions {
  readonly batchBytesMax: number
  readonly retryMs: number
  readonly latency: LatencySummary
  readonly nowMs: () => number
}

const UNWANTED = new CoveyError('E_STORE_WRITE', 'an earlier publish of this connection was not committed')

interface Waiting {
  readonly change: Change
  /** Asked right before the write: a publish whose connection was closed is not written any more. */
  readonly wanted: () => boolean
  readonly done: (error?: CoveyError) => void
}

export class GroupCommit {
  readonly #store: CommitStore
  readonly #options: GroupCommitOptions
  #waiting: Waiting[] = []
  #running = false
  #brokenSinceMs: number | undefined
  #idle: (() => void)[] = []
  /** Of what waits or is being written. */
  count = 0
  bytes = 0
  commits = 0
  failures = 0

  constructor(store: CommitStore, options: GroupCommitOptions) {
    this.#store = store
    this.#options = options
  }

  /** Adds a change; `done` is called once, in the order of `add`, when it is committed or has failed. */
  add(change: Change, wanted: () => boolean, done: (error?: CoveyError) => void): void {
    this.#waiting.push({ change, wanted, done })
    this.count += 1
    this.bytes += change.payload.length
    if (this.#running) return
    this.#running = true
    // Not at once: the other publishes of this read chunk, and of the other connections read in this turn, join.
    setImmediate(() => void this.#run())
  }

  /** Resolves when nothing waits and nothing is being written. */
  idle(): Promise<void> {
    if (!this.#running) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#next()
      const kept = new Set(batch.filter(({ wanted }) => wanted()))
      const error = await this.#commit([...kept])
      for (const waiting of batch) {
        this.count -= 1
        this.bytes -= waiting.change.payload.length
        waiting.done(kept.has(waiting) ? error : UNWANTED)
      }
    }
    this.#running = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #next(): Waiting[] {
    let bytes = 0
    let n = 0
    while (n < this.#waiting.length && (n === 0 || bytes <= this.#options.batchBytesMax)) {
      bytes += this.#waiting[n]?.change.payload.length ?? 0
      n += 1
    }
    if (n === this.#waiting.length) {
      const all = this.#waiting
      this.#waiting = []
      return all
    }
    return this.#waiting.splice(0, n)
  }

  async #commit(batch: readonly Waiting[]): Promise<CoveyError | undefined> {
    if (batch.length === 0) return undefined
    const startedMs = this.#options.nowMs()
    if (this.#brokenSinceMs !== undefined && startedMs - this.#brokenSinceMs < this.#options.retryMs) {
      return new CoveyError('E_STORE_WRITE', 'the store could not be written a moment ago')
    }
    try {
      if (this.#brokenSinceMs !== undefined) await this.#store.reopen()
      this.#brokenSinceMs = undefined
      await this.#store.commit(batch.map(({ change }) => change))
      this.commits += 1
      this.#options.latency.add(this.#options.nowMs() - startedMs)
      return undefined
    } catch (cause) {
      this.#brokenSinceMs = this.#options.nowMs()
      this.failures += 1
      return cause instanceof CoveyError
        ? cause
        : new CoveyError('E_STORE_WRITE', 'a commit failed', { cause })
    }
  }
}
