/** What the demo found, as an object for programs and as a text of at most 80 columns for people. */
import type { Figures, Verdict } from './check.ts'
import type { Course } from './disturbance.ts'
import type { Observer } from './observer.ts'
import type { Work } from './work.ts'

const COLUMNS = 80

/** Durations are whole milliseconds; what did not happen is absent. */
export interface Report extends Figures {
  readonly ok: boolean
  readonly problems: readonly string[]
  readonly folder: string
  readonly files: number
  readonly filesLeftOut: number
  /** From the first submission to the last end. */
  readonly workMs: number
  readonly killed?: {
    readonly device: string
    readonly wasCoordinator: boolean
    /** Since the first submission. */
    readonly atMs: number
    readonly runningChecksums: number
    readonly runningWords: number
    /** From SIGKILL to the first of its tasks placed elsewhere. */
    readonly rerouteMs?: number
    /** From SIGKILL to the new coordinator's first beacon. */
    readonly failoverMs?: number
    readonly coordinator?: string
    /** From SIGKILL to the device's return. */
    readonly backMs?: number
  }
  readonly devices: readonly DeviceFigures[]
}

export interface DeviceFigures {
  readonly id: string
  /** Tasks that ended on it. */
  readonly tasks: number
  /** Most that ran on it at the same time. */
  readonly peak: number
}

export interface Findings {
  readonly folder: string
  readonly devices: readonly string[]
  readonly work: Work
  readonly verdict: Verdict
  /** Problems of the demo itself, besides those of the tasks. */
  readonly troubles: readonly string[]
  readonly observer: Observer
  readonly course: Course | undefined
  readonly startedMs: number
  readonly endedMs: number
}

/** Puts the findings together. */
export function report(findings: Findings): Report {
  const { folder, devices, work, verdict, troubles, observer, course, startedMs, endedMs } = findings
  const problems = [...verdict.problems, ...troubles]
  const ends = [...observer.tasks.values()].map((seen) => seen.ends[0]?.device)
  return {
    ok: problems.length === 0,
    problems,
    ...verdict.figures,
    folder,
    files: work.files,
    filesLeftOut: work.filesLeftOut,
    workMs: Math.round(endedMs - startedMs),
    ...(course === undefined ? {} : { killed: killedPart(course, startedMs) }),
    devices: devices.map((id) => ({
      id,
      tasks: ends.filter((device) => device === id).length,
      peak: observer.peaks.get(id) ?? 0,
    })),
  }
}

function killedPart(course: Course, startedMs: number): NonNullable<Report['killed']> {
  const { device, wasCoordinator, killedAtMs, running, reroutedAtMs, succession, backAtMs } = course
  const since = (ms: number) => Math.round(ms - killedAtMs)
  return {
    device,
    wasCoordinator,
    atMs: Math.round(killedAtMs - startedMs),
    runningChecksums: running.checksum,
    runningWords: running.words,
    ...(reroutedAtMs === undefined ? {} : { rerouteMs: since(reroutedAtMs) }),
    ...(succession === undefined
      ? {}
      : { failoverMs: since(succession.atMs), coordinator: succession.agent }),
    ...(backAtMs === undefined ? {} : { backMs: since(backAtMs) }),
  }
}

/** The report for people; every line but those of problems fits 80 columns. */
export function reportText(report: Report): string {
  const { killed } = report
  const rows: [string, string, string][] = [
    ['tasks', String(report.tasks), `checksum and word count of ${report.files} files`],
    ['devices', String(report.devices.length), 'processes of their own; one agent was killed at work'],
    ['receipts', String(report.receipts), 'the broker acknowledged, the coordinator answered'],
    ['right', String(report.right), 'ended once, with what was computed here as well'],
    ['attempts', String(report.attempts), `${report.attemptsLost} of them were lost with the killed device`],
    ['rerouted', String(report.rerouted), 'tasks seen on the killed device and then on another'],
    ['duplicates', String(report.duplicates), 'results of attempts given up before'],
    ['failed', String(report.failed), ''],
    ['wrong', String(report.wrong), ''],
    ['ended twice', String(report.endedTwice), ''],
    ['lost', String(report.lost), ''],
    ['time', seconds(report.workMs), 'from the first submission to the last end'],
  ]
  if (killed?.rerouteMs !== undefined) {
    rows.push(['reroute', seconds(killed.rerouteMs), 'from SIGKILL to the first task placed elsewhere'])
  }
  if (killed?.failoverMs !== undefined) {
    rows.push(['failover', seconds(killed.failoverMs), `from SIGKILL to the beacon of ${killed.coordinator}`])
  }
  const lines = rows.map(([name, value, note]) => `  ${name.padEnd(11)}  ${value.padStart(7)}  ${note}`)
  lines.push('', `  ${'DEVICE'.padEnd(11)}  ${'TASKS'.padStart(7)}  MOST AT ONCE`)
  for (const { id, tasks, peak } of report.devices) {
    lines.push(
      `  ${id.padEnd(11)}  ${String(tasks).padStart(7)}  ${String(peak).padEnd(4)}${fate(id, killed)}`,
    )
  }
  const leftOut =
    report.filesLeftOut === 0
      ? []
      : ['', `  ${report.filesLeftOut} more files were left out: too many, too large, empty or unreadable`]
  const verdict = report.ok
    ? ['', 'Every task ended exactly once with the right result; nothing was lost.']
    : ['', 'This is wrong:', ...report.problems.map((problem) => `  - ${problem}`)]
  const shown = [...lines, ...leftOut].map((line) => line.trimEnd().slice(0, COLUMNS))
  return `\n${[...shown, ...verdict].join('\n')}\n`
}

function fate(device: string, killed: Report['killed']): string {
  if (killed?.device !== device) return ''
  const role = killed.wasCoordinator ? 'coordinator, ' : ''
  const back = killed.backMs === undefined ? 'not back' : `back ${seconds(killed.backMs)} later`
  return `${role}killed at ${seconds(killed.atMs)}, ${back}`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}
