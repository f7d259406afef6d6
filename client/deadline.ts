/** Time limits that also end when a caller's signal does. */

/** The longest delay a timer of Node can have: about 24.8 days. */
export const TIMER_MS_MAX = 2 ** 31 - 1

export interface Deadline {
  /** Aborted with the error of the limit, or with the reason of the caller's signal. */
  readonly signal: AbortSignal
  /** Frees the timer; call it when the wait is over, however it ended. */
  done(): void
}

/**
 * A signal that is aborted after `limitMs`, or together with `outer`.
 *
 * @param error makes the reason; called at the limit, so that it can say what is missing at that moment
 */
export function deadline(limitMs: number, error: () => Error, outer?: AbortSignal): Deadline {
  const controller = new AbortController()
  const forward = () => controller.abort(outer?.reason)
  const timer = setTimeout(() => controller.abort(error()), Math.min(limitMs, TIMER_MS_MAX))
  if (outer?.aborted === true) forward()
  else outer?.addEventListener('abort', forward, { once: true })
  return {
    signal: controller.signal,
    done: () => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', forward)
    },
  }
}
