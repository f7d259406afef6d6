/** The real broker of a live run: a process of its own that can be killed, stopped and started again on its store. */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { LiveBrokerName } from './feasible.ts'

const PROGRAM = fileURLToPath(new URL('../../client/cli/main.js', import.meta.url))
const READY_MS_MAX = 20_000
const STOP_MS_MAX = 5_000
const LOG_CHARS_MAX = 4_000
/** Debian puts daemons where the `PATH` of a plain user does not look. */
const DAEMON_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin']

export interface LiveBrokerOptions {
  readonly name: LiveBrokerName
  readonly folder: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether it will be killed, so that it must have stored what it acknowledged. */
  readonly killed: boolean
  /** Told of each process when it starts and when it has gone. */
  readonly watch: (pid: number, gone: boolean) => void
  /** It ended although nobody asked it to. */
  readonly failed: (error: CoveyError) => void
}

export class LiveBroker {
  readonly #options: LiveBrokerOptions
  #port = 0
  #child: ChildProcess | undefined
  #gone: Promise<void> = Promise.resolve()
  #asked = false
  #log = ''

  constructor(options: LiveBrokerOptions) {
    this.#options = options
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`
  }

  get pid(): number {
    return this.#child?.pid ?? -1
  }

  /**
   * Starts it, or starts it again on the same port and store.
   *
   * @throws CoveyError E_START
   */
  async start(): Promise<void> {
    await this.#gone
    if (this.#port === 0) this.#port = await freePort()
    const [program, argv] = this.#options.name === 'covey' ? this.#embedded() : this.#mosquitto()
    this.#asked = false
    const child = spawn(program, argv, {
      cwd: this.#options.folder,
      env: this.#options.env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    const { pid } = child
    if (pid !== undefined) this.#options.watch(pid, false)
    this.#gone = new Promise((resolve) => {
      const end = (how: string): void => {
        if (pid !== undefined) this.#options.watch(pid, true)
        if (!this.#asked) this.#options.failed(this.#error(how))
        resolve()
      }
      child.once('error', (error) => end(`could not be started: ${error.message}`))
      child.once('exit', (code, signal) => end(`ended by itself with ${signal ?? `code ${code}`}`))
    })
    await this.#ready(child)
  }

  /** As a loss of power does it: no word to anybody. */
  async kill(): Promise<void> {
    this.#asked = true
    this.#child?.kill('SIGKILL')
    await this.#gone
  }

  /** Lets it stand still: it answers nobody, and its connections stay. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Ends it in order, or at the latest after some seconds. */
  async stop(): Promise<void> {
    this.#asked = true
    this.resume()
    this.#child?.kill('SIGTERM')
    const limit = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_MS_MAX)
    await this.#gone
    clearTimeout(limit)
  }

  #embedded(): [string, string[]] {
    const { folder } = this.#options
    const where = ['--port', String(this.#port), '--data', join(folder, 'broker')]
    return [process.execPath, [PROGRAM, 'broker', ...where, '--json', '--log-level', 'warn']]
  }

  #mosquitto(): [string, string[]] {
    const { folder, killed } = this.#options
    const store = join(folder, 'broker')
    mkdirSync(store, { recursive: true })
    const file = join(folder, 'mosquitto.conf')
    writeFileSync(file, `${configuration(this.#port, store, killed).join('\n')}\n`)
    return [mosquittoPath(), ['-c', file]]
  }

  #ready(child: ChildProcess): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (how: string): void => {
        clearTimeout(timer)
        reject(this.#error(how))
      }
      const timer = setTimeout(() => fail(`was not ready in ${READY_MS_MAX} ms`), READY_MS_MAX)
      const look = (line: string): void => {
        this.#log = `${this.#log}${line}\n`.slice(-LOG_CHARS_MAX)
        if (!line.startsWith('{"ready":true') && !line.endsWith(' running')) return
        clearTimeout(timer)
        resolve()
      }
      for (const output of [child.stdout, child.stderr]) {
        createInterface({ input: output as Readable }).on('line', look)
      }
      void this.#gone.then(() => fail('ended before it was ready'))
    })
  }

  #error(how: string): CoveyError {
    const log = this.#log === '' ? '' : `; the end of its log: ${this.#log.trim()}`
    return new CoveyError('E_START', `the broker of the live run ${how}${log}`)
  }
}

/**
 * Mosquitto writes its whole database at every change, or after so many: with thousands of devices the former is all
 * that it would do. Of what a broker does that nobody kills, nothing can be lost.
 */
const CHANGES_UNSAVED_MAX = 100

/** What docs/operations.md tells people to use, on a loopback port and without users. */
function configuration(port: number, store: string, killed: boolean): string[] {
  return [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'set_tcp_nodelay true',
    'persistence true',
    `persistence_location ${store}/`,
    'autosave_on_changes true',
    `autosave_interval ${killed ? 1 : CHANGES_UNSAVED_MAX}`,
    'max_queued_messages 200000',
    'max_inflight_messages 1000',
    'max_packet_size 1114112',
    'persistent_client_expiration 1d',
    'log_dest stderr',
    // Started by root, Mosquitto becomes a user who may not write into our folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ]
}

/** @throws CoveyError E_USAGE when it is not installed */
export function mosquittoPath(): string {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...DAEMON_FOLDERS]) {
    if (folder === '') continue
    try {
      accessSync(join(folder, 'mosquitto'), constants.X_OK)
      return join(folder, 'mosquitto')
    } catch {
      // Not there: the next folder may have it.
    }
  }
  throw new CoveyError('E_USAGE', 'mosquitto is not installed', {
    remedy: 'Install it, or use --variant covey',
  })
}

/** A port that was free a moment ago; Mosquitto cannot be asked to choose one. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
