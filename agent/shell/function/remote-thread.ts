/** A thread of functions in another process: it is spoken to as if it were here, and ends when that process does. */
import { within } from '../bounded-wait.ts'
import type {
  FromHost,
  ThreadCall,
  ThreadFault,
  ThreadListener,
  ThreadOrder,
  ThreadWish,
} from './messages.ts'

/** How it reaches its thread. */
export interface ThreadLine {
  send(order: ThreadOrder): void
  /** It is over, and nothing more will come. */
  forget(): void
}

export class RemoteThread {
  readonly memoryBytesMax: number
  /** Resolves with the names of the handlers, or with why there are none. */
  readonly loaded: Promise<readonly string[] | ThreadFault>
  readonly #line: ThreadLine
  readonly #killWaitMs: number
  readonly #gone: Promise<boolean>
  #listener: ThreadListener | undefined
  #over: ThreadFault | undefined
  #onLoaded: (loaded: readonly string[] | ThreadFault) => void = () => undefined
  #onGone: (gone: boolean) => void = () => undefined

  constructor(wish: ThreadWish, killWaitMs: number, line: ThreadLine) {
    this.memoryBytesMax = wish.memoryBytesMax
    this.#killWaitMs = killWaitMs
    this.#line = line
    this.loaded = new Promise((resolve) => {
      this.#onLoaded = resolve
    })
    this.#gone = new Promise((resolve) => {
      this.#onGone = resolve
    })
    line.send({ to: 'start', wish })
  }

  /** True while it can be called. */
  get usable(): boolean {
    return this.#over === undefined
  }

  /** Calls a handler. It must be loaded and idle. */
  call(call: ThreadCall, listener: ThreadListener): void {
    if (this.#over !== undefined) return listener.broke(this.#over)
    this.#listener = listener
    this.#line.send({ to: 'call', call })
  }

  /** Aborts the signal of the call. */
  abort(): void {
    this.#line.send({ to: 'abort' })
  }

  /** Ends the thread, whatever it does. @returns false when it has not gone in time */
  async terminate(fault: ThreadFault): Promise<boolean> {
    this.#end(fault)
    this.#line.send({ to: 'terminate', fault })
    // The other side waits as long for the thread itself.
    const gone = (await within(this.#gone, 2 * this.#killWaitMs)) === true
    this.#line.forget()
    return gone
  }

  /** Its process is gone, and so is it. */
  over(fault: ThreadFault): void {
    this.#end(fault)
    this.#onGone(true)
  }

  /** What its process tells of it. */
  take(answer: FromHost): void {
    switch (answer.from) {
      case 'loaded':
        return this.#onLoaded(answer.names)
      case 'output':
        return this.#listener?.output(answer.stream, answer.text)
      case 'progress':
        return this.#listener?.progress(answer.json)
      case 'checkpoint':
        return this.#listener?.checkpoint(answer.json)
      case 'returned': {
        const listener = this.#listener
        this.#listener = undefined
        return listener?.returned(answer.returned)
      }
      case 'over':
        return this.#end(answer.fault)
      case 'gone':
        return this.#onGone(answer.gone)
    }
  }

  /** The first fault is the cause; what follows comes of it. */
  #end(fault: ThreadFault): void {
    if (this.#over !== undefined) return
    this.#over = fault
    this.#onLoaded(fault)
    this.#listener?.broke(fault)
    this.#listener = undefined
  }
}
