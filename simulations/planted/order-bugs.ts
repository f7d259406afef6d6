/** Bugs in how the coordinator lets tasks wait for those that they are after. */
import { type Bug, CROWDED, PLAIN, planOfTroubles } from './bug.ts'

const SUCCESSORS = 'coordinator/successors.ts'

const one = (file: string, find: string, put: string): Bug['planted'] => ({ patches: [{ file, find, put }] })

export const ORDER_BUGS: readonly Bug[] = [
  {
    what: 'takes any end of a predecessor for a success',
    breaks: 'I5',
    planted: one(
      SUCCESSORS,
      "      if (predecessor.state !== 'succeeded') this.#rejectAfter(task, predecessor)\n      else if",
      '      if',
    ),
    with: { ...PLAIN, plan: [] },
  },
  {
    what: 'waits for the first of several predecessors only',
    breaks: 'I5',
    planted: one(
      'coordinator/dependencies.ts',
      'return unmet?.size === 0 && this.#unmet.delete(id)',
      'return unmet !== undefined && this.#unmet.delete(id)',
    ),
    with: { ...PLAIN, plan: [] },
  },
  {
    what: 'starts a task when its predecessor has not become known in time',
    breaks: 'I5',
    planted: one(
      SUCCESSORS,
      "this.#reject(task, failure('E_PREDECESSOR_UNKNOWN', message))",
      'this.#release(task)',
    ),
    with: { ...PLAIN, plan: [] },
  },
  {
    what: 'takes a predecessor that has not ended in time for one that is not known',
    breaks: 'I5',
    planted: {
      patches: [
        { file: SUCCESSORS, find: 'if (unknown) due.add(', put: 'if (!unknown) due.add(' },
        {
          file: SUCCESSORS,
          find: '[...(dependencies.unmet(task.id) ?? [])].filter((id) => ledger.get(id) === undefined)',
          put: '[...(dependencies.unmet(task.id) ?? [])]',
        },
      ],
    },
    with: { ...PLAIN, plan: [] },
  },
  {
    what: 'forgets with every change of coordinator what was waited for',
    breaks: 'I5',
    planted: one(
      'coordinator/restore.ts',
      'task.stopping === undefined) intake.track(task)',
      'task.stopping === undefined) lifecycle.placing.enqueue(task)',
    ),
    with: {
      ...CROWDED,
      plan: planOfTroubles([
        { kind: 'crash-holder', firstMs: 5_000, everyMs: 8_000, times: 12, durationMs: 1_000 },
      ]),
    },
  },
  {
    what: 'forgets what has ended although others are after it',
    breaks: 'I5',
    planted: one(
      'coordinator/endings.ts',
      'if (dependencies.named(task.id)) this.keep(task)\n    else this.#countDown(task)',
      'this.#countDown(task)',
    ),
    with: { ...PLAIN, tasks: 200, plan: [] },
  },
  {
    what: 'sees a cycle wherever a task is named before it comes',
    breaks: 'I5',
    planted: one(
      'coordinator/dependencies.ts',
      '    if (through !== undefined) this.#linked.delete(id)\n    return through\n',
      "    return through ?? (this.named(id) ? 'another' : undefined)\n",
    ),
    with: { ...PLAIN, plan: [] },
  },
]
