/** Waiting while a live run starts: for so long at most, and not after an interruption. */
import { CoveyError } from '../../shared/errors/errors.ts'

export const STEP_MS_MAX = 30_000

/**
 * The promise's value.
 *
 * @param what what the promise is of, for the error: "the broker's answer"
 * @throws CoveyError E_START when it takes too long; the signal's reason when that is aborted first
 */
export async function inTime<T>(
  promise: Promise<T>,
  what: string,
  signal: AbortSignal,
  limitMs: number = STEP_MS_MAX,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let interrupt = (): void => undefined
  const hindrance = new Promise<never>((_, reject) => {
    interrupt = () => reject(signal.reason)
    if (signal.aborted) interrupt()
    signal.addEventListener('abort', interrupt)
    timer = setTimeout(
      () => reject(new CoveyError('E_START', `waited ${limitMs} ms in vain for ${what}`)),
      limitMs,
    )
  })
  try {
    return await Promise.race([promise, hindrance])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', interrupt)
  }
}
