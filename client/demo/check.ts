/**
 * The verdict: what was handed in, what was seen to end and what should have come out are compared, task by task.
 * It knows nothing of how the work was done, so a test can hand it whatever could go wrong.
 */
import type { Seen } from './observer.ts'
import type { Job } from './work.ts'

/** Examples named for each kind of problem. */
const NAMED_MAX = 3

export interface Evidence {
  readonly jobs: readonly Pick<Job, 'id' | 'file' | 'expected'>[]
  readonly receipts: ReadonlySet<string>
  /** Why tasks have no receipt. */
  readonly failures: ReadonlyMap<string, string>
  readonly seen: ReadonlyMap<string, Seen>
  /** Tasks of the killed device that were placed elsewhere. */
  readonly rerouted: readonly string[]
}

/** Numbers of tasks, unless named otherwise. */
export interface Figures {
  readonly tasks: number
  readonly receipts: number
  /** Ended `succeeded`, once, with the right result. */
  readonly right: number
  /** With a receipt and without an end. */
  readonly lost: number
  /** Seen to end in more than one way, or to go on after its end. */
  readonly endedTwice: number
  /** Ended otherwise than `succeeded`. */
  readonly failed: number
  /** Ended `succeeded` with another result than was computed here. */
  readonly wrong: number
  /** Attempts that the mesh began. */
  readonly attempts: number
  /** Attempts among them that were lost with a device. */
  readonly attemptsLost: number
  readonly rerouted: number
  /** Results that came of attempts given up before. */
  readonly duplicates: number
}

export interface Verdict {
  readonly figures: Figures
  /** What is not as it should be, one sentence each; empty when all is well. */
  readonly problems: readonly string[]
}

/** Compares. */
export function check(evidence: Evidence): Verdict {
  const { jobs, receipts, failures, seen, rerouted } = evidence
  const unreceipted: string[] = []
  const lost: string[] = []
  const endedTwice: string[] = []
  const failed: string[] = []
  const wrong: string[] = []
  let right = 0
  for (const { id, file, expected } of jobs) {
    const about = `${id} (${file})`
    if (!receipts.has(id)) unreceipted.push(`${about}: ${failures.get(id) ?? 'not handed in'}`)
    const task = seen.get(id)
    const [end, ...more] = task?.ends ?? []
    if (end === undefined) {
      const state = task === undefined ? 'it never had a status' : `it is ${task.status.state}`
      if (receipts.has(id)) lost.push(`${about}: ${state}`)
    } else if (more.length > 0 || task?.revived === true) {
      const ends = [end, ...more].map(({ state, attempt }) => `${state} by ${attempt || 'no attempt'}`)
      endedTwice.push(`${about}: ${ends.join(', ')}${task?.revived === true ? ', and it went on' : ''}`)
    } else if (end.state !== 'succeeded' || end.exitCode !== 0) {
      failed.push(`${about}: ${end.state}, ${end.explanation}`)
    } else if (end.stdout.trim() !== expected) {
      wrong.push(`${about}: ${JSON.stringify(end.stdout.trim().slice(0, 80))} instead of "${expected}"`)
    } else right++
  }
  const known = new Set(jobs.map(({ id }) => id))
  const strangers = [...seen.keys()].filter((id) => !known.has(id))
  const problems = [
    ...problem(unreceipted, 'no receipt'),
    ...problem(lost, 'lost: a receipt and no end'),
    ...problem(endedTwice, 'ended more than once'),
    ...problem(failed, 'did not succeed'),
    ...problem(wrong, 'wrong result'),
    ...problem(strangers, 'a task that nobody handed in'),
    ...(rerouted.length === 0 ? ['no task was rerouted'] : []),
  ]
  const statuses = [...seen.values()].map(({ status }) => status)
  const figures = {
    tasks: jobs.length,
    receipts: receipts.size,
    right,
    lost: lost.length,
    endedTwice: endedTwice.length,
    failed: failed.length,
    wrong: wrong.length,
    attempts: statuses.reduce((sum, { attempts }) => sum + attempts, 0),
    attemptsLost: statuses.reduce((sum, { lost }) => sum + lost, 0),
    rerouted: rerouted.length,
    duplicates: statuses.reduce((sum, { duplicates }) => sum + (duplicates ?? 0), 0),
  }
  return { figures, problems }
}

function problem(cases: readonly string[], what: string): string[] {
  if (cases.length === 0) return []
  const more = cases.length > NAMED_MAX ? `; and ${cases.length - NAMED_MAX} more` : ''
  return [`${what}: ${cases.length}: ${cases.slice(0, NAMED_MAX).join('; ')}${more}`]
}
