/**
 * Strategies: which of the devices with room gets a task. All share the filters; they differ in what they score. Those
 * that plan batches score what they leave out.
 */
import type { Network } from '../../../shared/model/network.ts'
import type { Resources } from '../../../shared/model/resources.ts'
import { DEFAULT_DURATION_MS } from '../../../shared/model/task.ts'
import type { ObjectiveName, StrategyName } from '../../../shared/protocol/schemas/index.ts'
import type { StrategyName as PlannerName } from '../../planning/plan.ts'
import type { DeviceRecord } from '../device-record.ts'
import { alignment } from './alignment.ts'
import { bestFit, mostFree } from './score.ts'
import { shareOf, soonness, workLeftMs } from './work-left.ts'

/**
 * What a rank goes by besides what is left: how well what is free aligns with what is asked for (0 to 1), how many
 * tasks the device holds, or how much work it would have left (ms).
 */
export type Sight = 'alignment' | 'held' | 'work'

export interface Strategy {
  readonly name: StrategyName
  /** How a device suits what is asked for, and for how long, from 0 to 1; the highest is chosen. */
  score(device: DeviceRecord, need: Resources, durationMs?: number): number
  /**
   * The same from the shares that would be left of the scarcest resource, by what is reserved and by what is measured;
   * 1 where nothing is measured. `seen` is what the strategy sees besides.
   */
  rank(left: number, unused: number, seen: number): number
  readonly sees?: Sight
  /** It never scores higher where nothing more is left or unused: then nobody need look where something was placed. */
  readonly fallsWithLoad?: true
  /** What suits best by `rank` is looked at in detail, and scored by that (replaying.ts). */
  readonly judged?: true
  /** What the chosen one is, for explanations. */
  readonly superlative: string
  /** Set where several tasks are planned together (batches.ts); the rest is for those that are not. */
  readonly batch?: BatchBounds
  /** Devices are asked first. What they leave is placed by the score. */
  readonly byBids?: true
}

/** What is planned together at the most, and by what. */
export interface BatchBounds {
  readonly planner: Exclude<PlannerName, 'greedy'>
  readonly tasksMax: number
  /** Of more devices those are planned over that the strategy scores highest. */
  readonly devicesMax: number
}

/** What goes by for tasks that say nothing of it. It may change at any time. */
export interface Defaults {
  strategy: Strategy
  objective: ObjectiveName
  network: Network
}

/** A device in use comes before every empty one, so that whole devices stay free for what is large. */
const packed = (held: number, fit: number): number => (held > 0 ? 0.5 + fit / 2 : fit / 2)

/** Fewer tasks come before more, and of as many what leaves more free: between 1/(n + 2) and 1/(n + 1) for n tasks. */
const fewest = (held: number, left: number): number => (1 + held + left) / ((1 + held) * (2 + held))

const packing = (name: StrategyName): Strategy => ({
  name,
  score: (device, need) => packed(device.held, bestFit(device, need)),
  rank: (left, _unused, held) => packed(held, 1 - left),
  sees: 'held',
  superlative: 'best packed',
})

// The textbook greedy (worst fit): it spreads work, so that a lost device takes little with it and bursts find room
// everywhere.
const MOST_FREE: Strategy = {
  name: 'greedy',
  score: mostFree,
  rank: (left, unused) => (unused < left ? unused : left),
  fallsWithLoad: true,
  superlative: 'most free',
}

/** What `greedy` scores, by objective; and by what is placed that the strategies for batches leave out. */
const GREEDY: Readonly<Record<ObjectiveName, Strategy>> = {
  peak: MOST_FREE,
  packing: packing('greedy'),
  spread: {
    name: 'greedy',
    score: (device, need) => fewest(device.held, 1 - bestFit(device, need)),
    rank: (left, _unused, held) => fewest(held, left),
    sees: 'held',
    superlative: 'fewest tasks',
  },
  // What is near the data is for labels to say (by-labels.ts); of what is as near the most free is chosen.
  data: MOST_FREE,
  // Graham's list scheduling (1966): onto the machine that is done first.
  makespan: {
    name: 'greedy',
    score: (device, need, durationMs = DEFAULT_DURATION_MS) =>
      soonness(workLeftMs(device) + shareOf(device, need) * durationMs),
    rank: (_left, _unused, workMs) => soonness(workMs),
    sees: 'work',
    superlative: 'soonest done',
  },
}

/** A strategy for batches, by objective. */
function batching(planner: BatchBounds['planner'], tasksMax: number, devicesMax: number) {
  const by = (objective: ObjectiveName): Strategy => ({
    ...GREEDY[objective],
    name: planner,
    batch: { planner, tasksMax, devicesMax },
  })
  return {
    ...{ peak: by('peak'), packing: by('packing'), spread: by('spread') },
    ...{ makespan: by('makespan'), data: by('data') },
  }
}

/** What strategies score that go by an objective. */
const BY_OBJECTIVE = {
  greedy: GREEDY,
  // Proof costs states, and those grow with every task and device.
  dp: batching('dp', 10, 12),
  heuristic: batching('heuristic', 64, 64),
  genetic: batching('genetic', 32, 32),
} as const satisfies Partial<Record<StrategyName, Readonly<Record<ObjectiveName, Strategy>>>>

export const STRATEGY: Readonly<Record<StrategyName, Strategy>> = {
  greedy: GREEDY.peak,
  'best-fit': packing('best-fit'),
  'dot-product': {
    name: 'dot-product',
    score: alignment,
    rank: (_left, _unused, aligned) => aligned,
    sees: 'alignment',
    superlative: 'best aligned',
  },
  // It leaves of GPUs what others can use.
  replay: {
    name: 'replay',
    score: bestFit,
    rank: (left) => 1 - left,
    judged: true,
    superlative: 'least missed',
  },
  // The same as greedy, by what devices say at the moment.
  auction: { ...MOST_FREE, name: 'auction', byBids: true },
  dp: BY_OBJECTIVE.dp.peak,
  heuristic: BY_OBJECTIVE.heuristic.peak,
  genetic: BY_OBJECTIVE.genetic.peak,
}

/** What a strategy scores to reach an objective. */
export function towards(strategy: Strategy, objective: ObjectiveName): Strategy {
  const { name } = strategy
  return name in BY_OBJECTIVE ? BY_OBJECTIVE[name as keyof typeof BY_OBJECTIVE][objective] : strategy
}
