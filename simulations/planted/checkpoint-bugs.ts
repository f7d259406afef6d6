/** Bugs of checkpoints: work begins anew, or from a point that it had passed. No guarantee breaks; time is lost. */
import { type Bug, PLAIN } from './bug.ts'

const one = (file: string, find: string, put = ''): Bug['planted'] => ({ patches: [{ file, find, put }] })

/** Tasks that take their time, fail and are moved, and most of them publish. */
const LONG = { ...PLAIN, checkpointShare: 0.8, runMsMean: 8_000, exclusiveShare: 0 } as const

export const CHECKPOINT_BUGS: readonly Bug[] = [
  {
    what: 'forgets what the statuses of its predecessor tell of checkpoints',
    breaks: 'wire',
    planted: one(
      'coordinator/intake.ts',
      '    this.#office.checkpoints.found(task, status.checkpoint)\n    this.#office.leases',
      '    this.#office.leases',
    ),
    with: LONG,
  },
  {
    what: 'goes on from checkpoints of attempts that it has given up',
    breaks: 'wire',
    planted: {
      patches: [
        {
          file: 'coordinator/checkpoints.ts',
          find: 'checkpoint === undefined || !sameAttempt(task.current?.attempt, attempt)',
          put: 'checkpoint === undefined',
        },
        {
          file: 'coordinator/lifecycle.ts',
          find: '    if (this.adoptable(task, result.attempt)) this.adopt',
          put: '    this.checkpoint(task, result.attempt, result.checkpoint)\n    if (this.adoptable(task, result.attempt)) this.adopt',
        },
      ],
    },
    with: LONG,
  },
  {
    what: 'begins an attempt anew although it was told what to go on from',
    breaks: 'wire',
    planted: one('worker/attempts.ts', '    if (checkpoint !== undefined) held.checkpoint = checkpoint\n'),
    with: LONG,
  },
]
