/** Runs fuzz cases in worker processes for some time, and adds up what they found. */
import { type ChildProcess, fork } from 'node:child_process'
import type { CaseResult, CaseShape, Failure } from './case.ts'
import type { Job } from './worker.ts'

export interface FuzzerOptions {
  readonly seed: string
  readonly shape: CaseShape
  readonly jobs: number
  readonly runMs: number
  /** As many as there is time for when not given. */
  readonly casesMax?: number
  readonly signal?: AbortSignal
  /** Told of each case, with what is known so far. */
  readonly onCase?: (result: CaseResult, summary: FuzzSummary) => void
}

export interface FuzzSummary {
  cases: number
  virtualMs: number
  events: number
  faults: number
  terms: number
  ends: Record<string, number>
  /** The first ones; `failed` counts all. */
  failures: Failure[]
  failed: number
  /** Interrupted: not all that was asked for was run. */
  partial: boolean
}

export const FAILURES_MAX = 10
/** A case that was begun in time, and its shrinking, may go on for so long. */
const OVERTIME_MS_MAX = 300_000
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

export function emptySummary(): FuzzSummary {
  return {
    cases: 0,
    virtualMs: 0,
    events: 0,
    faults: 0,
    terms: 0,
    ends: {},
    failures: [],
    failed: 0,
    partial: false,
  }
}

/** Adds a case to what is known. */
export function addCase(summary: FuzzSummary, result: CaseResult): void {
  summary.cases++
  summary.virtualMs += result.virtualMs
  summary.events += result.events
  summary.faults += result.faults
  summary.terms += result.terms
  for (const [state, count] of Object.entries(result.ends)) {
    summary.ends[state] = (summary.ends[state] ?? 0) + count
  }
  if (result.failure === undefined) return
  summary.failed++
  if (summary.failures.length < FAILURES_MAX) summary.failures.push(result.failure)
}

/**
 * Fuzzes until the time is over, the signal comes, or too many cases have failed.
 *
 * @throws Error when a worker process dies
 */
export async function fuzz(options: FuzzerOptions): Promise<FuzzSummary> {
  const { jobs, signal } = options
  const summary = emptySummary()
  const workers: ChildProcess[] = []
  const stop = (): void => {
    for (const worker of workers) worker.kill('SIGKILL')
  }
  const onAbort = (): void => {
    summary.partial = true
    stop()
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  const overtime = setTimeout(onAbort, options.runMs + OVERTIME_MS_MAX)
  try {
    const ended = Array.from({ length: jobs }, (_, first) =>
      runWorker(options, first, summary, workers, stop),
    )
    await Promise.all(ended)
  } finally {
    clearTimeout(overtime)
    signal?.removeEventListener('abort', onAbort)
    stop()
  }
  return summary
}

function runWorker(
  { seed, shape, jobs, runMs, casesMax = Number.MAX_SAFE_INTEGER, onCase }: FuzzerOptions,
  first: number,
  summary: FuzzSummary,
  workers: ChildProcess[],
  stop: () => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A group of its own: Ctrl-C is for the parent, which ends its workers itself.
    const worker = fork(WORKER, { detached: true })
    workers.push(worker)
    worker.on('message', (message) => {
      const result = message as CaseResult
      addCase(summary, result)
      onCase?.(result, summary)
      if (summary.failed >= FAILURES_MAX) stop()
    })
    worker.once('error', reject)
    worker.once('exit', (code, by) => {
      if (code === 0 || by === 'SIGKILL') resolve()
      else reject(new Error(`a worker of the fuzzer ended with ${by ?? `exit code ${code}`}`))
    })
    worker.send({ seed, shape, first, step: jobs, runMs, casesMax } satisfies Job)
  })
}
