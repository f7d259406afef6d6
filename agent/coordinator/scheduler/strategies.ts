/** Strategies: which of the devices with room gets a task. All share the filters; they differ in what they score. */
import type { Resources } from '../../../shared/model/resources.ts'
import type { StrategyName } from '../../../shared/protocol/schemas/index.ts'
import type { DeviceRecord } from '../device-record.ts'
import { bestFit, mostFree } from './score.ts'

export interface Strategy {
  readonly name: StrategyName
  /** How a device suits what is asked for, from 0 to 1; the highest is chosen. */
  score(device: DeviceRecord, need: Resources): number
  /**
   * The same from the shares that would be left of the scarcest resource, by what is reserved and by what is measured;
   * 1 where nothing is measured.
   */
  rank(left: number, unused: number): number
  /** What the chosen one is, for explanations. */
  readonly superlative: string
}

/** What goes by for tasks that say nothing of it. It may change at any time. */
export interface Defaults {
  strategy: Strategy
}

export const STRATEGY: Readonly<Record<StrategyName, Strategy>> = {
  // The textbook greedy (worst fit): it spreads work, so that a lost device takes little with it and bursts find room
  // everywhere.
  greedy: {
    name: 'greedy',
    score: mostFree,
    rank: (left, unused) => (unused < left ? unused : left),
    superlative: 'most free',
  },
  // It leaves whole devices free for what is large.
  'best-fit': { name: 'best-fit', score: bestFit, rank: (left) => 1 - left, superlative: 'best fit' },
}
