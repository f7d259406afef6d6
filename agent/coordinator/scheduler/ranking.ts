/** The best of the devices with room that were looked at: the first is chosen, an explanation names the others. */
import type { DeviceRecord } from '../device-record.ts'
import { SAME } from './best-index.ts'

/** How many are kept. */
export const RANKED_MAX = 3

export interface Candidate {
  readonly device: DeviceRecord
  /** From 0 to 1. */
  readonly score: number
  /** What the strategy alone says, from 0 to 1. */
  readonly own: number
}

export class Ranking {
  /** The best first; of equals the one with fewer tasks, then the one with the higher id. */
  readonly best: Candidate[] = []
  /** Devices with room that were looked at. */
  looked = 0
  /** Bids that it is made of, when it is of an auction; and what is to be said before all else when it is not, but was to be. */
  bids: number | undefined
  unsold = ''
  /** How many tasks in a row the first may be given. */
  runMax = Number.POSITIVE_INFINITY

  /** The highest score so far; below every score when there is none. */
  get most(): number {
    return this.best[0]?.score ?? Number.NEGATIVE_INFINITY
  }

  /** As many are kept as can be. */
  get full(): boolean {
    return this.best.length === RANKED_MAX
  }

  /** What a score must exceed to be kept. */
  get least(): number {
    return this.full ? (this.best[RANKED_MAX - 1] as Candidate).score : Number.NEGATIVE_INFINITY
  }

  /** A device with room was looked at. */
  consider(device: DeviceRecord, score: number, own: number = score): void {
    this.looked++
    const { best } = this
    let place = best.length
    while (place > 0) {
      const above = best[place - 1] as Candidate
      if (above.score - score > SAME || (score - above.score <= SAME && isBefore(above.device, device))) break
      place--
    }
    if (place >= RANKED_MAX) return
    for (let i = Math.min(best.length, RANKED_MAX - 1); i > place; i--) best[i] = best[i - 1] as Candidate
    best[place] = { device, score, own }
  }
}

function isBefore(a: DeviceRecord, b: DeviceRecord): boolean {
  return a.held === b.held ? a.id > b.id : a.held < b.held
}
