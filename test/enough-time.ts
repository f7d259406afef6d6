/**
 * What is about a time limit of the product has something that must have happened by then: a command has begun, a
 * process has written where it is. A limit that is short enough for a quick test is too short for that on a machine
 * that stands still for seconds; one that is never too short would make every run slow.
 */

/** Each is enough on a machine that stands still a good while longer than the one before is enough for. */
const LIMITS_MS = [1_500, 6_000, 20_000] as const

/**
 * Tries with a short limit, and with a longer one as long as it was too short for what must come first.
 *
 * @param run does all of it within a limit in milliseconds; `nth` tells the tries apart
 * @param inTime whether what must come first has happened in time; what follows is for the caller to judge
 * @param limitsMs the limits, the shortest first
 * @returns what was seen by the first try that was in time, or else by the last
 */
export async function enoughTime<T>(
  run: (limitMs: number, nth: number) => Promise<T>,
  inTime: (seen: T) => boolean,
  limitsMs: readonly [number, ...number[]] = LIMITS_MS,
): Promise<T> {
  const [firstMs, ...longerMs] = limitsMs
  let seen = await run(firstMs, 0)
  for (const [i, limitMs] of longerMs.entries()) {
    if (inTime(seen)) break
    seen = await run(limitMs, i + 1)
  }
  return seen
}
