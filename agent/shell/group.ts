import { listProcesses } from './process-table.ts'

/**
 * A process group of ours. Once it is seen empty nothing is signalled any more: its number may be given to
 * strangers then.
 */
export class ProcessGroup {
  readonly pid: number
  #empty = false

  /** @param pid the leader's, which must have been started detached */
  constructor(pid: number) {
    this.pid = pid
  }

  /**
   * True while any process of the group runs. One that has ended and that nobody collects (in a container process 1
   * often does not) keeps the group but does nothing any more.
   */
  get alive(): boolean {
    if (!this.signal(0)) return false
    const table = listProcesses()
    return table === undefined || table.some(({ group, state }) => group === this.pid && state !== 'Z')
  }

  /** Sends a signal to all of it; false when it is empty. */
  signal(signal: NodeJS.Signals | 0): boolean {
    if (this.#empty) return false
    try {
      process.kill(-this.pid, signal)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      // EPERM: there are some, but all have become another user's.
      if (code === 'EPERM') return true
      if (code !== 'ESRCH') throw error
      this.#empty = true
      return false
    }
  }
}
