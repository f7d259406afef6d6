/**
 * The caretaker cleans up after a demo or a live simulation, however it ends: a process of its own that waits for the end
 * of its standard input, which comes with its owner's end even if that is a SIGKILL. Then it kills what the owner
 * started and has not ended itself, and removes its folder. A clean end takes the same way, so that the way is known
 * to work.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { CoveyError } from '../shared/errors/errors.ts'

const PROGRAM = fileURLToPath(new URL('./cli/caretaker-main.js', import.meta.url))
const CLEAN_UP_TIMEOUT_MS = 15_000

/** A line to the caretaker: a process that it has to end, or that has gone. */
export interface CaretakerLine {
  readonly pid: number
  readonly gone: boolean
}

export class Caretaker {
  readonly #child: ChildProcess
  readonly #gone: Promise<number | null>
  readonly #root: string

  /** @param root the owner's folder; agents keep their data in folders below `root/agents` */
  constructor(root: string, env: Readonly<Record<string, string | undefined>>) {
    this.#root = root
    this.#child = spawn(process.execPath, [PROGRAM, root], {
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    this.#gone = new Promise((resolve) => {
      this.#child.once('error', () => resolve(null))
      this.#child.once('exit', (code) => resolve(code))
    })
    this.#child.stdin?.on('error', () => {}) // a caretaker that died is noticed by `cleanUp`
  }

  watch(pid: number): void {
    this.#tell({ pid, gone: false })
  }

  forget(pid: number): void {
    this.#tell({ pid, gone: true })
  }

  /** Ends everything. @throws CoveyError E_START when the caretaker could not, or is not there any more */
  async cleanUp(): Promise<void> {
    this.#child.stdin?.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLEAN_UP_TIMEOUT_MS)
    const code = await this.#gone
    clearTimeout(timer)
    if (code === 0) return
    throw new CoveyError('E_START', `the caretaker ended with code ${code} before it had cleaned up`, {
      remedy: `Look for processes that name ${this.#root}, end them, and remove that folder`,
    })
  }

  #tell(line: CaretakerLine): void {
    const stdin = this.#child.stdin as Writable
    if (stdin.writable) stdin.write(`${JSON.stringify(line)}\n`)
  }
}
