/** The program `covey` as a child with a folder for temporary files of its own, and whether anything of it is left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { expect, vi } from 'vitest'
import { listProcesses, readArguments, readEnvironment } from '../agent/shell/process-table.ts'
import { COVEY } from './mesh/brokers.ts'

const GONE_MS_MAX = 60_000

export interface Running {
  readonly child: ChildProcess
  out: string
  err: string
  readonly exit: Promise<number | NodeJS.Signals | null>
}

/** @param temporary the program's idea of the system's folder for temporary files */
export function startCovey(words: readonly string[], cwd: string, temporary: string): Running {
  const child = spawn(process.execPath, [COVEY, ...words], {
    cwd,
    env: { ...process.env, TMPDIR: temporary },
  })
  const exit = new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? code))
  })
  const running: Running = { child, out: '', err: '', exit }
  child.stdout.on('data', (text) => {
    running.out += text
  })
  child.stderr.on('data', (text) => {
    running.err += text
  })
  return running
}

/**
 * How many processes carry the folder in their environment, or name what is in it (guards of exclusive work have no
 * environment to speak of); `undefined` where there is no /proc.
 */
export function processesOf(temporary: string): number | undefined {
  const mine = `TMPDIR=${temporary}`
  const names = (pid: number): boolean => readArguments(pid).some((word) => word.startsWith(temporary))
  return listProcesses()?.filter(({ pid }) => readEnvironment(pid).includes(mine) || names(pid)).length
}

/** Waits until all its processes and files are gone. Where there is no /proc only the files tell. */
export async function nothingRemains(temporary: string): Promise<void> {
  await vi.waitFor(
    () => {
      expect(processesOf(temporary) ?? 0).toBe(0)
      expect(readdirSync(temporary)).toEqual([])
    },
    { timeout: GONE_MS_MAX, interval: 50 },
  )
}
