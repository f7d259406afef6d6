/** A `covey` process of the demo: started, awaited until it says that it is ready, and ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { CoveyError } from '../../shared/errors/errors.ts'

const READY_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 5_000
/** The end of its log that is kept to explain a failure. */
const LOG_CHARS_MAX = 4_000
const ORDERLY = 'exit code 0'
const PROGRAM = fileURLToPath(new URL('../cli/main.js', import.meta.url))

export interface ServiceOptions {
  /** For messages, like "agent attic". */
  readonly name: string
  readonly words: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** The line that a service writes when it is ready. */
export type ReadyLine = Readonly<Record<string, unknown>>

export class Service {
  readonly name: string
  readonly ready: Promise<ReadyLine>
  /** Resolves when the process has gone, with how. */
  readonly gone: Promise<string>
  readonly #child: ChildProcess
  #log = ''
  #isGone = false
  #asked = false

  constructor(options: ServiceOptions) {
    this.name = options.name
    // A session of its own, so that Ctrl-C reaches only the demo, which then ends all in its order.
    this.#child = spawn(process.execPath, [PROGRAM, ...options.words], {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.gone = new Promise((resolve) => {
      const end = (how: string) => {
        this.#isGone = true
        resolve(how)
      }
      this.#child.once('error', (error) => end(`it could not be started: ${error.message}`))
      this.#child.once('exit', (code, signal) =>
        end(signal === null ? `exit code ${code}` : `signal ${signal}`),
      )
    })
    const log = this.#child.stderr as Readable
    log.setEncoding('utf8')
    log.on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_CHARS_MAX)
    })
    this.ready = this.#untilReady()
    this.ready.catch(() => {}) // whoever starts it awaits it, perhaps after another's failure
  }

  /** `undefined` when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  /** True when it has gone although nobody asked it to. */
  get failed(): boolean {
    return this.#isGone && !this.#asked
  }

  /** The end of its log. */
  get log(): string {
    return this.#log.trim()
  }

  /** As the power cut does: no word to anybody. */
  kill(): void {
    this.#asked = true
    if (!this.#isGone) this.#child.kill('SIGKILL')
  }

  /**
   * Asks it to end, and ends it when that takes too long.
   *
   * @returns what was not orderly about it, or `undefined`
   */
  async stop(): Promise<string | undefined> {
    if (this.#isGone) return undefined
    this.#asked = true
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      this.#child.kill(signal)
      const how = await this.#goneWithin(STOP_TIMEOUT_MS)
      if (how === ORDERLY) return undefined
      if (how !== undefined) return `${this.name} was asked to end and ended with ${how}`
    }
    return `${this.name} does not go although it was killed`
  }

  async #goneWithin(limitMs: number): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined
    const over = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), limitMs)
    })
    const how = await Promise.race([this.gone, over])
    clearTimeout(timer)
    return how
  }

  #untilReady(): Promise<ReadyLine> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer)
        const log = this.log === '' ? '' : `; the end of its log: ${this.log}`
        const remedy = 'See whether covey broker and covey agent start when they are called directly'
        reject(new CoveyError('E_START', `start ${this.name}: ${why}${log}`, { remedy }))
      }
      const timer = setTimeout(() => fail(`not ready within ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS)
      void this.gone.then((how) => fail(`it ended with ${how}`))
      createInterface({ input: this.#child.stdout as Readable }).on('line', (line) => {
        const said = readReadyLine(line)
        if (said === undefined) return
        clearTimeout(timer)
        resolve(said)
      })
    })
  }
}

function readReadyLine(line: string): ReadyLine | undefined {
  if (!line.startsWith('{')) return undefined
  const said = JSON.parse(line) as ReadyLine
  return said['ready'] === true ? said : undefined
}
