/** Waiting for what an observer will see. */
import type { Observer } from './observer.ts'

const LOOK_AGAIN_MS = 100

/**
 * Resolves as soon as the condition holds: looked at after every message and, since it may depend on the time, now
 * and then. Callers bound the wait by the signal.
 *
 * @throws what the signal is aborted with
 */
export function until(observer: Observer, condition: () => boolean, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearInterval(timer)
      observer.off('change', look)
      signal.removeEventListener('abort', abort)
    }
    const look = () => {
      try {
        if (!condition()) return
        end()
        resolve()
      } catch (error) {
        end()
        reject(error)
      }
    }
    const abort = () => {
      end()
      reject(signal.reason)
    }
    const timer = setInterval(look, LOOK_AGAIN_MS)
    observer.on('change', look)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    else look()
  })
}
