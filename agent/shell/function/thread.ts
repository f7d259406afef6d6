/** One thread of the user's functions, from outside of it: started, called, and in the end terminated. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { within } from '../bounded-wait.ts'
import type {
  FromThread,
  ThreadCall,
  ThreadData,
  ThreadFault,
  ThreadListener,
  ThreadWish,
  ToThread,
} from './messages.ts'
import { THREAD_ENTRY } from './thread-entry.ts'

const MIB = 2 ** 20
/** Of its memory a thread may use so much for what was just made. */
const YOUNG_SHARE = 4
const YOUNG_MIB_MAX = 16

export class FunctionThread {
  readonly memoryBytesMax: number
  /** Resolves with the names of the handlers, or with why there are none; after `functionLoadMs` at the latest. */
  readonly loaded: Promise<readonly string[] | ThreadFault>
  readonly #wish: ThreadWish
  readonly #onOver: (fault: ThreadFault) => void
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #exited: Promise<void>
  #listener: ThreadListener | undefined
  #over: ThreadFault | undefined
  #onLoaded: (loaded: readonly string[] | ThreadFault) => void = () => undefined

  /** @param onOver called once when it is over, whatever the reason */
  constructor(wish: ThreadWish, onOver: (fault: ThreadFault) => void) {
    this.#wish = wish
    this.#onOver = onOver
    this.memoryBytesMax = wish.memoryBytesMax
    const { port1, port2 } = new MessageChannel()
    const memoryMib = Math.max(1, Math.floor(wish.memoryBytesMax / MIB))
    const data: ThreadData = {
      module: wish.module,
      port: port2,
      memoryBytesMax: wish.memoryBytesMax,
      logBytesPerSecondMax: Math.max(wish.limits.logBytesPerSecondMax, MIB),
      ...wish.agent,
    }
    this.#worker = new Worker(THREAD_ENTRY, {
      workerData: data,
      transferList: [port2],
      resourceLimits: {
        maxOldGenerationSizeMb: memoryMib,
        maxYoungGenerationSizeMb: Math.max(1, Math.min(YOUNG_MIB_MAX, Math.floor(memoryMib / YOUNG_SHARE))),
      },
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
    })
    // What reaches these is Node's own, such as its warnings; reading it keeps it from gathering.
    this.#worker.stdout.resume()
    this.#worker.stderr.resume()
    this.#port = port1
    port1.on('message', (message: FromThread) => this.#take(message))
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#end({ code: 'E_FUNCTION', message: `the function ended its thread with code ${code}` })
        resolve()
      })
    })
    this.#worker.on('error', (error: NodeJS.ErrnoException) => this.#end(this.#crash(error)))
    this.loaded = this.#load()
  }

  /** Calls a handler. It must be loaded and idle. */
  call(call: ThreadCall, listener: ThreadListener): void {
    if (this.#over !== undefined) return listener.broke(this.#over)
    this.#listener = listener
    this.#port.postMessage({ to: 'call', call } satisfies ToThread)
  }

  /** Aborts the signal of the call. */
  abort(): void {
    this.#port.postMessage({ to: 'abort' } satisfies ToThread)
  }

  /** Ends the thread, whatever it does. @returns false when it has not gone in time */
  async terminate(fault: ThreadFault): Promise<boolean> {
    this.#end(fault)
    void this.#worker.terminate()
    return (
      (await within(
        this.#exited.then(() => true),
        this.#wish.limits.killWaitMs,
      )) === true
    )
  }

  async #load(): Promise<readonly string[] | ThreadFault> {
    const answer = new Promise<readonly string[] | ThreadFault>((resolve) => {
      this.#onLoaded = resolve
    })
    const { functionLoadMs } = this.#wish.limits
    const loaded = await within(answer, functionLoadMs)
    if (loaded !== undefined) return loaded
    const fault: ThreadFault = {
      code: 'E_START',
      message: `the module of functions did not load within ${functionLoadMs} ms`,
    }
    await this.terminate(fault)
    return fault
  }

  #take(message: FromThread): void {
    if (this.#over !== undefined) return
    switch (message.from) {
      case 'loaded':
        return this.#onLoaded(message.names)
      case 'unloadable':
        void this.terminate({
          code: 'E_START',
          message: `the module of functions does not load: ${message.message}`,
        })
        return
      case 'output':
        return this.#listener?.output(message.stream, message.text)
      case 'progress':
        return this.#listener?.progress(message.json)
      case 'checkpoint':
        return this.#listener?.checkpoint(message.json)
      case 'over':
        void this.terminate(this.#tooMuch(message.bytes))
        return
      case 'returned': {
        const listener = this.#listener
        this.#listener = undefined
        return listener?.returned(message.returned)
      }
    }
  }

  #tooMuch(bytes: number): ThreadFault {
    const message = `it uses ${bytes} bytes of memory, and ${this.memoryBytesMax} are its limit`
    return { code: 'E_MEMORY', message }
  }

  #crash(error: NodeJS.ErrnoException): ThreadFault {
    if (error?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
      return { code: 'E_MEMORY', message: `it used more than the ${this.memoryBytesMax} bytes of its memory` }
    }
    const message = `an error that nobody caught: ${String(error?.message ?? error)}`
    return { code: 'E_FUNCTION', message, stack: String(error?.stack ?? '') }
  }

  /** The first fault is the cause; what follows comes of it. */
  #end(fault: ThreadFault): void {
    if (this.#over !== undefined) return
    this.#over = fault
    this.#onOver(fault)
    this.#port.close()
    this.#onLoaded(fault)
    this.#listener?.broke(fault)
    this.#listener = undefined
  }
}
