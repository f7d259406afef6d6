/** Waiting for what must happen: ends as soon as it has, and says what was seen instead when it has not. */

/** Between two looks at what no message announces, like a file or a process. */
const LOOK_EVERY_MS = 20

export interface UntilOptions {
  readonly limitMs?: number
  /** What to print when it did not happen. */
  readonly seen?: () => string
}

export const LIMIT_MS = 90_000

/**
 * Looks until `read` gives something other than `undefined` or `false`, and hands that on.
 *
 * @param what it is waited for, to complete "waited … for"
 * @throws Error after `limitMs`, with what was seen
 */
export async function until<T>(
  read: () => T,
  what: string,
  { limitMs = LIMIT_MS, seen }: UntilOptions = {},
): Promise<Exclude<T, undefined | false>> {
  const endMs = performance.now() + limitMs
  for (;;) {
    const value = read()
    if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>
    if (performance.now() > endMs) {
      throw new Error(`waited ${limitMs} ms for ${what}${seen === undefined ? '' : `\n${seen()}`}`)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}
