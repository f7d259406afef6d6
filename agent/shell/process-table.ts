/** What /proc tells of running processes. On systems without it every answer is "unknown", never a guess. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export const PROC = '/proc'

export interface ProcessRow {
  readonly pid: number
  readonly parent: number
  /** One letter: R, S, D, T, Z (ended, not yet collected), … */
  readonly state: string
  readonly group: number
  readonly session: number
  /** Clock ticks from the system's start to the process's; with the pid it names a process. */
  readonly startTicks: string
  /** Clock ticks that it and those of its children that have ended and were waited for computed. */
  readonly cpuTicks: number
}

/** The process, or `undefined` when there is none of that pid, or no /proc. */
export function readProcess(pid: number, proc: string = PROC): ProcessRow | undefined {
  const text = readOrUndefined(`${proc}/${pid}/stat`)
  if (text === undefined) return undefined
  // The second field is the program's name in parentheses and may itself hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return {
    pid,
    state: fields[0] ?? '?',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startTicks: fields[19] ?? '',
    // utime, stime, cutime, cstime
    cpuTicks: fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0),
  }
}

/** All processes; `undefined` where there is no /proc. */
export function listProcesses(proc: string = PROC): ProcessRow[] | undefined {
  if (readOrUndefined(`${proc}/self/stat`) === undefined) return undefined
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name), proc))
    .filter((row) => row !== undefined)
}

/** Memory of a process that is in RAM, in bytes, with what it shares with others; 0 when there is none to tell of. */
export function readResidentBytes(pid: number, proc: string = PROC): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readOrUndefined(`${proc}/${pid}/status`) ?? '')?.[1]
  return Number(kibibytes ?? 0) * 1024
}

/** The environment a process was started with, like `['A=1']`; empty when it may not be read. */
export function readEnvironment(pid: number, proc: string = PROC): string[] {
  return readOrUndefined(`${proc}/${pid}/environ`)?.split('\0') ?? []
}

/** The program that a process runs and its arguments; empty when they may not be read. */
export function readArguments(pid: number, proc: string = PROC): string[] {
  return readOrUndefined(`${proc}/${pid}/cmdline`)?.split('\0') ?? []
}

/** The working directory of a process; `undefined` when it may not be read. */
export function readWorkingDirectory(pid: number, proc: string = PROC): string | undefined {
  try {
    return readlinkSync(`${proc}/${pid}/cwd`)
  } catch {
    // Gone, or another user's: in both cases it says nothing.
    return undefined
  }
}

/** A name of this start of the system; empty where it is not known. */
export function readBootId(proc: string = PROC): string {
  return readOrUndefined(`${proc}/sys/kernel/random/boot_id`)?.trim() ?? ''
}

/** Files of /proc vanish with their process, and some belong to other users. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
