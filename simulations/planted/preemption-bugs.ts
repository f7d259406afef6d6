/** Bugs in the source of the cores about preemption. Devices are full, so that priorities end work. */
import { type Bug, CROWDED } from './bug.ts'

const PREEMPTION = 'coordinator/preemption.ts'
const FULL = { ...CROWDED, faults: 8, tasks: 300, runMsMean: 6_000 }

export const PREEMPTION_BUGS: readonly Bug[] = [
  {
    what: 'preempts what has a priority that is hardly lower',
    breaks: 'wire',
    planted: {
      patches: [
        {
          file: PREEMPTION,
          find: 'if (priority > forPriority - PREEMPTION_GAP)',
          put: 'if (priority >= forPriority)',
        },
      ],
    },
    with: FULL,
  },
  {
    what: 'preempts a task again and again',
    breaks: 'wire',
    planted: {
      patches: [
        {
          file: PREEMPTION,
          find: '(task.preemptions?.count ?? 0) >= PREEMPTED_MAX',
          put: '(task.preemptions?.count ?? 0) >= 100',
        },
      ],
    },
    with: FULL,
  },
  {
    what: 'preempts exclusive work',
    breaks: 'wire',
    planted: {
      patches: [
        {
          file: PREEMPTION,
          find: 'const task = revocable(this.#office, placement)\n',
          put: "const task = placement.phase === 'held' ? this.#office.ledger.find(placement.task) : undefined\n",
        },
      ],
    },
    with: { ...FULL, exclusiveShare: 0.5 },
  },
]
