/**
 * Bugs in the source of the cores that let two attempts of an exclusive task overlap. Devices are cut off and
 * coordinators killed again and again, so that leases matter.
 */
import type { Bug, CaseOptions } from './bug.ts'
import { planOfTroubles } from './bug.ts'

const COORDINATOR = 'coordinator/leases.ts'
const WORKER = 'worker/leases.ts'

/** All work is exclusive, and most of it runs when something fails. */
const LONG = { tasks: 120, safetyMs: 180_000, runMsMean: 12_000, exclusiveShare: 1 }
/** Long enough for an election, and for the wait after it. */
const APART_MS = 32_000

/** A device at a time is cut off for as long as a lost one takes to be placed elsewhere. */
const CUT_OFF: Partial<CaseOptions> = {
  ...LONG,
  plan: planOfTroubles(
    ['d0', 'd1', 'd2', 'd3', 'd4'].map((device, n) => ({
      kind: 'partition',
      firstMs: 20_000 + n * APART_MS,
      everyMs: 1,
      times: 1,
      durationMs: 16_000,
      targets: [device],
    })),
  ),
}

/** What a device is told comes late, and then it is not heard: it must not take what it is told for fresh. */
const TOLD_LATE: Partial<CaseOptions> = {
  ...LONG,
  runMsMean: 30_000,
  plan: planOfTroubles(
    ['d0', 'd1', 'd2', 'd3', 'd4'].flatMap((device, n) => {
      const often = { kind: 'one-way', everyMs: 1, times: 1, targets: [device] } as const
      const firstMs = 20_000 + n * APART_MS
      return [
        { ...often, firstMs, durationMs: 4_500, size: 0.6 },
        { ...often, firstMs: firstMs + 1_000, durationMs: 20_000, size: 0.4 },
      ]
    }),
  ),
}

/** Devices are away while the coordinator dies: only time tells the next one what they run. */
const AWAY_AT_FAILOVER: Partial<CaseOptions> = {
  ...LONG,
  plan: planOfTroubles([
    {
      kind: 'partition',
      firstMs: 21_500,
      everyMs: APART_MS,
      times: 4,
      durationMs: 12_000,
      targets: ['d1', 'd2', 'd3'],
    },
    { kind: 'crash-holder', firstMs: 22_000, everyMs: APART_MS, times: 4, durationMs: 4_000 },
  ]),
}

export const EXCLUSIVE_BUGS: readonly Bug[] = [
  {
    what: 'places exclusive work elsewhere as soon as its device is lost',
    breaks: 'I3',
    planted: {
      patches: [
        {
          file: COORDINATOR,
          find: '&& this.mayRun(task, device)\n',
          put: '&& placement.key === device.id\n',
        },
      ],
    },
    with: CUT_OFF,
  },
  {
    what: 'counts a lease from when it is told of it, not from when the heartbeat was sent',
    breaks: 'I3',
    planted: {
      patches: [
        {
          file: WORKER,
          find: '    this.#from = at\n',
          put: '    this.#from = this.#context.now\n',
        },
      ],
    },
    with: TOLD_LATE,
  },
  {
    what: 'lets exclusive work run on when its lease is over',
    breaks: 'I3',
    planted: {
      patches: [
        {
          file: WORKER,
          find: '    return { lease: { from: this.#from, leaseMs: held.leaseMs } }\n',
          put: '    return {}\n',
        },
        {
          file: WORKER,
          find: '      lapsed.push(held)\n',
          put: '',
        },
      ],
    },
    with: CUT_OFF,
  },
  {
    what: 'does not wait after a failover for what it cannot know of',
    breaks: 'I3',
    planted: {
      patches: [
        {
          file: COORDINATOR,
          find: '    return Math.max(0, this.#leftMs(leaseMs, this.#sinceMs))\n',
          put: '    return Math.max(0, this.#leftMs(leaseMs, this.#sinceMs) - 1e9)\n',
        },
        {
          file: COORDINATOR,
          find: '    const leftMs = this.#leftMs(leaseMs, Math.max(this.#sinceMs, device?.grantedMs ?? 0))\n',
          put: '    const leftMs = this.#leftMs(leaseMs, Math.max(this.#sinceMs, device?.grantedMs ?? 0)) - 1e9\n',
        },
      ],
    },
    with: AWAY_AT_FAILOVER,
  },
]
