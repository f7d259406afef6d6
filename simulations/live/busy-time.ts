/**
 * How long a process's main thread ran or waited for a processor: what its work takes on this machine, with all that
 * goes on beside it. The kernel keeps both, in nanoseconds (Documentation/scheduler/sched-stats.rst).
 */
import { readFileSync } from 'node:fs'
import { CoveyError } from '../../shared/errors/errors.ts'

const NS_PER_MS = 1e6

export class BusyTime {
  readonly #file: string
  #takenMs: number

  constructor(pid: number) {
    this.#file = `/proc/${pid}/schedstat`
    this.#takenMs = this.#readMs()
  }

  /** Milliseconds since this was asked last; 0 where the kernel does not tell. */
  takeMs(): number {
    const nowMs = this.#readMs()
    const sinceMs = nowMs - this.#takenMs
    this.#takenMs = nowMs
    return sinceMs
  }

  #readMs(): number {
    try {
      const [ranNs = 0, waitedNs = 0] = readFileSync(this.#file, 'utf8').split(' ').map(Number)
      return (ranNs + waitedNs) / NS_PER_MS
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
      throw error
    }
  }
}

/** @throws CoveyError E_USAGE where there is nothing to read */
export function checkBusyTime(): void {
  try {
    readFileSync('/proc/self/schedstat', 'utf8')
  } catch (cause) {
    throw new CoveyError('E_USAGE', 'this system does not tell how long its processes run', {
      remedy: 'Calibrate on Linux',
      cause,
    })
  }
}
