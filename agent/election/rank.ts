/**
 * Rank: who among the live candidates goes first. Everyone computes it alone from the retained states, so it
 * need not agree everywhere; a tie or a disagreement costs a second claim, never a second coordinator.
 */
import { parseResources } from '../../shared/model/resources.ts'
import type { DeviceState } from '../../shared/protocol/schemas/index.ts'

interface Standing {
  readonly id: string
  readonly preferred: boolean
  readonly cpu: number
  readonly memory: number
}

/**
 * Candidates in the order in which they should take office: preferred ones first, then the larger, then by id.
 *
 * @param states last state of every known device, by id
 */
export function order(states: Iterable<readonly [string, DeviceState]>): readonly string[] {
  const standings: Standing[] = []
  for (const [id, state] of states) {
    if (!state.online || state.candidate === 'never') continue
    const { cpu = 0, memory = 0 } = parseResources(state.capacity)
    standings.push({ id, preferred: state.candidate === 'prefer', cpu, memory })
  }
  standings.sort(
    (a, b) =>
      Number(b.preferred) - Number(a.preferred) ||
      b.cpu - a.cpu ||
      b.memory - a.memory ||
      (a.id < b.id ? -1 : 1),
  )
  return standings.map((standing) => standing.id)
}
