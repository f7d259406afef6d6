/** Makes a failing plan smaller: faults are left out, many at once and then one by one, while it still fails. */
import type { Fault } from './faults/plan.ts'

export interface Shrunk {
  readonly plan: readonly Fault[]
  readonly tries: number
}

/**
 * @param fails runs a plan and tells whether it fails in the way that is looked for
 * @param triesMax how many runs may be spent
 */
export function shrinkPlan(
  plan: readonly Fault[],
  fails: (plan: readonly Fault[]) => boolean,
  triesMax: number,
): Shrunk {
  let best = plan
  let tries = 0
  let size = Math.ceil(best.length / 2)
  while (size >= 1 && best.length > 0) {
    let smaller = false
    for (let start = 0; start < best.length && tries < triesMax; ) {
      const rest = [...best.slice(0, start), ...best.slice(start + size)]
      tries++
      if (fails(rest)) {
        best = rest
        smaller = true
      } else start += size
    }
    if (tries >= triesMax) break
    if (size === 1 && !smaller) break
    size = size === 1 ? 1 : Math.floor(size / 2)
  }
  return { plan: best, tries }
}
