/** The files below a folder: the demo's input. */
import { opendirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'

export const FILE_BYTES_MAX = 2 ** 20
const FOLDER_BYTES_MAX = 64 * 2 ** 20
/** Entries looked at on the way; a folder with more is not walked to its end. */
const ENTRIES_MAX = 100_000
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', '.git', 'dist'])

export interface InputFile {
  readonly path: string
  readonly content: Buffer
}

export interface InputFiles {
  readonly files: readonly InputFile[]
  /** Files that could not be read, or that a limit kept out: their size, their number, or that of all bytes. */
  readonly leftOut: number
}

/**
 * The first files that fit, in a fixed order.
 *
 * @throws CoveyError E_USAGE when the folder cannot be read or holds no file that fits
 */
export function readFolder(folder: string, filesMax: number): InputFiles {
  const paths = listFiles(folder)
  const files = readFiles(paths, filesMax)
  if (files.length === 0) {
    throw new CoveyError('E_USAGE', `${folder} holds no file of 1 to ${FILE_BYTES_MAX} bytes`, {
      remedy: 'Name a folder with files in it with --folder',
    })
  }
  return { files, leftOut: paths.length - files.length }
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

/** The first files that fit; one that is gone by now, or may not be read, is among those left out. */
function readFiles(paths: readonly string[], filesMax: number): InputFile[] {
  const files: InputFile[] = []
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
