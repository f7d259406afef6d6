/**
 * The demo's work, from the files below a folder: single tasks take the checksum of each, arrays count the words in
 * it, exclusive tasks write archives of several, and tasks after those make an index of what they found. What each
 * must answer is computed here, in this process and mostly by other code than the tasks run.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { elementName } from '../../shared/protocol/ids.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { command, GREEDY_OUTPUT, type Kind } from './commands.ts'
import { type InputFile, readFolder } from './files.ts'

/** A folder of fewer files is gone through several times, so that there is enough to be struck. */
const TURNS_MIN = 40
/** Files whose words one array counts, and that one index lists; it is after at most 64 tasks, its array among them. */
const CHUNK_FILES_MAX = 50
const CHUNKS_MIN = 10
/** Parts of the work: what the load spike meets, and then one for each kill. */
export const SPIKE_PART = 0
export const FIRST_KILL_PART = 1
/** Where among the chunks the later parts begin. */
const PART_BEGINS = [0.5, 0.75]

/** How long the whole work is to keep all devices busy, were there no interruption. */
const WORK_MS = 16_000
const HOLD_MS_MIN = 350
const HOLD_MS_MAX = 2_500
/** About what starting Node takes. */
const START_MS = 100
/** Enough that the coordinator runs some. */
const ARCHIVES_PER_DEVICE = 2
/** Long enough to be struck in the middle. */
const ARCHIVE_HOLD_MS = 2_500
/** Surveys are under way while a device is loaded, and have much to lose. */
const SURVEYS = 3
const SURVEY_FILES = 24
const SURVEY_HOLD_MS = 12_000
/** The barrier that every new coordinator sets to exclusive work falls late: then nothing may be in its way. */
const ARCHIVE_PRIORITY = 90

/** What runs by itself: a task that is no array, or an element. */
export interface Piece {
  readonly name: string
  /** What it is about, for people. */
  readonly subject: string
  /** What it must print. */
  readonly expected: string
}

/** What is handed in as one spec. */
export interface Job {
  readonly id: string
  readonly kind: Kind
  /** Which part of the work it belongs to; the next is handed in after the next disturbance. */
  readonly part: number
  /** How long each piece takes at least. */
  readonly holdMs: number
  readonly spec: TaskSpec
  readonly pieces: readonly Piece[]
}

export interface Work {
  readonly jobs: readonly Job[]
  readonly files: number
  readonly filesLeftOut: number
  /** What every command appends to. */
  readonly witness: string
  /** Tasks that are under way when the load spike comes; none when there is to be none. */
  readonly surveys: readonly Job[]
  /** Work for one device that takes far more memory than it asks for, until there is the file `letGo`. */
  greedy(device: string): Job
  readonly letGo: string
}

export interface WorkSize {
  readonly filesMax: number
  /** Pieces that run at the same time in the whole mesh. */
  readonly slots: number
  /** At least two. Each has a label `room` with its name. */
  readonly devices: readonly string[]
  /** Whether there will be a load spike. */
  readonly spike: boolean
}

/** What each piece reserves. */
export const RESOURCES = { cpu: '1', memory: '128Mi' } as const

/**
 * Plans the work. The files are copied first, so that one that is edited meanwhile is not taken for a wrong result.
 *
 * @param folder whose files are read, subfolders included
 * @param root an existing folder for the copies, the archives and the witness file
 * @throws CoveyError E_USAGE when the folder cannot be read or holds no file that fits
 */
export function planWork(folder: string, root: string, size: WorkSize): Work {
  const { files, leftOut } = readFolder(folder, size.filesMax)
  const copies = copyFiles(folder, root, files)
  const turns = Array.from(
    { length: Math.max(TURNS_MIN, copies.length) },
    (_, i) => copies[i % copies.length] as Copy,
  )
  const waves = (2 * turns.length) / size.slots
  const holdMs = Math.round(Math.min(HOLD_MS_MAX, Math.max(HOLD_MS_MIN, WORK_MS / waves - START_MS)))
  const witness = join(root, 'witness')
  const plan = new Plan(witness, holdMs)
  const surveys = size.spike ? deal(turns, SURVEYS).map((some, i) => plan.survey(i, some)) : []
  const letGo = join(root, 'let-go')
  const rooms = (i: number) => [i, i + 1].map((k) => size.devices[k % size.devices.length] as string)
  const archives = deal(turns, ARCHIVES_PER_DEVICE * size.devices.length).map((some, i) =>
    plan.archive(i, some, root, rooms(i)),
  )
  const chunks = deal(turns, Math.max(CHUNKS_MIN, Math.ceil(turns.length / CHUNK_FILES_MAX)))
  const indexes = chunks.map((chunk, i) => {
    const part = FIRST_KILL_PART + PART_BEGINS.filter((begin) => i / chunks.length >= begin).length
    return plan.chunk(i, part, chunk)
  })
  plan.index('index', FIRST_KILL_PART + PART_BEGINS.length, [...archives, ...indexes], [])
  const greedy = (device: string) => plan.greedy(device, letGo)
  return { jobs: plan.jobs, files: files.length, filesLeftOut: leftOut, witness, surveys, greedy, letGo }
}

interface Copy {
  /** Relative to the folder. */
  readonly file: string
  readonly path: string
  readonly content: Buffer
}

function copyFiles(folder: string, root: string, files: readonly InputFile[]): Copy[] {
  for (const name of ['files', 'archives']) mkdirSync(join(root, name))
  return files.map(({ path, content }, i) => {
    const copy = join(root, 'files', String(i))
    writeFileSync(copy, content)
    return { file: relative(folder, path), path: copy, content }
  })
}

/** Neighbours together, in so many shares that differ by one at most. */
function deal<T>(all: readonly T[], shares: number): T[][] {
  const begin = (share: number) => Math.floor((share * all.length) / shares)
  return Array.from({ length: shares }, (_, share) => all.slice(begin(share), begin(share + 1)))
}

class Plan {
  readonly jobs: Job[] = []
  readonly #witness: string
  readonly #holdMs: number

  constructor(witness: string, holdMs: number) {
    this.#witness = witness
    this.#holdMs = holdMs
  }

  /** One task goes through the files slowly, and keeps what it has found so far. */
  survey(i: number, copies: readonly Copy[]): Job {
    const some = Array.from({ length: SURVEY_FILES }, (_, n) => copies[n % copies.length] as Copy)
    const found = some.map(({ content }) => checksumOf(content))
    const piece = {
      name: `survey-${i}`,
      subject: `survey of ${some.length} files`,
      expected: checksumOf(found.join('\n')),
    }
    const input = { files: some.map(({ path }) => path) }
    return this.#add(piece.name, 'survey', SPIKE_PART, SURVEY_HOLD_MS, [piece], { input })
  }

  /** It asks for less memory than a survey, so it is not what is moved away; and nothing holds it to what it does not state. */
  greedy(device: string, until: string): Job {
    const piece = { name: 'greedy', subject: 'memory', expected: GREEDY_OUTPUT }
    return this.#add(piece.name, 'greedy', SPIKE_PART, 0, [piece], {
      ...{ input: { until }, where: { room: device }, resources: { cpu: RESOURCES.cpu } },
    })
  }

  /** One task writes an archive of them all, in one of the rooms; no other attempt of it may write meanwhile. */
  archive(i: number, copies: readonly Copy[], root: string, rooms: string[]): Piece {
    const content = Buffer.concat(copies.map((copy) => gzipSync(copy.content)))
    const piece = {
      name: `archive-${i}`,
      subject: `archive of ${copies.length} files`,
      expected: checksumOf(content),
    }
    const archive = join(root, 'archives', `${i}.gz`)
    const input = { archive, files: copies.map(({ path }) => path) }
    this.#add(piece.name, 'archive', FIRST_KILL_PART, ARCHIVE_HOLD_MS, [piece], {
      ...{ input, exclusive: true, where: { room: rooms }, priority: ARCHIVE_PRIORITY },
    })
    return piece
  }

  /** The words of all by an array, the checksum of each by a task, and after them the index of the checksums. */
  chunk(i: number, part: number, copies: readonly Copy[]): Piece {
    const words = `words-${i}`
    const counts = copies.map(({ file, content }, n) => ({
      name: elementName(words, n),
      subject: file,
      expected: String(wordsIn(content.toString('utf8'))),
    }))
    const array = copies.map(({ path }) => ({ file: path }))
    this.#add(words, 'words', part, this.#holdMs, counts, { array })
    const checksums = copies.map(({ file, path, content }, n) => {
      const piece = { name: `checksum-${i}-${n}`, subject: file, expected: checksumOf(content) }
      this.#add(piece.name, 'checksum', part, this.#holdMs, [piece], { input: { file: path } })
      return piece
    })
    return this.index(`index-${i}`, part, checksums, [words])
  }

  /** A task after others, which prints the checksum of what they printed. */
  index(id: string, part: number, listed: readonly Piece[], more: readonly string[]): Piece {
    const lines = listed.map(({ name, expected }) => `${name} ${expected}`)
    const piece = {
      name: id,
      subject: `index of ${listed.length} results`,
      expected: checksumOf(lines.join('\n')),
    }
    const names = listed.map(({ name }) => name)
    this.#add(id, 'index', part, 0, [piece], { input: names, after: [...names, ...more] })
    return piece
  }

  #add(
    id: string,
    kind: Kind,
    part: number,
    holdMs: number,
    pieces: readonly Piece[],
    more: Partial<TaskSpec>,
  ): Job {
    const spec: TaskSpec = {
      run: { exec: command(kind, this.#witness, holdMs) },
      resources: RESOURCES,
      timeout: '60s',
      ...more,
    }
    const job = { id, kind, part, holdMs, spec, pieces }
    this.jobs.push(job)
    return job
  }
}

export function checksumOf(content: Uint8Array | string): string {
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
