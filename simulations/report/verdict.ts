/** Whether a run was good, in one word and in one sentence. */
import { formatCount } from './figures.ts'
import type { SimReport } from './model.ts'

export interface Verdict {
  /** `incomplete`: nothing failed in the part that ran, but it did not run to its end. */
  readonly state: 'passed' | 'failed' | 'incomplete'
  readonly word: string
  readonly sentence: string
}

const WORDS = { passed: 'Passed', failed: 'Failed', incomplete: 'Incomplete' } as const

export function verdictOf(report: SimReport): Verdict {
  const { expectations, violations, partial } = report
  const met = expectations.filter((expectation) => expectation.met).length
  const failed = met < expectations.length || violations.length > 0
  const state = failed ? 'failed' : partial ? 'incomplete' : 'passed'
  const parts = [
    expectations.length === 0
      ? 'no expectations stated'
      : `${formatCount(met)} of ${formatCount(expectations.length)} expectations met`,
    violations.length === 0
      ? 'no invariant broken'
      : `${formatCount(violations.length)} ${violations.length === 1 ? 'violation' : 'violations'} of invariants`,
    ...(partial ? ['interrupted before its end'] : []),
  ]
  return { state, word: WORDS[state], sentence: parts.join(', ') }
}
