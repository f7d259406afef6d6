/**
 * `vi.waitFor` gives up after one second unless it is told otherwise, and a busy machine stands still for longer.
 * Here it waits until what it waits for must have happened, and less than a test may take. It is set up for every
 * test; a limit that is given wins.
 */
import { vi } from 'vitest'

const LIMIT_MS = 60_000
const LOOK_EVERY_MS = 20

const { waitFor } = vi
vi.waitFor = (look, options = {}) =>
  waitFor(look, {
    timeout: LIMIT_MS,
    interval: LOOK_EVERY_MS,
    ...(typeof options === 'number' ? { timeout: options } : options),
  })
