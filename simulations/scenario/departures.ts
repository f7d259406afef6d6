/** Why coordinators left office: what each said of it, with numbers and names left out so that it can be counted. */
import type { AgentEffect } from '../../shared/ports.ts'
import type { Departure } from '../report/model.ts'

/** What is said in more ways than these is counted together. */
const REASONS_MAX = 16
const OTHER = 'other reasons'
const OUT_OF_OFFICE = 'out of office'
/** Durations, terms and who holds them, and addresses differ each time. */
const PARTICULARS = /\d+ ms|term \d+ of \S+|\b\d[\d.:]*/g

export class Departures {
  readonly #counts = new Map<string, number>()

  /** A coordinator has left and said why. */
  left(reason: string): void {
    const told = reason.replace(PARTICULARS, '…')
    const key = this.#counts.has(told) || this.#counts.size < REASONS_MAX ? told : OTHER
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  /** The most frequent first. */
  list(): Departure[] {
    return [...this.#counts]
      .map(([reason, count]) => ({ reason, count }))
      .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
  }
}

/** The reason that an agent gives when it leaves office, if that is what the effect is. */
export function departureIn(effect: AgentEffect): string | undefined {
  return effect.do === 'log' && effect.message === OUT_OF_OFFICE
    ? String(effect.fields?.['reason'])
    : undefined
}
