/**
 * Settings: what an operator sets for the whole mesh in a case, drawn from a seed. Aims, auctions and tenants are drawn apart
 * from each other; what is published holds all of them as of then, since settings are one message.
 */
import type { Random } from '../shared/random/random.ts'
import type { Action } from './submitter.ts'

type Configure = Extract<Action, { readonly do: 'configure' }>

/** That tasks go by auction, and in half of those cases no longer. */
export function drawAuctions(random: Random, share: number, overMs: number): Configure[] {
  if (!random.chance(share)) return []
  const atMs = random.chance(0.5) ? 0 : random.between(0, overMs / 2)
  const begin: Configure = { atMs, do: 'configure', config: { strategy: 'auction' } }
  if (random.chance(0.5)) return [begin]
  return [begin, { atMs: random.between(atMs, overMs), do: 'configure', config: {} }]
}

/** All of them as one operator publishes them; where two say something of the same, what comes later among the sources counts. */
export function mergedSettings(...sources: readonly (readonly Action[])[]): Action[] {
  const latest = sources.map((): Configure['config'] => ({}))
  return sources
    .flatMap((actions, source) =>
      actions.flatMap((action) => (action.do === 'configure' ? [{ action, source }] : [])),
    )
    .sort((a, b) => a.action.atMs - b.action.atMs || a.source - b.source)
    .map(({ action, source }) => {
      latest[source] = action.config
      return { ...action, config: Object.assign({}, ...latest) as Configure['config'] }
    })
}
