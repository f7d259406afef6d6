/**
 * The verdict: what was handed in, what was seen to end, what truly ran and what should have come out are compared,
 * piece by piece. It knows nothing of how the work was done, so a test can hand it whatever could go wrong.
 */
import type { End, Seen } from './observer.ts'
import type { Life } from './witness.ts'
import type { Job } from './work.ts'

/** Examples named for each kind of problem. */
const NAMED_MAX = 3

export interface Evidence {
  readonly jobs: readonly Pick<Job, 'id' | 'pieces' | 'spec'>[]
  /** Tasks that have one. */
  readonly receipts: ReadonlySet<string>
  /** Why tasks have no receipt. */
  readonly failures: ReadonlyMap<string, string>
  readonly seen: ReadonlyMap<string, Seen>
  /** Ends of elements of arrays, by their names. */
  readonly elements: ReadonlyMap<string, readonly End[]>
  /** What truly ran, by piece, in the order of its beginning. */
  readonly lives: ReadonlyMap<string, readonly Life[]>
  /** Pieces that were struck and begun elsewhere, blow by blow. */
  readonly rerouted: readonly (readonly string[])[]
  /** Attempts that were moved off a loaded device, each with the next of its task. */
  readonly moves: readonly { readonly from: Life; readonly to: Life }[]
}

/** Numbers of pieces (tasks that are no arrays, and elements of arrays), unless named otherwise. */
export interface Figures {
  /** Specs handed in. */
  readonly tasks: number
  readonly elements: number
  /** Tasks with a receipt. */
  readonly receipts: number
  /** Ended `succeeded`, once, with the right result, by an attempt that truly ran to its end. */
  readonly right: number
  /** Tasks with a receipt, and elements of such, without an end. */
  readonly lost: number
  /** Tasks and elements seen to end in more than one way, or to go on after their end. */
  readonly acceptedTwice: number
  /** Tasks and elements that ended otherwise than `succeeded`. */
  readonly failed: number
  /** Ended `succeeded` with another result than was computed here. */
  readonly wrong: number
  /** Commands that truly began. */
  readonly attempts: number
  /** Those that were killed before they came to their end. */
  readonly attemptsCut: number
  readonly rerouted: number
  /** Moved off a loaded device, and gone on elsewhere. */
  readonly moved: number
  /** Ran to the end more than once. */
  readonly executedTwice: number
  /** Exclusive, and two attempts of it were at work at the same time. */
  readonly overlaps: number
  /** Begun before all that it is after had come to an end. */
  readonly early: number
}

export interface Verdict {
  readonly figures: Figures
  /** What is not as it should be, one sentence each; empty when all is well. */
  readonly problems: readonly string[]
}

/** Compares. */
export function check(evidence: Evidence): Verdict {
  const { jobs, receipts, failures, seen, elements, lives } = evidence
  const found = new Findings()
  for (const job of jobs) {
    const task = seen.get(job.id)
    if (!receipts.has(job.id)) {
      found.add('no receipt', `${job.id}: ${failures.get(job.id) ?? 'not handed in'}`)
    }
    for (const piece of job.pieces) {
      const ends = piece.name === job.id ? (task?.ends ?? []) : (elements.get(piece.name) ?? [])
      const revived = piece.name === job.id && task?.revived === true
      const about = `${piece.name} (${piece.subject})`
      judge(found, { ...piece, about, ends, revived, receipted: receipts.has(job.id) }, task, lives)
    }
    if (job.spec.array !== undefined) judgeArray(found, job.id, task, receipts.has(job.id))
  }
  judgeTruth(found, evidence)
  const pieces = jobs.flatMap((job) => job.pieces)
  const known = new Set([...jobs.map(({ id }) => id), ...pieces.map(({ name }) => name)])
  for (const name of new Set([...seen.keys(), ...elements.keys(), ...lives.keys()])) {
    if (!known.has(name)) found.add('a task that nobody handed in', name)
  }
  const all = [...lives.values()].flat()
  const figures = {
    tasks: jobs.length,
    elements: jobs.reduce((sum, { spec }) => sum + (spec.array?.length ?? 0), 0),
    receipts: receipts.size,
    right: found.right,
    lost: found.count('lost: a receipt and no end'),
    acceptedTwice: found.count('ended more than once'),
    failed: found.count('did not succeed'),
    wrong: found.count('wrong result'),
    attempts: all.length,
    attemptsCut: all.filter(({ ended }) => !ended).length,
    rerouted: new Set(evidence.rerouted.flat()).size,
    moved: evidence.moves.length,
    executedTwice: [...lives.values()].filter((some) => some.filter(({ ended }) => ended).length > 1).length,
    overlaps: found.count('exclusive, and two attempts at work together'),
    early: found.count('begun before what it is after had ended'),
  }
  return { figures, problems: found.problems() }
}

const PROBLEMS = [
  'no receipt',
  'lost: a receipt and no end',
  'ended more than once',
  'did not succeed',
  'wrong result',
  'a result of what did not run to its end',
  'exclusive, and two attempts at work together',
  'begun before what it is after had ended',
  'a task that nobody handed in',
  'nothing was rerouted after a blow',
  'moved, and not elsewhere',
  'moved, and began anew',
] as const
type Problem = (typeof PROBLEMS)[number]

class Findings {
  right = 0
  readonly #cases = new Map<Problem, string[]>()

  add(what: Problem, which: string): void {
    this.#cases.set(what, [...(this.#cases.get(what) ?? []), which])
  }

  count(what: Problem): number {
    return this.#cases.get(what)?.length ?? 0
  }

  problems(): string[] {
    return PROBLEMS.flatMap((what) => {
      const cases = this.#cases.get(what) ?? []
      if (cases.length === 0) return []
      const more = cases.length > NAMED_MAX ? `; and ${cases.length - NAMED_MAX} more` : ''
      return [`${what}: ${cases.length}: ${cases.slice(0, NAMED_MAX).join('; ')}${more}`]
    })
  }
}

interface Outcome {
  readonly name: string
  readonly about: string
  readonly expected: string
  readonly ends: readonly End[]
  readonly revived: boolean
  readonly receipted: boolean
}

function judge(found: Findings, outcome: Outcome, task: Seen | undefined, lives: Evidence['lives']): void {
  const { name, about, expected, ends, revived, receipted } = outcome
  const [end, ...more] = ends
  if (end === undefined) {
    const state = task === undefined ? 'it never had a status' : `its task is ${task.status.state}`
    if (receipted) found.add('lost: a receipt and no end', `${about}: ${state}`)
  } else if (more.length > 0 || revived) found.add('ended more than once', `${about}: ${told(ends, revived)}`)
  else if (end.state !== 'succeeded' || end.exitCode !== 0) {
    found.add('did not succeed', `${about}: ${end.state}, ${end.explanation}`)
  } else if (end.stdout.trim() !== expected) {
    found.add(
      'wrong result',
      `${about}: ${JSON.stringify(end.stdout.trim().slice(0, 80))} instead of "${expected}"`,
    )
  } else if (lives.get(name)?.some(({ attempt, ended }) => ended && attempt === end.attempt) !== true) {
    found.add('a result of what did not run to its end', `${about}: ${end.attempt || 'no attempt'}`)
  } else found.right++
}

/** Of an array as a whole; what its elements came to is judged by itself. */
function judgeArray(found: Findings, id: string, task: Seen | undefined, receipted: boolean): void {
  const [end, ...more] = task?.ends ?? []
  if (end === undefined) {
    if (receipted)
      found.add('lost: a receipt and no end', `${id}: ${task?.status.state ?? 'it never had a status'}`)
  } else if (more.length > 0 || task?.revived === true) {
    found.add('ended more than once', `${id}: ${told([end, ...more], task?.revived === true)}`)
  } else if (end.state !== 'succeeded')
    found.add('did not succeed', `${id}: ${end.state}, ${end.explanation}`)
}

/** What no status tells: the order in which commands truly ran. */
function judgeTruth(found: Findings, { jobs, lives, rerouted, moves }: Evidence): void {
  /** When all pieces of a task had come to an end, each for the first time. */
  const endedMs = new Map(
    jobs.map(({ id, pieces }) => [id, Math.max(...pieces.map(({ name }) => firstEnd(lives.get(name))))]),
  )
  for (const { id, spec } of jobs) {
    const [first, ...later] = lives.get(id) ?? []
    if (first === undefined) continue
    const tooLate = spec.after?.filter(
      (other) => (endedMs.get(other) ?? Number.POSITIVE_INFINITY) > first.beginMs,
    )
    if (tooLate !== undefined && tooLate.length > 0) {
      found.add('begun before what it is after had ended', `${id}: before ${tooLate.join(', ')}`)
    }
    if (spec.exclusive !== true) continue
    let lastMs = first.lastMs
    for (const { beginMs, lastMs: endMs, attempt } of later) {
      if (beginMs <= lastMs) {
        const forMs = Math.ceil(lastMs - beginMs)
        found.add(
          'exclusive, and two attempts at work together',
          `${id}: ${attempt} with another for ${forMs} ms`,
        )
        break
      }
      lastMs = Math.max(lastMs, endMs)
    }
  }
  rerouted.forEach((some, i) => {
    if (some.length === 0) found.add('nothing was rerouted after a blow', `blow ${i + 1}`)
  })
  for (const { from, to } of moves) {
    if (to.device === from.device) found.add('moved, and not elsewhere', `${to.work}: on ${to.device}`)
    if (!to.resumed) found.add('moved, and began anew', `${to.work}: on ${to.device}`)
  }
}

function firstEnd(lives: readonly Life[] = []): number {
  return Math.min(...lives.filter(({ ended }) => ended).map(({ lastMs }) => lastMs))
}

function told(ends: readonly End[], revived: boolean): string {
  const list = ends.map(({ state, attempt }) => `${state} by ${attempt || 'no attempt'}`).join(', ')
  return `${list}${revived ? ', and it went on' : ''}`
}
