/** Bugs in the source of the cores about auctions. All tasks go by auction. */
import { type Bug, CROWDED, PLAIN, planOfTroubles } from './bug.ts'

const AUCTIONS = 'coordinator/auctions.ts'
const BIDS = 'coordinator/scheduler/bids.ts'
const FULL = { ...CROWDED, auctions: 1 }
/** Two devices are slow to hear and to be heard, so that their bids come when the next round is open. */
const LATE = planOfTroubles([
  {
    kind: 'slow-link',
    firstMs: 10_000,
    everyMs: 20_000,
    times: 5,
    durationMs: 18_000,
    targets: ['d1', 'd2'],
    size: 0.25,
  },
])

const one = (file: string, find: string, put = ''): Bug['planted'] => ({ patches: [{ file, find, put }] })

export const AUCTION_BUGS: readonly Bug[] = [
  {
    what: 'takes bids at their word, with devices that admit whatever they are sent',
    breaks: 'I4',
    planted: {
      patches: [
        {
          file: BIDS,
          find: 'if (count <= 0 || !hasRoom(device, shape.resources)) return',
          put: 'if (count <= 0) return',
        },
        {
          file: 'coordinator/scheduler/scheduler.ts',
          find: 'while (placed < length && (placed === 0 || hasRoom(device, shape.resources))) {',
          put: 'while (placed < length) {',
        },
        {
          file: 'worker/held.ts',
          find: 'refusal(need: Resources): string | undefined {\n',
          put: "refusal(need: Resources): string | undefined {\n    if (need['cpu'] !== undefined) return undefined\n",
        },
      ],
    },
    with: FULL,
  },
  {
    what: 'waits for bids however long that takes',
    breaks: 'I6',
    planted: {
      patches: [
        { file: AUCTIONS, find: '    context.timer(ROUND_TIMER, ROUND_MS)\n', put: '' },
        {
          file: AUCTIONS,
          find: '    this.#office.context.timer(ROUND_TIMER, Math.max(0, Math.min(leftMs, QUIET_MS)))\n',
          put: '',
        },
      ],
    },
    with: { ...PLAIN, auctions: 1 },
  },
  {
    what: 'counts bids for rounds that are over',
    breaks: 'wire',
    planted: one(
      AUCTIONS,
      'if (round?.number !== bid.round || bid.term',
      'if (round === undefined || bid.term',
    ),
    with: { ...FULL, plan: LATE },
  },
  {
    what: 'answers a round again with every heartbeat',
    breaks: 'wire',
    planted: {
      patches: [
        {
          file: 'worker/bidding.ts',
          find: '    this.#round = undefined\n    if (auction === undefined',
          put: '    if (auction === undefined',
        },
        {
          file: 'worker/worker.ts',
          find: "    if (purpose === 'heartbeat') this.#beat(load)\n    else if",
          put: "    if (purpose === 'heartbeat') this.#beat(load)\n    if",
        },
      ],
    },
    with: { ...PLAIN, auctions: 1 },
  },
]
