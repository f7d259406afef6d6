/** One fault that has begun: whom it struck, what it may do to the world, and how all of that is undone. */
import type { Random } from '../../shared/random/random.ts'
import type { SimNode } from '../node/node.ts'
import type { World } from '../world.ts'
import type { Fault } from './plan.ts'

export interface Strike {
  readonly fault: Fault
  readonly world: World
  /** The fault's own, so that it does the same whatever other faults there are. */
  readonly random: Random
  readonly nodes: readonly SimNode[]
  /** Is called when the fault ends; the last that was asked for comes first. */
  undo(act: () => void): void
  /** Is called after that time, unless the fault has ended by then. */
  later(delayMs: number, act: () => void): void
  /** Notes that the device is to stay off until `up`; several faults may want that at once. */
  down(node: SimNode): void
  /** Starts the device, if nothing else keeps it off. */
  up(node: SimNode): void
  brokerDown(how: 'crash' | 'wipe' | 'stop'): void
  brokerUp(): void
}

/** What a kind of fault does; everything it changes it also undoes. */
export type Effect = (strike: Strike) => void
