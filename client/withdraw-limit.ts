/** How long the end of a withdrawn task may take, which its own spec decides. */
import { parseDuration } from '../shared/model/duration.ts'
import { DEFAULT_GRACE_MS } from '../shared/model/task.ts'
import type { TaskSpec, Withdraw } from '../shared/protocol/schemas/index.ts'

/**
 * Beyond the grace. A coordinator gives a device 10 seconds more before it counts the attempt as ended without an
 * answer, and another may have to take over in between.
 */
const MARGIN_MS = 20_000

/** The limit in milliseconds; that of the default grace when the spec is not known any more. */
export function withdrawLimitMs(spec: TaskSpec | Withdraw | undefined): number {
  const grace = spec !== undefined && 'grace' in spec ? spec.grace : undefined
  return (grace === undefined ? DEFAULT_GRACE_MS : (parseDuration(grace) ?? DEFAULT_GRACE_MS)) + MARGIN_MS
}
