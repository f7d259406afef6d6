/** What a planted bug is, and the plans of faults that some of them need. */
import type { Moment } from '../faults/moments.ts'
import type { Fault, FaultKind } from '../faults/plan.ts'
import type { FuzzOptions } from '../fuzz.ts'
import type { CoreFactory } from '../node/node.ts'
import type { Patch } from './patch.ts'

export type CaseOptions = Omit<FuzzOptions, 'core'>

export interface Bug {
  /** Continues "a mesh that". */
  readonly what: string
  /** The invariant whose checker must find it. */
  readonly breaks: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I9' | 'wire' | 'tenants' | 'relations'
  /** Where it is: in the source of the cores, or around an honest core. */
  readonly planted: { readonly patches: readonly Patch[] } | { readonly core: CoreFactory }
  /** What a case must be like for it to show. */
  readonly with?: Partial<CaseOptions>
}

/** A case like those of the fuzz tests; shares of tasks and cases that are 0 here are for the bugs that concern them. */
export const PLAIN: CaseOptions = {
  devices: 5,
  tasks: 60,
  faults: 12,
  safetyMs: 120_000,
  checkpointShare: 0,
  wishShare: 0,
  rushes: 0,
  gpuShare: 0,
  auctions: 0,
  tenants: 0,
  aims: 0,
}
/** A case in which devices are full and something fails every three seconds. */
export const CROWDED: CaseOptions = {
  devices: 6,
  tasks: 200,
  faults: 40,
  safetyMs: 120_000,
  checkpointShare: 0,
  wishShare: 0,
  rushes: 0,
  gpuShare: 0,
  auctions: 0,
  tenants: 0,
  aims: 0,
}

/** The devices of a plain case. */
export const EVERYONE = ['d0', 'd1', 'd2', 'd3', 'd4']

/** Something that goes wrong again and again, every `everyMs` from the first time on. */
export interface Trouble {
  readonly kind: FaultKind
  readonly firstMs: number
  readonly everyMs: number
  readonly times: number
  readonly durationMs: number
  /** Devices; none for faults that find their target themselves. */
  readonly targets?: readonly string[]
  /** From 0 to 1; 0.5 when it does not matter. */
  readonly size?: number
  /** From then on each waits for this moment. */
  readonly upon?: Moment
}

/** A plan of these troubles. All must be over within the safety phase of the case. */
export function planOfTroubles(troubles: readonly Trouble[]): Fault[] {
  const faults = troubles.flatMap((trouble) => {
    const { kind, firstMs, everyMs, times, durationMs, targets = [], size = 0.5, upon } = trouble
    return Array.from({ length: times }, (_, n) => ({
      kind,
      atMs: firstMs + n * everyMs,
      durationMs,
      targets,
      size,
      ...(upon === undefined ? {} : { upon }),
    }))
  })
  return faults.sort((a, b) => a.atMs - b.atMs).map((fault, id) => ({ ...fault, id }))
}
