/**
 * The demo's work: two tasks for each file below a folder, its SHA-256 checksum and its number of words. What each
 * task must answer is computed here, in this process and by other code than the tasks run.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, opendirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'

export const FILE_BYTES_MAX = 2 ** 20
const FOLDER_BYTES_MAX = 64 * 2 ** 20
/** Entries looked at on the way; a folder with more is not walked to its end. */
const ENTRIES_MAX = 100_000
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', '.git', 'dist'])

/** How long the whole work is to keep all devices busy, were there no interruption. */
const WORK_MS = 15_000
const HOLD_MS_MIN = 350
const HOLD_MS_MAX = 3_000
/** About what starting Node takes. */
const START_MS = 100
const ROUNDS = 5

export type Kind = 'checksum' | 'words'

/** A task and what it must print. */
export interface Job {
  readonly id: string
  readonly kind: Kind
  /** Relative to the folder. */
  readonly file: string
  readonly spec: TaskSpec
  readonly expected: string
}

export interface Work {
  readonly jobs: readonly Job[]
  readonly files: number
  /** Files that could not be read, or that a limit kept out: their size, their number, or that of all bytes. */
  readonly filesLeftOut: number
  /** How long a task takes at least. */
  readonly holdMs: number
}

/** Hashes the file again and again, spread over a while, and prints the checksum if it was the same each time. */
const CHECKSUM_SCRIPT = `
const { createHash } = require('node:crypto'), { readFileSync } = require('node:fs')
const [file, rounds, pauseMs] = process.argv.slice(1)
const seen = new Set()
const round = (left) => {
  seen.add(createHash('sha256').update(readFileSync(file)).digest('hex'))
  if (left > 1) return setTimeout(round, Number(pauseMs), left - 1)
  if (seen.size !== 1) throw new Error('the file changed')
  console.log([...seen][0])
}
round(Number(rounds))
`

const WORDS_SCRIPT = `
const { readFileSync } = require('node:fs')
const [file, rounds, pauseMs] = process.argv.slice(1)
const seen = new Set()
const round = (left) => {
  seen.add(readFileSync(file, 'utf8').split(/\\s+/).filter((word) => word !== '').length)
  if (left > 1) return setTimeout(round, Number(pauseMs), left - 1)
  if (seen.size !== 1) throw new Error('the file changed')
  console.log([...seen][0])
}
round(Number(rounds))
`

/** What each task reserves. */
export const TASK_RESOURCES = { cpu: '1', memory: '128Mi' } as const

/**
 * Plans the work. The files are copied first, so that one that is edited meanwhile is not taken for a wrong result.
 *
 * @param folder whose files are read, subfolders included
 * @param copies an existing folder for the copies
 * @param slots how many tasks run at the same time in the whole mesh
 * @throws CoveyError E_USAGE when the folder cannot be read or holds no file that fits
 */
export function planWork(folder: string, copies: string, filesMax: number, slots: number): Work {
  const paths = listFiles(folder)
  const files = readFiles(paths, filesMax)
  if (files.length === 0) {
    throw new CoveyError('E_USAGE', `${folder} holds no file of 1 to ${FILE_BYTES_MAX} bytes`, {
      remedy: 'Name a folder with files in it with --folder',
    })
  }
  const waves = (2 * files.length) / slots
  const holdMs = Math.round(Math.min(HOLD_MS_MAX, Math.max(HOLD_MS_MIN, WORK_MS / waves - START_MS)))
  const jobs = files.flatMap(({ path, content }, i) => {
    const copy = join(copies, String(i))
    writeFileSync(copy, content)
    const file = relative(folder, path)
    return [
      job(`checksum-${i}`, 'checksum', file, copy, holdMs, checksumOf(content)),
      job(`words-${i}`, 'words', file, copy, holdMs, String(wordsIn(content.toString('utf8')))),
    ]
  })
  return { jobs, files: files.length, filesLeftOut: paths.length - files.length, holdMs }
}

function job(id: string, kind: Kind, file: string, copy: string, holdMs: number, expected: string): Job {
  const script = kind === 'checksum' ? CHECKSUM_SCRIPT : WORDS_SCRIPT
  const pauseMs = String(Math.ceil(holdMs / (ROUNDS - 1)))
  const exec = [process.execPath, '-e', script, copy, String(ROUNDS), pauseMs]
  return { id, kind, file, expected, spec: { run: { exec }, resources: TASK_RESOURCES, timeout: '60s' } }
}

export function checksumOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** Runs of characters that are not white space. */
export function wordsIn(text: string): number {
  let words = 0
  let inside = false
  for (const char of text) {
    const blank = /\s/.test(char)
    if (!blank && !inside) words++
    inside = !blank
  }
  return words
}

/** Files in a fixed order, so that the same folder makes the same work; links are not followed. */
function listFiles(folder: string): string[] {
  const found: string[] = []
  const folders = [folder]
  let entries = 0
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    const open = openFolder(next, next === folder)
    if (open === undefined) continue
    for (let entry = open.readSync(); entry !== null && entries < ENTRIES_MAX; entry = open.readSync()) {
      entries++
      if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) folders.push(join(next, entry.name))
      else if (entry.isFile()) found.push(join(next, entry.name))
    }
    open.closeSync()
  }
  return found.sort()
}

interface ReadFile {
  readonly path: string
  readonly content: Buffer
}

/** The first files that fit; one that is gone by now, or may not be read, is among those left out. */
function readFiles(paths: readonly string[], filesMax: number): ReadFile[] {
  const files: ReadFile[] = []
  let bytes = 0
  for (const path of paths) {
    if (files.length >= filesMax) break
    const content = readFitting(path, Math.min(FILE_BYTES_MAX, FOLDER_BYTES_MAX - bytes))
    if (content === undefined) continue
    files.push({ path, content })
    bytes += content.length
  }
  return files
}

function readFitting(path: string, bytesMax: number): Buffer | undefined {
  try {
    const { size } = statSync(path)
    return size === 0 || size > bytesMax ? undefined : readFileSync(path)
  } catch {
    // It is counted as left out, which the report says.
    return undefined
  }
}

function openFolder(path: string, isFirst: boolean): ReturnType<typeof opendirSync> | undefined {
  try {
    return opendirSync(path)
  } catch (error) {
    // One below that may not be read is passed over; the one that was named must be there.
    if (!isFirst) return undefined
    throw new CoveyError('E_USAGE', `--folder: ${path} cannot be read: ${(error as Error).message}`, {
      remedy: 'Name a folder that may be read',
    })
  }
}

/** Makes the folder for the copies. */
export function makeCopiesFolder(root: string): string {
  const copies = join(root, 'files')
  mkdirSync(copies)
  return copies
}
