/** Bugs in the source of the cores about measured load. Devices are busy with what nobody placed there. */
import { type Bug, EVERYONE, planOfTroubles } from './bug.ts'

const one = (file: string, find: string, put = ''): Bug['planted'] => ({ patches: [{ file, find, put }] })

/** One device after another is busy for long enough that work is moved off it. */
const BUSY = planOfTroubles(
  EVERYONE.map((device, n) => ({
    kind: 'busy',
    firstMs: 15_000 + n * 20_000,
    everyMs: 1,
    times: 1,
    durationMs: 40_000,
    targets: [device],
    size: 1,
  })),
)

export const LOAD_BUGS: readonly Bug[] = [
  {
    what: 'places work on a device that is above the high mark',
    breaks: 'wire',
    planted: one('coordinator/device-record.ts', '    if (this.hot !== undefined) return HOT\n'),
    with: { plan: BUSY },
  },
  {
    what: 'goes by the heartbeat before the last',
    breaks: 'wire',
    planted: one(
      'coordinator/device-record.ts',
      '    this.load = load\n    this.utilization = utilizationOf(load, this.capacity, this.reserved, this.utilization)\n',
      '    this.utilization = utilizationOf(this.load ?? load, this.capacity, this.reserved, this.utilization)\n    this.load = load\n',
    ),
    with: { plan: BUSY, tasks: 200 },
  },
  {
    what: 'moves exclusive work off a device that stays hot',
    breaks: 'wire',
    planted: {
      patches: [
        {
          file: 'coordinator/revocable.ts',
          find: "phase !== 'held' || leaseMs !== undefined ||",
          put: "phase !== 'held' || (leaseMs ?? 0) < 0 ||",
        },
        { file: 'coordinator/revocable.ts', find: ' || task.demand.exclusive)', put: ')' },
      ],
    },
    with: { plan: BUSY, tasks: 120, runMsMean: 30_000, exclusiveShare: 1 },
  },
]
