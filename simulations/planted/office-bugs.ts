/**
 * Bugs of who is in office: it says something before it knows what it must. Devices that run a task again, reports that
 * list everything, and the next coordinator mend most of it, so that no guarantee breaks until these fail too; the rules
 * of the protocol are broken at once.
 */
import { type Bug, EVERYONE, PLAIN, planOfTroubles } from './bug.ts'

const one = (file: string, find: string, put = ''): Bug['planted'] => ({ patches: [{ file, find, put }] })

/** Coordinators die when a task has ended and its spec is still there; the next ones lose their copy as they read it. */
const AIMED = planOfTroubles([
  { kind: 'copy-lost-holder', firstMs: 1, everyMs: 9_000, times: 12, durationMs: 100, upon: 'marker' },
  { kind: 'crash-holder', firstMs: 8_000, everyMs: 9_000, times: 12, durationMs: 1_000, upon: 'ended' },
])
/** The same where everything takes long to arrive. */
const LATE = {
  ...PLAIN,
  variant: 'aedes',
  tasks: 300,
  plan: planOfTroubles([
    { kind: 'slow-link', firstMs: 1, everyMs: 1, times: 1, durationMs: 110_000, targets: EVERYONE },
    { kind: 'copy-lost-holder', firstMs: 1, everyMs: 5_000, times: 22, durationMs: 100, upon: 'marker' },
    { kind: 'crash-holder', firstMs: 8_000, everyMs: 5_000, times: 20, durationMs: 1_000, upon: 'ended' },
  ]),
} as const

export const OFFICE_BUGS: readonly Bug[] = [
  {
    what: 'tells a device that its result is taken before the broker has the end',
    breaks: 'wire',
    planted: one(
      'coordinator/lifecycle.ts',
      'this.#statuses.owe(task, device.id, result.attempt)',
      'this.#endings.acknowledge(device.id, result.attempt)',
    ),
  },
  {
    what: 'takes the spec away before the broker has the end',
    breaks: 'wire',
    planted: one(
      'coordinator/endings.ts',
      '    this.statuses.touch(task)\n',
      '    this.statuses.touch(task)\n    this.clearSpec(task)\n',
    ),
  },
  {
    what: 'takes any status that the broker has for the end',
    breaks: 'wire',
    planted: one(
      'coordinator/task-record.ts',
      'return publication.acked === publication.version',
      'return publication.acked > 0',
    ),
    with: LATE,
  },
  {
    what: 'does not wait for the inventories of its devices',
    breaks: 'wire',
    planted: one(
      'coordinator/coordinator.ts',
      '    this.#context.timer(WINDOW_TIMER, this.#windowMs())\n    this.#closeIfComplete()\n',
      '    this.#close()\n',
    ),
  },
  {
    what: 'takes its copy for complete when the marker has come',
    breaks: 'wire',
    planted: one(
      'coordinator/coordinator.ts',
      '    if (leftMs > 0) return this.#context.timer(SETTLE_TIMER, leftMs)\n',
      '    void leftMs\n',
    ),
    with: { plan: AIMED },
  },
  {
    // A copy that is lost while it is needed is read again, so that an end is seldom heard of late.
    what: 'does not adopt an end that it hears of late, and serves with a copy that it has lost',
    breaks: 'I2',
    planted: {
      patches: [
        {
          file: 'coordinator/intake.ts',
          find: '      return this.#adoptEnd(task, status)\n',
          put: '      void this.#adoptEnd\n',
        },
        { file: 'core/agent.ts', find: '    this.#coordinator?.copyBegunAnew()\n', put: '' },
      ],
    },
    with: { plan: AIMED },
  },
]
