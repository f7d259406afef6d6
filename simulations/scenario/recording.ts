/**
 * A recorded run: a first line that says how to run the same again and with which version, then the end of its trace.
 * Replaying runs it anew and says where the two part, which with the same version they never should.
 */
import { CoveyError } from '../../shared/errors/errors.ts'
import { Trace } from '../engine/trace.ts'
import type { SimReport } from '../report/model.ts'
import { assemble, type Loaded } from './library.ts'
import { type Overrides, override } from './overrides.ts'
import { type RunOptions, runScenario } from './run.ts'

const FORM = 1
/** Of the end of a run, so that a recording stays readable. */
export const RECORDED_LINES_MAX = 50_000

export interface Recording {
  readonly coveyTrace: typeof FORM
  /** Of the Covey that recorded it. */
  readonly version: string
  readonly source: string
  readonly scenario: string
  readonly data: Readonly<Record<string, string>>
  readonly seed: string
  readonly overrides: Overrides
  readonly hash: string
  readonly partial: boolean
  /** How many lines the whole trace had. */
  readonly written: number
}

export interface Recorded {
  readonly head: Recording
  readonly lines: readonly string[]
}

/** A trace to hand to a run that is to be recorded. */
export function newTrace(): Trace {
  return new Trace(RECORDED_LINES_MAX)
}

/** The text of a recording. */
export function recordingText(
  loaded: Loaded,
  source: string,
  overrides: Overrides,
  report: SimReport,
  trace: Trace,
  version: string,
): string {
  const head: Recording = {
    coveyTrace: FORM,
    version,
    source,
    scenario: loaded.text,
    data: loaded.data,
    seed: report.seed,
    overrides,
    hash: report.hash ?? '',
    partial: report.partial,
    written: trace.written,
  }
  return `${[JSON.stringify(head), ...trace.lines()].join('\n')}\n`
}

/**
 * Reads a recording.
 *
 * @param version of the Covey that is to replay it
 * @throws CoveyError E_SCENARIO when it is none, or another version's
 */
export function readRecording(text: string, source: string, version: string): Recorded {
  const [first = '', ...lines] = text.trimEnd().split('\n')
  let head: Recording
  try {
    head = JSON.parse(first) as Recording
  } catch (cause) {
    throw new CoveyError('E_SCENARIO', `${source}:1:1: the first line is no JSON`, {
      remedy: 'Name a file that covey sim run --trace has written',
      cause,
    })
  }
  if (head?.coveyTrace !== FORM) {
    throw new CoveyError('E_SCENARIO', `${source}:1:1: it is no recorded run`, {
      remedy: 'Name a file that covey sim run --trace has written',
    })
  }
  if (head.version !== version) {
    throw new CoveyError(
      'E_SCENARIO',
      `${source} was recorded with Covey ${head.version}, this is ${version}`,
      {
        remedy: `Replay it with Covey ${head.version}: another version may do other things`,
      },
    )
  }
  if (head.partial) {
    throw new CoveyError('E_SCENARIO', `${source} was recorded of a run that was interrupted`, {
      remedy: `Run the whole again: covey sim run ${head.source} --seed ${head.seed}`,
    })
  }
  return { head, lines }
}

export interface Replayed {
  readonly report: SimReport
  /** Whether every event came as recorded. */
  readonly same: boolean
  /** Number, in the whole trace, and both texts of the first line that differs, where such a line was kept. */
  readonly difference?: { readonly line: number; readonly recorded: string; readonly now: string }
}

/** Runs a recording again. */
export async function replay(
  { head, lines }: Recorded,
  options: Omit<RunOptions, 'seed' | 'trace'>,
): Promise<Replayed> {
  const { scenario } = assemble(head.scenario, head.source, head.data)
  const trace = newTrace()
  const report = await runScenario(override(scenario, head.overrides), { ...options, seed: head.seed, trace })
  if (report.hash === head.hash) return { report, same: true }
  const now = trace.lines()
  const skipped = { recorded: head.written - lines.length, now: trace.written - now.length }
  for (
    let line = Math.max(skipped.recorded, skipped.now);
    line < Math.max(head.written, trace.written);
    line++
  ) {
    const recorded = lines[line - skipped.recorded] ?? 'nothing more'
    const other = now[line - skipped.now] ?? 'nothing more'
    if (recorded !== other)
      return { report, same: false, difference: { line: line + 1, recorded, now: other } }
  }
  return { report, same: false }
}
