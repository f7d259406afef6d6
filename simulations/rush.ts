/**
 * A rush: the whole mesh is full of work of low priority when some comes that must go first, so that it finds no room and
 * has it made. Ids are `r<n>`; drawn from a seed, and apart from the other work of a case.
 */
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import type { Random } from '../shared/random/random.ts'
import { runOf } from './node/behaviour.ts'
import type { Action } from './submitter.ts'

export interface RushOptions {
  /** How likely there is one. */
  readonly share: number
  readonly devices: number
  readonly overMs: number
  readonly runMsMean: number
}

/** Low work is submitted in so many tasks a device, each of half the smallest device; urgent work in half as many. */
const LOW_PER_DEVICE = 6
const LEAD_MS = 2_000
const LOW_MAX = 40

/** What the submitter of a rush does. */
export function drawRush(random: Random, options: RushOptions): Action[] {
  if (!random.chance(options.share)) return []
  const atMs = random.between(0, options.overMs)
  const actions: Action[] = []
  const submit = (whenMs: number, spec: TaskSpec): void => {
    actions.push({ atMs: whenMs, do: 'submit', task: `r${actions.length}`, spec })
  }
  const low = LOW_PER_DEVICE * options.devices
  for (let n = 0; n < low; n++) {
    const ms = Math.round(options.runMsMean * (1 + random.float()) + LEAD_MS)
    submit(atMs, {
      run: runOf({ ms, ends: 'succeeds', ...(random.chance(0.1) ? { ignoresTerm: true } : {}) }),
      resources: { cpu: '500m', memory: '256Mi' },
      priority: random.below(LOW_MAX),
      grace: `${200 + random.below(2000)}ms`,
      retries: { failed: 0, lost: 100 },
      ...(random.chance(0.1) ? { exclusive: true } : {}),
    })
  }
  for (let n = 0; n < low / 2; n++) {
    submit(atMs + LEAD_MS + random.exponential(LEAD_MS), {
      run: runOf({ ms: Math.round(random.exponential(options.runMsMean)), ends: 'succeeds' }),
      resources: { cpu: `${100 * (5 + random.below(6))}m`, memory: `${64 * (1 + random.below(8))}Mi` },
      priority: LOW_MAX + random.below(60),
      retries: { failed: 0, lost: 100 },
    })
  }
  return actions.sort((a, b) => a.atMs - b.atMs)
}
