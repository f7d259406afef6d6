/**
 * Names that order what happened: a reign is `(term, agent)`, an attempt `(term, agent, n)`.
 * Later reigns are greater; within a reign later attempts are.
 */
export interface Reign {
  readonly term: number
  readonly agent: string
}

export interface Attempt extends Reign {
  readonly n: number
}

/** Below every reign there can be. */
export const NO_REIGN: Reign = Object.freeze({ term: 0, agent: '' })

/** Negative, zero or positive as `a` is before, equal to or after `b`. */
export function compareReigns(a: Reign, b: Reign): number {
  if (a.term !== b.term) return a.term - b.term
  // It is the same reign nearly always, and that two strings are one is seen at a glance.
  if (a.agent === b.agent) return 0
  return a.agent < b.agent ? -1 : 1
}

/** Negative, zero or positive as `a` is before, equal to or after `b`. */
export function compareAttempts(a: Attempt, b: Attempt): number {
  return compareReigns(a, b) || a.n - b.n
}

/** The attempt's name as one string: a key of maps and file names. */
export function attemptKey(attempt: Attempt): string {
  return `${attempt.term}.${attempt.agent}.${attempt.n}`
}

/** True for the same attempt. */
export function sameAttempt(a: Attempt | undefined, b: Attempt | undefined): boolean {
  return a !== undefined && b !== undefined && a.n === b.n && a.term === b.term && a.agent === b.agent
}
