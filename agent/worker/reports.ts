/**
 * Reports: what changed since the last one, gathered and sent together; a full list when the coordinator is
 * new or asks. Results are sent again, with growing pauses, until they are acknowledged.
 */

import { valueBytes } from '../../shared/protocol/json-text.ts'
import type {
  AttemptResult,
  DeviceReport,
  HeldAttempt,
  RejectedAttempt,
} from '../../shared/protocol/schemas/index.ts'
import { backoffMs } from '../../shared/random/random.ts'
import type { Context } from '../core/context.ts'
import type { Fence } from './fence.ts'
import { type Held, type HeldTable, heldMessage } from './held.ts'
import { resultBytes } from './result-bound.ts'

export const FLUSH_TIMER = 'worker/report'
export const RESEND_TIMER = 'worker/resend'

/** Size beyond which a report is split; only a single result may be larger, and that is bounded. */
const PART_BYTES_MAX = 60 * 1024
const ENTRY_BYTES = 320
const GPU_BYTES = 3
const RESEND_BASE_MS = 1_000
const RESEND_CAP_MS = 30_000
/** Refusals that wait to be reported; beyond it the oldest are dropped and found by the digest instead. */
const REJECTED_MAX = 200

export class Reports {
  readonly #context: Context
  readonly #fence: Fence
  readonly #table: HeldTable
  readonly #changed = new Set<Held>()
  #rejected: RejectedAttempt[] = []
  #full = false
  #fullId = 0
  #resends = 0
  #resendArmed = false
  #flushArmed = false

  constructor(context: Context, fence: Fence, table: HeldTable) {
    this.#context = context
    this.#fence = fence
    this.#table = table
  }

  /** An attempt entered another phase, or its result may be told. */
  changed(held: Held): void {
    this.#changed.add(held)
    this.#arm(0)
  }

  rejected(rejected: RejectedAttempt): void {
    this.#rejected.push(rejected)
    if (this.#rejected.length > REJECTED_MAX) this.#rejected.shift()
    this.#arm(0)
  }

  /** The next report lists everything. */
  full(delayMs: number): void {
    this.#full = true
    this.#flushArmed = false
    this.#arm(delayMs)
  }

  /** The attempt is not held any more: there is nothing to tell of it. */
  forget(held: Held): void {
    this.#changed.delete(held)
  }

  /** A result was acknowledged: the coordinator lives, so the pauses start anew. */
  acknowledged(held: Held): void {
    this.forget(held)
    this.#resends = 0
  }

  /** Sends again the results that nobody has acknowledged. */
  resend(): void {
    this.#resendArmed = false
    let any = false
    for (const held of this.#table.values()) {
      if (!held.reportable) continue
      this.#changed.add(held)
      any = true
    }
    if (!any) return
    this.#resends++
    this.#arm(0)
  }

  /** Something can be told, or can be told again. A link that is down arms it when it is up. */
  #arm(delayMs: number): void {
    if (this.#flushArmed) return
    this.#flushArmed = true
    this.#context.timer(FLUSH_TIMER, delayMs)
  }

  /** Publishes what has gathered; while there is nobody to tell, it stays. */
  flush(incarnation: number, nonce: string, connected: boolean): void {
    this.#flushArmed = false
    if (!connected || !this.#fence.open) return
    const source = this.#full ? this.#table.values() : this.#changed.values()
    if (!this.#full && this.#changed.size === 0 && this.#rejected.length === 0) return
    const parts = this.#split(source)
    const full = this.#full
    const id = full ? ++this.#fullId : 0
    const { highest: highestTerm, seq: inboxSeq } = this.#fence
    parts.forEach(({ held, rejected, results }, index) => {
      const body: DeviceReport = full
        ? {
            incarnation,
            nonce,
            highestTerm,
            inboxSeq,
            full: { id, part: index, last: index === parts.length - 1 },
            held,
            rejected,
            results,
          }
        : { incarnation, nonce, highestTerm, inboxSeq, held, rejected, results }
      this.#context.publish('device', 'report', this.#context.options.device, body)
    })
    this.#full = false
    this.#changed.clear()
    this.#rejected = []
    if (parts.some((part) => part.results.length > 0)) this.#armResend()
  }

  #armResend(): void {
    if (this.#resendArmed) return
    this.#resendArmed = true
    const spread = backoffMs(this.#context.random, this.#resends, RESEND_BASE_MS, RESEND_CAP_MS)
    this.#context.timer(RESEND_TIMER, RESEND_BASE_MS + spread)
  }

  #split(source: Iterable<Held>): Pick<DeviceReport, 'held' | 'rejected' | 'results'>[] {
    let held: HeldAttempt[] = []
    let results: AttemptResult[] = []
    let bytes = 0
    const parts: Pick<DeviceReport, 'held' | 'rejected' | 'results'>[] = []
    const cut = (rejected: RejectedAttempt[]) => {
      parts.push({ held, rejected, results })
      held = []
      results = []
      bytes = 0
    }
    for (const item of source) {
      const result = item.reportable ? item.result : undefined
      const message = heldMessage(item, this.#full)
      const { checkpoint } = result ?? message
      const itemBytes =
        ENTRY_BYTES +
        GPU_BYTES * item.gpus.length +
        resultBytes(result?.result) +
        valueBytes(checkpoint?.value)
      if (bytes > 0 && bytes + itemBytes > PART_BYTES_MAX) cut([])
      bytes += itemBytes
      if (result !== undefined) results.push(result)
      else held.push(message)
      item.checkpointIsNews = false
    }
    cut(this.#rejected)
    return parts
  }
}
