/**
 * What all checkers share. A checker sees everything that an observer sees, decides nothing, and writes down where
 * an invariant was broken. The first violation of a run tells most; later ones may follow from it.
 */
import type { Engine } from '../engine/engine.ts'
import type { Observer } from '../observer.ts'

export interface Violation {
  /** Which invariant: `I1` … `I9`, or `wire` for a rule of the protocol. */
  readonly invariant: string
  readonly atMs: number
  readonly about: string
  readonly expected: string
  readonly found: string
}

export interface Checker extends Observer {
  readonly name: string
  /** Called once, when the run is over and everything has had time to settle. */
  finish?(): void
}

export const VIOLATIONS_MAX = 20

/** Where checkers write violations; only so many are kept, and all are counted. */
export class Violations {
  readonly list: Violation[] = []
  count = 0
  readonly #engine: Pick<Engine, 'nowMs' | 'note'>

  constructor(engine: Pick<Engine, 'nowMs' | 'note'>) {
    this.#engine = engine
  }

  add(invariant: string, about: string, expected: string, found: string): void {
    this.count++
    if (this.list.length < VIOLATIONS_MAX) {
      this.list.push({ invariant, atMs: this.#engine.nowMs, about, expected, found })
    }
    this.#engine.note('checker', `${invariant} violated`, { about, expected, found })
  }
}

/** A violation in one line. */
export function describeViolation(violation: Violation): string {
  const { invariant, atMs, about, expected, found } = violation
  return `${invariant} at ${(atMs / 1000).toFixed(3)}s, ${about}: expected ${expected}, found ${found}`
}
