/**
 * The file through which a process publishes what it can go on from, and gets back what an attempt before it published
 * last. It lies in a folder of its own, so that it can be replaced by a rename of what was written beside it.
 *
 * What is found there is not trusted: a link in its place is not followed, nothing but a plain file is read, and no more of it than a
 * checkpoint may have. What cannot be taken is said in the task's log, and the checkpoint before it stands.
 */
import { closeSync, constants, fstatSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECKPOINT_BYTES_MAX, CHECKPOINT_EVERY_MS } from '../../shared/model/checkpoint.ts'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import { valueBytes } from '../../shared/protocol/json-text.ts'
import type { Checkpoint } from '../../shared/protocol/schemas/index.ts'
import type { Emit } from './link.ts'

/** Below the folder of an attempt; with a dot, since commands work in that folder. */
export const CHECKPOINT_FOLDER = '.checkpoint'
export const CHECKPOINT_FILE = 'state'
/** In the environment of what runs: the path of the file. */
export const CHECKPOINT_VARIABLE = 'COVEY_CHECKPOINT'

/** Neither a link nor a pipe without a writer may hold up the agent. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

type Found = { readonly text: string } | { readonly fault: string; readonly mark: string } | undefined

export class CheckpointFile {
  readonly path: string
  readonly #attempt: Attempt
  readonly #emit: Emit
  #last: string | undefined
  /** The fault that was told last, and of which state of the file. */
  #told = ''
  #timer: NodeJS.Timeout | undefined

  /**
   * Makes the folder, and the file when there is something to go on from. From then on changes are passed on.
   *
   * @param folder of the attempt
   * @throws Error of the system
   */
  constructor(folder: string, attempt: Attempt, given: Checkpoint | undefined, emit: Emit) {
    this.#attempt = attempt
    this.#emit = emit
    const own = join(folder, CHECKPOINT_FOLDER)
    this.path = join(own, CHECKPOINT_FILE)
    mkdirSync(own, { recursive: true, mode: 0o700 })
    if (typeof given?.value === 'string') {
      this.#last = given.value
      writeFileSync(this.path, given.value, { mode: 0o600 })
    }
    this.#timer = setInterval(() => this.#look(), CHECKPOINT_EVERY_MS)
  }

  /** What runs has ended: looks once more, and not again. */
  end(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#look()
  }

  #look(): void {
    const found = readCheckpoint(this.path)
    if (found === undefined) return
    if ('text' in found) {
      if (found.text === this.#last) return
      this.#last = found.text
      return this.#emit({ in: 'checkpoint', attempt: this.#attempt, value: found.text })
    }
    const told = `${found.mark} ${found.fault}`
    if (told === this.#told) return
    this.#told = told
    const text = `\n[covey: checkpoint not taken: ${found.fault}]\n`
    this.#emit({ in: 'output', attempt: this.#attempt, stream: 'stderr', text })
  }
}

/** The file's text; `undefined` when there is none, or it is empty, as while it is written anew in place. */
function readCheckpoint(path: string): Found {
  let file: number
  try {
    file = openSync(path, OPEN_FLAGS)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    return { fault: code === 'ELOOP' ? 'it is a link' : message, mark: '' }
  }
  try {
    const found = fstatSync(file)
    const { size } = found
    const mark = `${found.ino}/${size}/${found.mtimeMs}`
    if (!found.isFile()) return { fault: 'it is no file', mark }
    const bytes = readUpTo(file, CHECKPOINT_BYTES_MAX + 1)
    if (bytes.length === 0) return undefined
    if (bytes.length > CHECKPOINT_BYTES_MAX) {
      return { fault: `it has ${size} bytes, and ${CHECKPOINT_BYTES_MAX} are allowed`, mark }
    }
    const text = decode(bytes)
    if (text === undefined) return { fault: 'it is not UTF-8', mark }
    const asJson = valueBytes(text)
    if (asJson <= CHECKPOINT_BYTES_MAX) return { text }
    return { fault: `as JSON it takes ${asJson} bytes, and ${CHECKPOINT_BYTES_MAX} are allowed`, mark }
  } catch (error) {
    return { fault: (error as Error).message, mark: '' }
  } finally {
    closeSync(file)
  }
}

function readUpTo(file: number, bytesMax: number): Buffer {
  const buffer = Buffer.alloc(bytesMax)
  let length = 0
  while (length < bytesMax) {
    const read = readSync(file, buffer, length, bytesMax - length, null)
    if (read === 0) break
    length += read
  }
  return buffer.subarray(0, length)
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
