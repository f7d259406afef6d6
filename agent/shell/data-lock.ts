/**
 * One agent a data folder: a file `agent.lock` names the process that has it. A lock whose process is gone is taken
 * over. A pid alone is no name (it is given again, and in a container it is often 1), so the start of the process
 * and of the system stand beside it where /proc tells them.
 *
 * It does not protect a folder that two machines or two pid namespaces share.
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import { readBootId, readProcess } from './process-table.ts'

export interface DataLock {
  release(): void
}

interface Holder {
  readonly pid: number
  readonly startTicks: string
  readonly boot: string
}

const TRIES_MAX = 10
let claims = 0

/**
 * Makes the folder if it is not there and takes its lock.
 *
 * @throws CoveyError E_STORE_LOCKED when a living process has it, E_JOURNAL when the folder cannot be written
 */
export function lockDataFolder(folder: string): DataLock {
  const lock = join(folder, 'agent.lock')
  const claim = `${lock}.${process.pid}.${++claims}`
  const startTicks = readProcess(process.pid)?.startTicks ?? ''
  const me: Holder = { pid: process.pid, startTicks, boot: readBootId() }
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(claim, `${JSON.stringify(me)}\n`)
  } catch (error) {
    throw new CoveyError('E_JOURNAL', `write ${folder}: ${(error as Error).message}`, { cause: error })
  }
  try {
    take(folder, lock, claim)
  } finally {
    rmSync(claim, { force: true })
  }
  return { release: () => rmSync(lock, { force: true }) }
}

/** A hard link is made whole or not at all, so a lock is never seen half written. */
function take(folder: string, lock: string, claim: string): void {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    try {
      linkSync(claim, lock)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const text = read(lock)
    if (text === undefined) continue
    const holder = parse(text)
    if (holder !== undefined && isAlive(holder)) {
      throw new CoveyError('E_STORE_LOCKED', `${folder} is in use by the agent with pid ${holder.pid}`)
    }
    removeStale(lock, `${claim}.stale`, text)
  }
  throw new CoveyError(
    'E_STORE_LOCKED',
    `${folder} changed hands ${TRIES_MAX} times while it was being locked`,
  )
}

/** Moves the stale lock away; if somebody else took over in between, what was moved is put back. */
function removeStale(lock: string, aside: string, text: string): void {
  try {
    renameSync(lock, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    if (read(aside) !== text) linkSync(aside, lock)
  } finally {
    rmSync(aside, { force: true })
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** What is not a lock of ours (cut short by a power failure) holds nothing. */
function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null
    if (typeof value?.pid !== 'number') return undefined
    return { pid: value.pid, startTicks: String(value.startTicks), boot: String(value.boot) }
  } catch {
    return undefined
  }
}

function isAlive(holder: Holder): boolean {
  if (holder.boot !== readBootId()) return false
  const row = readProcess(holder.pid)
  if (row !== undefined) return row.startTicks === holder.startTicks && row.state !== 'Z'
  if (readProcess(process.pid) !== undefined) return false
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
