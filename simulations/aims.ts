/**
 * Aims: what a mesh and its tasks are to achieve, how long tasks say that they run, and where their data lies, all of it
 * changing while the mesh is at work. Drawn from a seed, and apart from the other work of a case.
 */
import { type MeshConfig, OBJECTIVES, STRATEGIES, type TaskSpec } from '../shared/protocol/schemas/index.ts'
import type { Random } from '../shared/random/random.ts'
import type { Action } from './submitter.ts'

export interface AimsOptions {
  /** How likely there are any. */
  readonly share: number
  readonly overMs: number
  /** The label by which devices are at one site, and its values. */
  readonly siteLabel: string
  readonly sites: readonly string[]
}

export interface Aims {
  /** What is submitted, of which some tasks now have aims. */
  readonly apply: (actions: readonly Action[]) => Action[]
  /** What an operator sets. */
  readonly settings: readonly Action[]
}

/** How often settings change in a case, at most. */
const CHANGES_MAX = 4

export function drawAims(random: Random, options: AimsOptions): Aims | undefined {
  if (!random.chance(options.share)) return undefined
  const settings = Array.from({ length: 1 + random.below(CHANGES_MAX) }, (_, n): Action => {
    const atMs = n === 0 ? 0 : random.between(0, options.overMs)
    return { atMs, do: 'configure', config: drawSettings(random, options) }
  })
  // What is sent again must be the same.
  const drawn = new Map<string, Partial<TaskSpec>>()
  const aimed = (task: string, spec: TaskSpec): TaskSpec => {
    const key = `${task} ${JSON.stringify(spec)}`
    const aim = drawn.get(key) ?? drawAim(random, options)
    drawn.set(key, aim)
    return { ...spec, ...aim }
  }
  return {
    apply: (actions) =>
      actions.map((action) =>
        action.do === 'submit' ? { ...action, spec: aimed(action.task, action.spec) } : action,
      ),
    settings: settings.sort((a, b) => a.atMs - b.atMs),
  }
}

function drawSettings(random: Random, { siteLabel, sites }: AimsOptions): MeshConfig {
  const [first = '', ...others] = sites
  return {
    objective: random.pick(OBJECTIVES),
    strategy: random.pick(STRATEGIES),
    ...(random.chance(0.5) ? { improve: `${2 + random.below(9)}s` } : {}),
    ...(random.chance(0.8) ? { siteLabel } : {}),
    links: others.map((site) => ({
      between: [first, site],
      latency: `${random.below(100)}ms`,
      bandwidth: `${1 + random.below(1_000)}M`,
    })),
    ...(random.chance(0.3) ? { defaultLink: 'none' as const } : {}),
  }
}

function drawAim(random: Random, { sites }: AimsOptions): Partial<TaskSpec> {
  return {
    ...(random.chance(0.3) ? { objective: random.pick(OBJECTIVES) } : {}),
    ...(random.chance(0.2) ? { strategy: random.pick(STRATEGIES) } : {}),
    ...(random.chance(0.5) ? { duration: `${100 * (1 + random.below(100))}ms` } : {}),
    ...(random.chance(0.3) ? { data: [{ at: random.pick(sites), size: `${random.below(512)}Mi` }] } : {}),
  }
}
