/** What the demo found, as an object for programs and as a text of at most 80 columns for people. */
import type { Figures, Verdict } from './check.ts'
import { rerouted, type Strike, type Target } from './disturbance.ts'
import type { Observer } from './observer.ts'
import type { Spike } from './spike.ts'
import type { Witness } from './witness.ts'
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
  /** Absent when there was no load spike, or nothing came of it. */
  readonly loaded?: SpikeFigures
  readonly killed: readonly StrikeFigures[]
  readonly devices: readonly DeviceFigures[]
}

export interface SpikeFigures {
  readonly device: string
  /** Since the first submission. */
  readonly atMs: number
  /** What was moved away, and where it went on. */
  readonly moved: string
  readonly to: string
  /** From the load to its new beginning. */
  readonly moveMs: number
  /** The coordinator's words. */
  readonly message: string
}

export interface StrikeFigures {
  readonly target: Target
  /** Whose agent it was; absent for the broker. */
  readonly device?: string
  /** Since the first submission. */
  readonly atMs: number
  /** Pieces of work that were running on the device, or with the broker gone on all. */
  readonly running: number
  /** Those among them that were begun on another device later. */
  readonly rerouted: number
  /** From SIGKILL to the first of them. */
  readonly rerouteMs?: number
  /** From SIGKILL to the new coordinator's first beacon. */
  readonly failoverMs?: number
  readonly coordinator?: string
  /** From SIGKILL to its return. */
  readonly backMs?: number
}

export interface DeviceFigures {
  readonly id: string
  /** Pieces of work whose accepted result came from it. */
  readonly pieces: number
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
  readonly witness: Witness
  readonly spike: Spike | undefined
  readonly strikes: readonly Strike[]
  readonly startedMs: number
  readonly endedMs: number
}

/** Puts the findings together. */
export function report(findings: Findings): Report {
  const { folder, devices, work, verdict, troubles, observer, witness, spike, strikes } = findings
  const { startedMs, endedMs } = findings
  const problems = [...verdict.problems, ...troubles]
  const tasks = [...observer.tasks.values()].map(({ ends }) => ends)
  const ends = [...tasks, ...observer.elements.values()].map(([end]) => end?.device)
  return {
    ok: problems.length === 0,
    problems,
    ...verdict.figures,
    folder,
    files: work.files,
    filesLeftOut: work.filesLeftOut,
    workMs: Math.max(0, Math.round(endedMs - startedMs)),
    ...(spike === undefined ? {} : { loaded: spikePart(spike, startedMs) }),
    killed: strikes.map((strike) => strikePart(strike, startedMs, witness)),
    devices: devices.map((id) => ({
      id,
      pieces: ends.filter((device) => device === id).length,
      peak: witness.peaks.get(id) ?? 0,
    })),
  }
}

function spikePart({ device, loadedAtMs, message, to }: Spike, startedMs: number): SpikeFigures {
  return {
    device,
    atMs: Math.round(loadedAtMs - startedMs),
    moved: to.work,
    to: to.device,
    moveMs: Math.round(to.beginMs - loadedAtMs),
    message,
  }
}

function strikePart(strike: Strike, startedMs: number, witness: Witness): StrikeFigures {
  const { target, device, killedAtMs, struck, succession, backAtMs } = strike
  const moved = rerouted(strike, witness)
  const since = (ms: number) => Math.round(ms - killedAtMs)
  return {
    target,
    ...(device === undefined ? {} : { device }),
    atMs: Math.round(killedAtMs - startedMs),
    running: struck.length,
    rerouted: moved.length,
    ...(moved.length === 0 ? {} : { rerouteMs: since(Math.min(...moved.map(({ beginMs }) => beginMs))) }),
    ...(succession === undefined
      ? {}
      : { failoverMs: since(succession.atMs), coordinator: succession.agent }),
    ...(backAtMs === undefined ? {} : { backMs: since(backAtMs) }),
  }
}

/** The report for people; every line but those of problems fits 80 columns. */
export function reportText(report: Report): string {
  const { killed } = report
  const cut = `${report.attemptsCut} of them cut short`
  const rows: [string, string, string][] = [
    ['tasks', String(report.tasks), `with arrays of ${report.elements} elements in all`],
    ['receipts', String(report.receipts), 'the broker acknowledged, the coordinator answered'],
    ['right', String(report.right), 'tasks and elements: one end each, as computed here'],
    ['attempts', String(report.attempts), `commands begun; ${cut}`],
    ['rerouted', String(report.rerouted), 'were at work on a killed device, begun on another'],
    ['moved', String(report.moved), 'off a loaded device, gone on from their checkpoint'],
    ['failed', String(report.failed), ''],
    ['wrong', String(report.wrong), ''],
    ['lost', String(report.lost), ''],
    ['accepted twice', String(report.acceptedTwice), ''],
    ['executed twice', String(report.executedTwice), 'ran to the end again; one result was taken'],
    ['overlaps', String(report.overlaps), 'exclusive tasks with two attempts at work together'],
    ['early', String(report.early), 'begun before what they are after had ended'],
    ['time', seconds(report.workMs), 'from the first submission to the last end'],
  ]
  const failover = killed.find(({ target }) => target === 'coordinator')
  if (failover?.failoverMs !== undefined) {
    const note = `from SIGKILL to the beacon of ${failover.coordinator}`
    rows.push(['failover', seconds(failover.failoverMs), note])
  }
  const lines = rows.map(([name, value, note]) => `  ${name.padEnd(14)}  ${value.padStart(7)}  ${note}`)
  if (report.loaded !== undefined) {
    const { device, atMs, moved, to, moveMs } = report.loaded
    lines.push('', `  ${'LOADED'.padEnd(14)}  ${'AT'.padStart(7)}  MOVED`)
    lines.push(
      `  ${device.padEnd(14)}  ${seconds(atMs).padStart(7)}  ${moved} to ${to} after ${seconds(moveMs)}`,
    )
  }
  lines.push('', `  ${'KILLED'.padEnd(14)}  ${'AT'.padStart(7)}  RUNNING  REROUTED`)
  for (const strike of killed) lines.push(strikeLine(strike))
  lines.push('', `  ${'DEVICE'.padEnd(14)}  ${'RESULTS'.padStart(7)}  MOST AT ONCE`)
  for (const { id, pieces, peak } of report.devices) {
    lines.push(`  ${id.padEnd(14)}  ${String(pieces).padStart(7)}  ${peak}`)
  }
  const leftOut =
    report.filesLeftOut === 0
      ? []
      : [
          '',
          `  ${report.files} files; ${report.filesLeftOut} more were left out: too many, too large or empty`,
        ]
  const verdict = report.ok
    ? ['', 'Every task ended exactly once with the right result; nothing was lost.']
    : ['', 'This is wrong:', ...report.problems.map((problem) => `  - ${problem}`)]
  const shown = [...lines, ...leftOut].map((line) => line.trimEnd().slice(0, COLUMNS - 1))
  return `\n${[...shown, ...verdict].join('\n')}\n`
}

function strikeLine(strike: StrikeFigures): string {
  const { target, device, atMs, running, rerouteMs, failoverMs, coordinator, backMs } = strike
  const moved = rerouteMs === undefined ? '' : `${strike.rerouted}, first after ${seconds(rerouteMs)}; `
  const next =
    target === 'broker' && failoverMs !== undefined ? `; ${coordinator} leads ${seconds(failoverMs)}` : ''
  const back = backMs === undefined ? 'not back' : `back ${seconds(backMs)}`
  const name = (device ?? target).padEnd(14)
  return `  ${name}  ${seconds(atMs).padStart(7)}  ${String(running).padEnd(7)}  ${moved}${back}${next}`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}
