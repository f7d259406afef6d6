/**
 * Everything the broker holds against a client goes through here: counted by code, and logged with code, what
 * and remedy. One misbehaving client can cause thousands a second, so lines are limited per code and second; what
 * was held back is told with the next line.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import type { ErrorCode } from '../shared/errors/table.ts'

/** The part of a pino logger that the broker uses. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

interface Tally {
  total: number
  second: number
  logged: number
  heldBack: number
}

export class Complaints {
  readonly #logger: Logger
  readonly #perSecondMax: number
  readonly #nowMs: () => number
  readonly #tallies = new Map<ErrorCode, Tally>()

  constructor(logger: Logger, perSecondMax: number, nowMs: () => number = Date.now) {
    this.#logger = logger
    this.#perSecondMax = perSecondMax
    this.#nowMs = nowMs
  }

  /** Counts and, within the limit, logs. `fields` say who: client id, address, topic. */
  about(error: CoveyError, fields: object = {}, level: 'warn' | 'error' = 'warn'): void {
    const tally = this.#tally(error.code)
    tally.total += 1
    const second = Math.floor(this.#nowMs() / 1000)
    if (tally.second !== second) {
      tally.second = second
      tally.logged = 0
    }
    if (tally.logged >= this.#perSecondMax) {
      tally.heldBack += 1
      return
    }
    tally.logged += 1
    const heldBack = tally.heldBack > 0 ? { heldBack: tally.heldBack } : {}
    tally.heldBack = 0
    const cause = error.cause === undefined ? {} : { cause: String(error.cause) }
    this.#logger[level](
      { code: error.code, remedy: error.remedy, ...fields, ...cause, ...heldBack },
      error.message,
    )
  }

  /** Complaints so far by code. */
  counts(): Partial<Record<ErrorCode, number>> {
    return Object.fromEntries([...this.#tallies].map(([code, tally]) => [code, tally.total]))
  }

  #tally(code: ErrorCode): Tally {
    let tally = this.#tallies.get(code)
    if (tally === undefined) {
      tally = { total: 0, second: 0, logged: 0, heldBack: 0 }
      this.#tallies.set(code, tally)
    }
    return tally
  }
}

/** An error of the broker's limits, named. */
export function limitReached(limit: string, message: string): CoveyError {
  return new CoveyError('E_BROKER_LIMIT', `${message} (${limit})`, {
    remedy: `Send less, or raise ${limit} of the broker`,
  })
}
