/**
 * Ends what a former incarnation of the agent left running. The journal's pids alone would not do: a child may have
 * been started and its pid not journaled yet, and a pid may belong to somebody else by now. So every process is
 * asked for its environment, in which each child of an agent carries the agent's data folder; with a process goes
 * its whole session, which was made for the attempt.
 */
import { spawnSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { ATTEMPT_VARIABLE, DATA_VARIABLE, WORK_FOLDER } from './child-environment.ts'
import type { Log } from './log.ts'
import {
  listProcesses,
  PROC,
  type ProcessRow,
  readEnvironment,
  readProcess,
  readWorkingDirectory,
} from './process-table.ts'

/** A process may start another between being seen and being killed. */
const ROUNDS_MAX = 5

/** What children carry in their environment: the agent's data folder, and the attempt they belong to. */
interface Mark {
  readonly data: string
  /** `undefined`: any attempt. */
  readonly attempt: string | undefined
}

/**
 * KILLs the leftovers of the agent whose data folder this is. The caller holds the folder's lock and runs nothing yet.
 *
 * @param data as it stood in the children's environment
 * @param pids of group leaders that the journal names
 * @returns how many processes were killed
 */
export function reapLeftovers(data: string, pids: readonly number[], log: Log, proc: string = PROC): number {
  const count = killMarked({ data, attempt: undefined }, pids, proc) ?? reapWithoutProc(pids)
  if (count > 0) log.warn({ killed: count }, 'killed what a former start of this agent left running')
  return count
}

/**
 * KILLs what has left the process group of an attempt that was told to end, by making itself a session of its own.
 * Where there is no /proc such a process cannot be found.
 */
export function reapAttempt(data: string, attempt: string, log: Log, proc: string = PROC): void {
  const count = killAttempt(data, attempt, proc)
  if (count > 0) log.info({ attempt, killed: count }, 'killed what had left the process group of an attempt')
}

/** KILLs what carries an attempt's name in its environment, and the sessions of it. @returns how many were killed */
export function killAttempt(data: string, attempt: string, proc: string = PROC): number {
  return killMarked({ data, attempt }, [], proc) ?? 0
}

/** How many were killed; `undefined` where there is no /proc. */
function killMarked(mark: Mark, pids: readonly number[], proc: string): number | undefined {
  const killed = new Set<number>()
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const table = listProcesses(proc)
    if (table === undefined) return undefined
    const found = leftoversIn(table, mark, pids, proc).filter(({ pid }) => !killed.has(pid))
    if (found.length === 0) break
    for (const { pid } of found) {
      kill(pid)
      killed.add(pid)
    }
  }
  return killed.size
}

/** Removes the working directories of attempts that a former start did not clean up. */
export async function removeLeftFolders(workFolder: string, log: Log): Promise<void> {
  try {
    await rm(workFolder, { recursive: true, force: true })
  } catch (error) {
    log.warn(
      { folder: workFolder, error: (error as Error).message },
      'old working directories cannot be removed',
    )
  }
}

function leftoversIn(table: ProcessRow[], mark: Mark, pids: readonly number[], proc: string): ProcessRow[] {
  const me = readProcess(process.pid, proc)
  const others = table.filter(({ pid, state }) => pid !== process.pid && state !== 'Z')
  const marked = others.filter((row) => isMarked(row, mark, pids, proc))
  const sessions = new Set(marked.map(({ session }) => session))
  // Never the agent's own session: that would be its terminal, or the service manager's.
  if (me !== undefined) sessions.delete(me.session)
  return others.filter((row) => sessions.has(row.session) || marked.includes(row))
}

function isMarked(row: ProcessRow, mark: Mark, pids: readonly number[], proc: string): boolean {
  const environment = readEnvironment(row.pid, proc)
  if (
    environment.includes(`${DATA_VARIABLE}=${mark.data}`) &&
    environment.some((variable) => isAttempt(variable, mark.attempt))
  ) {
    return true
  }
  // A child that was started with an emptied environment is still in its session and its folder.
  if (!pids.includes(row.session)) return false
  return readWorkingDirectory(row.pid, proc)?.startsWith(join(mark.data, WORK_FOLDER) + sep) === true
}

function isAttempt(variable: string, attempt: string | undefined): boolean {
  if (attempt === undefined) return variable.startsWith(`${ATTEMPT_VARIABLE}=`)
  return variable === `${ATTEMPT_VARIABLE}=${attempt}`
}

/**
 * Where there is no /proc (macOS, BSD), only journaled pids are known. One is killed with its group when it still
 * leads a group and its parent is gone; a stranger that took the pid since would have to be such an orphan too.
 */
function reapWithoutProc(pids: readonly number[]): number {
  let count = 0
  for (const pid of pids) {
    const { stdout } = spawnSync('ps', ['-o', 'pgid=,ppid=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5_000,
    })
    const [group, parent] = (stdout ?? '').trim().split(/\s+/).map(Number)
    if (group !== pid || parent !== 1) continue
    kill(-pid)
    count++
  }
  return count
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ESRCH' && code !== 'EPERM') throw error
  }
}
