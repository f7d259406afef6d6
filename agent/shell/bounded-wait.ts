/** Waiting with a time limit. */

/** Node fires a longer timeout at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/** The promise's value, or `undefined` when the time is over first; with an infinite limit there is no timer. */
export async function within<T>(promise: Promise<T>, limitMs: number): Promise<T | undefined> {
  if (limitMs === Number.POSITIVE_INFINITY) return promise
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.min(Math.max(0, limitMs), TIMEOUT_MS_MAX))
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
