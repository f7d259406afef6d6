/**
 * Threads kept warm between calls. A thread's memory is fixed when it starts, so a call takes an idle thread of its
 * own size or a new one; few stay idle, and not for long.
 */
import type { ShellLimits } from '../limits.ts'
import { FunctionThread, type ThreadWish } from './thread.ts'

const UNUSED = { code: 'E_FUNCTION', message: 'the thread was not used' } as const

export class Threads {
  readonly #wish: Omit<ThreadWish, 'memoryBytesMax'>
  readonly #limits: Pick<ShellLimits, 'functionIdleMax' | 'functionIdleMs'>
  /** Idle threads, the one that waits longest first, with what ends them. */
  readonly #idle = new Map<FunctionThread, NodeJS.Timeout>()

  constructor(
    wish: Omit<ThreadWish, 'memoryBytesMax'>,
    limits: Pick<ShellLimits, 'functionIdleMax' | 'functionIdleMs'>,
  ) {
    this.#wish = wish
    this.#limits = limits
  }

  /** A thread of that memory, idle or new; `loaded` tells whether it can be used. */
  take(memoryBytesMax: number): FunctionThread {
    for (const [thread, timer] of [...this.#idle].reverse()) {
      if (!thread.usable) this.#forget(thread, timer)
      else if (thread.memoryBytesMax === memoryBytesMax) {
        this.#forget(thread, timer)
        return thread
      }
    }
    return new FunctionThread({ ...this.#wish, memoryBytesMax })
  }

  /** Takes a thread back after a call that left it fit for another. */
  giveBack(thread: FunctionThread): void {
    const { functionIdleMax, functionIdleMs } = this.#limits
    if (!thread.usable) return
    const timer = setTimeout(() => this.#end(thread), functionIdleMs)
    timer.unref()
    this.#idle.set(thread, timer)
    for (const oldest of this.#idle.keys()) {
      if (this.#idle.size <= functionIdleMax) break
      this.#end(oldest)
    }
  }

  /** Ends all that are idle. */
  async close(): Promise<void> {
    await Promise.all([...this.#idle.keys()].map((thread) => this.#end(thread)))
  }

  async #end(thread: FunctionThread): Promise<void> {
    this.#forget(thread, this.#idle.get(thread))
    await thread.terminate(UNUSED)
  }

  #forget(thread: FunctionThread, timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer)
    this.#idle.delete(thread)
  }
}
