/**
 * The process of functions, from the agent's side: started when there is a call, started again after it died. What it
 * uses of memory is watched from here, because a function that never waits cannot be asked.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { within } from '../bounded-wait.ts'
import { Capture } from '../capture.ts'
import type { FromHost, ThreadFault, ThreadWish, ToHost } from './messages.ts'
import { RemoteThread } from './remote-thread.ts'
import { HOST_ENTRY } from './thread-entry.ts'

const MIB = 2 ** 20
/** What the process takes by itself, and each thread beside its memory. */
const BASE_BYTES = 160 * MIB
const PER_THREAD_BYTES = 40 * MIB
const WATCH_MS = 200
/** How long it is kept without a thread: one that is replaced has a successor soon. */
const EMPTY_MS = 10_000
const STDERR_BYTES_MAX = 64 * 1024

export class FunctionHost {
  readonly #killWaitMs: number
  readonly #threads = new Map<number, RemoteThread>()
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  #watch: NodeJS.Timeout | undefined
  #why: ThreadFault | undefined
  #ids = 0

  constructor(killWaitMs: number) {
    this.#killWaitMs = killWaitMs
  }

  /** Its process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts a thread; `loaded` tells whether it can be used. */
  start(wish: ThreadWish): RemoteThread {
    const child = this.#child ?? this.#fork()
    const id = ++this.#ids
    const thread = new RemoteThread(wish, this.#killWaitMs, {
      send: (order) => {
        if (child.connected) child.send({ id, ...order } as ToHost, () => undefined)
      },
      forget: () => {
        this.#threads.delete(id)
        setTimeout(() => this.#letGo(child), EMPTY_MS).unref()
      },
    })
    this.#threads.set(id, thread)
    return thread
  }

  /** Ends the process and all in it. */
  async close(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await within(this.#exited, this.#killWaitMs)
  }

  #fork(): ChildProcess {
    // A group of its own: what a terminal sends to the agent's must not end calls before their grace.
    const child = fork(HOST_ENTRY, {
      detached: true,
      env: ownEnvironment(),
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    const stderr = new Capture(STDERR_BYTES_MAX)
    child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk))
    child.on('message', (message) => {
      const { id, ...answer } = message as FromHost
      this.#threads.get(id)?.take(answer as FromHost)
    })
    this.#why = undefined
    this.#exited = new Promise((resolve) => {
      const over = (how: string) => {
        if (this.#child === child) this.#over(this.#why ?? explain(how, stderr.text().text))
        resolve()
      }
      child.once('error', (error) => over(error.message))
      child.once('close', (code, signal) => over(signal === null ? `code ${code}` : `signal ${signal}`))
    })
    this.#child = child
    this.#watch = setInterval(() => this.#look(child), WATCH_MS)
    this.#watch.unref()
    return child
  }

  /** An empty process ends: the next call starts another. */
  #letGo(child: ChildProcess): void {
    if (this.#threads.size > 0 || this.#child !== child) return
    this.#child = undefined
    clearInterval(this.#watch)
    child.kill('SIGKILL')
  }

  #over(fault: ThreadFault): void {
    this.#child = undefined
    clearInterval(this.#watch)
    const threads = [...this.#threads.values()]
    this.#threads.clear()
    for (const thread of threads) thread.over(fault)
  }

  #look(child: ChildProcess): void {
    const bytes = residentBytes(child.pid)
    let bytesMax = BASE_BYTES
    for (const { memoryBytesMax } of this.#threads.values()) bytesMax += memoryBytesMax + PER_THREAD_BYTES
    if (bytes <= bytesMax) return
    this.#why = outOfMemory(`it uses ${bytes} bytes`)
    child.kill('SIGKILL')
  }
}

/** Where there is no /proc nothing is known, and the limits of the threads are all there is. */
function residentBytes(pid: number | undefined): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kib ?? 0) * 1024
  } catch {
    return 0
  }
}

function explain(how: string, stderr: string): ThreadFault {
  if (/FATAL ERROR|out of memory/.test(stderr)) return outOfMemory('it could not get more')
  return { code: 'E_FUNCTION', message: `the process of functions ended with ${how}` }
}

function outOfMemory(why: string): ThreadFault {
  const message = `the process of functions ran out of memory: ${why}; this function or another at work did that`
  return { code: 'E_MEMORY', message }
}

/** The agent's environment without what is Covey's own: that may hold the password of the broker. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('COVEY_')))
}
