/**
 * Threads kept warm between calls. A thread's memory is fixed when it starts, so a call takes an idle thread of its
 * own size or a new one; few stay idle, and not for long.
 */
import type { ShellLimits } from '../limits.ts'
import { FunctionHost } from './host.ts'
import type { ThreadWish } from './messages.ts'
import type { RemoteThread } from './remote-thread.ts'

const UNUSED = { code: 'E_FUNCTION', message: 'the thread was not used' } as const

export class Threads {
  readonly #wish: Omit<ThreadWish, 'memoryBytesMax'>
  readonly #host: FunctionHost
  readonly #limits: Pick<ShellLimits, 'functionIdleMax' | 'functionIdleMs'>
  /** Idle threads, the one that waits longest first, with what ends them. */
  readonly #idle = new Map<RemoteThread, NodeJS.Timeout>()

  constructor(
    wish: Omit<ThreadWish, 'memoryBytesMax'>,
    limits: Pick<ShellLimits, 'functionIdleMax' | 'functionIdleMs'>,
  ) {
    this.#wish = wish
    this.#limits = limits
    this.#host = new FunctionHost(wish.limits.killWaitMs)
  }

  /** A thread of that memory, idle or new; `loaded` tells whether it can be used. */
  take(memoryBytesMax: number): RemoteThread {
    for (const [thread, timer] of [...this.#idle].reverse()) {
      if (!thread.usable) void this.#end(thread)
      else if (thread.memoryBytesMax === memoryBytesMax) {
        this.#forget(thread, timer)
        return thread
      }
    }
    return this.#host.start({ ...this.#wish, memoryBytesMax })
  }

  /** Takes a thread back after a call that left it fit for another. */
  giveBack(thread: RemoteThread): void {
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

  /** The process that they live in, while there is one. */
  get pid(): number | undefined {
    return this.#host.pid
  }

  /** Ends all. */
  async close(): Promise<void> {
    for (const [thread, timer] of this.#idle) this.#forget(thread, timer)
    await this.#host.close()
  }

  async #end(thread: RemoteThread): Promise<void> {
    this.#forget(thread, this.#idle.get(thread))
    await thread.terminate(UNUSED)
  }

  #forget(thread: RemoteThread, timer: NodeJS.Timeout | undefined): void {
    clearTimeout(timer)
    this.#idle.delete(thread)
  }
}
