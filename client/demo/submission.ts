/** Hands the work in through the SDK, a bounded part of it at a time, so that submitting goes on while devices fail. */
import type { Client } from '../client.ts'
import type { Observer } from './observer.ts'
import { until } from './until.ts'
import type { Job } from './work.ts'

/** Submissions whose receipt is awaited. */
const IN_FLIGHT_MAX = 16
/** A receipt takes as long as there is no coordinator. */
const RECEIPT_TIMEOUT_MS = 30_000

export class Submission {
  /** Ids of the tasks that have a receipt: the broker acknowledged the spec, and a status answered it. */
  readonly receipts = new Set<string>()
  /** Why others have none, by id. */
  readonly failures = new Map<string, string>()
  #next = 0
  #piecesHandedIn = 0
  readonly #jobs: readonly Job[]
  readonly #unfinishedMax: number

  /**
   * @param jobs what there is now; what is planned later is handed in by itself
   * @param unfinishedMax pieces handed in that have not ended; the array that reaches it may exceed it
   */
  constructor(jobs: readonly Job[], unfinishedMax: number) {
    this.#jobs = [...jobs]
    this.#unfinishedMax = unfinishedMax
  }

  /** Hands one job in at once. Resolves when it has its receipt or its failure. */
  async hand(client: Client, job: Job, signal: AbortSignal): Promise<void> {
    this.#piecesHandedIn += job.pieces.length
    await this.#submit(client, job, signal)
  }

  /**
   * Resolves when each task has its receipt or its failure; never rejects but for the signal.
   *
   * @param part up to which part the work may be handed in at present
   */
  async run(client: Client, observer: Observer, part: () => number, signal: AbortSignal): Promise<void> {
    const lane = async () => {
      for (;;) {
        let job: Job | undefined
        const take = () => {
          const next = this.#jobs[this.#next]
          if (next === undefined) return true
          if (next.part > part() || this.#piecesHandedIn - observer.ended >= this.#unfinishedMax) return false
          this.#next++
          this.#piecesHandedIn += next.pieces.length
          job = next
          return true
        }
        await until(observer, take, signal)
        if (job === undefined) return
        await this.#submit(client, job, signal)
      }
    }
    await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, lane))
  }

  async #submit(client: Client, { id, spec }: Job, signal: AbortSignal): Promise<void> {
    try {
      await client.submit(spec, { id, signal, timeoutMs: RECEIPT_TIMEOUT_MS })
      this.receipts.add(id)
    } catch (error) {
      this.failures.set(id, (error as Error).message)
    }
  }
}
