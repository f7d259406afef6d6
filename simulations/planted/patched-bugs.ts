/**
 * Bugs in the source of the cores: each breaks the machinery that holds an invariant, and not only what is seen of it.
 * What one part gets wrong another often mends, so some need two patches.
 */
import { type Bug, CROWDED, EVERYONE, PLAIN, planOfTroubles } from './bug.ts'
import { EXCLUSIVE_BUGS } from './exclusive-bugs.ts'
import type { Patch } from './patch.ts'

const LIFECYCLE = 'coordinator/lifecycle.ts'
const ENDINGS = 'coordinator/endings.ts'
const ATTEMPTS = 'worker/attempts.ts'
const HELD = 'worker/held.ts'
const FENCE = 'worker/fence.ts'
const ELECTION = 'election/election.ts'
const SCHEDULER = 'coordinator/scheduler/scheduler.ts'
const INDEX = 'coordinator/scheduler/best-index.ts'

/** Devices follow whoever spoke last. */
const NO_FENCE: readonly Patch[] = [
  {
    file: FENCE,
    find: "    if (order < 0) return 'lower'\n    if (order > 0) {",
    put: '    if (order !== 0) {',
  },
  { file: FENCE, find: "    if (order < 0) return 'lower reign'\n", put: '' },
]

/** Any attempt's result is taken while the task has one that is current. */
const ANY_ATTEMPT: Patch = {
  file: LIFECYCLE,
  find: '!isTerminal(task.state) && sameAttempt(task.current?.attempt, result.attempt)',
  put: '!isTerminal(task.state) && task.current !== undefined',
}

const one = (file: string, find: string, put = ''): { patches: readonly Patch[] } => ({
  patches: [{ file, find, put }],
})

const FENCING: readonly Bug[] = [
  {
    what: 'gives every reign the same term, with devices that follow whoever spoke last',
    breaks: 'I1',
    planted: {
      patches: [...NO_FENCE, { file: ELECTION, find: '.highest.term + 1,', put: '.highest.term * 0 + 1,' }],
    },
  },
  {
    what: 'does not number its orders, with devices that do not count them',
    breaks: 'I1',
    planted: {
      patches: [
        { file: 'coordinator/inboxes.ts', find: 'device.sentSeq++', put: 'device.sentSeq = 1' },
        { file: FENCE, find: "    if (inbox.seq <= this.#seq) return 'seen before'\n", put: '' },
      ],
    },
  },
  {
    what: 'forgets the highest reign at a restart, when the broker has lost it too',
    breaks: 'I1',
    planted: one(FENCE, '    this.#highest = highest\n'),
    with: {
      ...CROWDED,
      devices: 5,
      plan: planOfTroubles([
        { kind: 'crash-holder', firstMs: 5_000, everyMs: 8_000, times: 5, durationMs: 1_000 },
        { kind: 'crash', firstMs: 60_000, everyMs: 1, times: 1, durationMs: 3_000, targets: EVERYONE },
        { kind: 'broker-wipe', firstMs: 61_000, everyMs: 1, times: 1, durationMs: 1_000 },
      ]),
    },
  },
]

const ONCE: readonly Bug[] = [
  {
    what: 'takes what is retained for news although something live has overtaken it',
    breaks: 'I2',
    planted: one(
      'coordinator/mirror.ts',
      'if (message.retained) return this.#spoken.has(key)',
      'if (message.retained) return false',
    ),
    with: {
      variant: 'aedes',
      devices: 6,
      tasks: 1_000,
      runMsMean: 300,
      safetyMs: 60_000,
      plan: planOfTroubles([
        { kind: 'crash-holder', firstMs: 6_000, everyMs: 4_000, times: 12, durationMs: 500 },
      ]),
    },
  },
  {
    what: 'takes a task up again whose end it reads',
    breaks: 'I2',
    planted: one('coordinator/task-record.ts', '  task.state = status.state\n', "  task.state = 'pending'\n"),
  },
  {
    what: 'overlooks one spec in ten',
    breaks: 'I2',
    planted: one(
      'coordinator/intake.ts',
      '    else if (task === undefined) this.#accept(id, message.body, message.retained)\n',
      '    else if (task === undefined) {\n' +
        '      if (this.#office.context.random.below(10) > 0)\n' +
        '        this.#accept(id, message.body, message.retained)\n    }\n',
    ),
  },
  {
    what: 'takes the spec away as soon as it has read it',
    breaks: 'I2',
    planted: one(
      'coordinator/intake.ts',
      '    this.track(task)\n    this.#successors.known(id)\n',
      "    this.#office.context.publish('seat', 'spec', id, null)\n    this.track(task)\n",
    ),
  },
]

const ELEMENTS: readonly Bug[] = [
  {
    what: 'does not read the pages of earlier coordinators, and runs again what stands in them',
    breaks: 'I2',
    planted: one(
      'coordinator/arrays.ts',
      'for (const [name, page] of this.#mirror.pages.get(task.id) ?? []) this.#adopt(task, name, page)\n',
    ),
    with: {
      arrays: 1,
      plan: planOfTroubles([
        { kind: 'crash-holder', firstMs: 8_000, everyMs: 8_000, times: 12, durationMs: 1_000 },
      ]),
    },
  },
  {
    what: 'loses the first entry of every page',
    breaks: 'I2',
    planted: one('coordinator/pages.ts', 'results: [...results] }', 'results: results.slice(1) }'),
    with: { arrays: 1 },
  },
]

const CAPACITY: readonly Bug[] = [
  {
    what: 'leaves running what a former start of the agent began',
    breaks: 'I4',
    planted: one(ATTEMPTS, "    if (entries.length > 0) this.#context.emit({ do: 'reap', entries })\n"),
    with: CROWDED,
  },
  {
    what: 'does not look at memory when it places and when it admits',
    breaks: 'I4',
    planted: {
      patches: [
        {
          file: HELD,
          find: 'refusal(need: Resources): string | undefined {\n',
          put: "refusal(need: Resources): string | undefined {\n    if (need['cpu'] !== undefined) return undefined\n",
        },
        {
          file: INDEX,
          find: '      const place = this.#table.column(name)\n',
          put: "      if (name !== 'cpu') continue\n      const place = this.#table.column(name)\n",
        },
        { file: INDEX, find: 'hasRoom(device, this.#need)', put: 'hasRoom(device, { cpu: this.#cpu })' },
        {
          file: SCHEDULER,
          find: 'while (placed < length && (placed === 0 || hasRoom(device, shape.resources))) {',
          put: 'while (placed < length) {',
        },
      ],
    },
    with: CROWDED,
  },
  {
    what: 'counts revoked work as gone, where it was placed and where it runs',
    breaks: 'I4',
    planted: {
      patches: [
        {
          file: ATTEMPTS,
          find: "    if (held.phase !== 'done') held.phase = 'ending'\n",
          put: "    if (held.phase !== 'done') held.phase = 'ending'\n    this.#table.release(held)\n",
        },
        {
          file: HELD,
          find: '  /** Forgets an attempt: acknowledged, or never begun. */\n',
          put: '  release(held: Held): void {\n    accumulate(this.#reserved, held.demand.resources, -1)\n  }\n',
        },
        {
          file: LIFECYCLE,
          find: "    placement.phase = 'revoking'\n",
          put: '    device.remove(placement)\n    this.#office.freed(device)\n',
        },
      ],
    },
    with: CROWDED,
  },
]

const LIVENESS: readonly Bug[] = [
  {
    what: 'never takes the spec of an ended task away',
    breaks: 'I6',
    planted: one(ENDINGS, "    this.#office.context.publish('seat', 'spec', task.id, null)\n"),
  },
  {
    what: 'never again places on a device that was lost once',
    breaks: 'I6',
    planted: one(
      'coordinator/fleet.ts',
      "    device.condition = 'online'\n",
      "    if (device.condition !== 'lost') device.condition = 'online'\n",
    ),
    with: {
      bounds: { tasksMs: 120_000 },
      plan: planOfTroubles([
        {
          kind: 'partition',
          firstMs: 40_000,
          everyMs: 1,
          times: 1,
          durationMs: 10_000,
          targets: ['d1', 'd3'],
        },
      ]),
    },
  },
  {
    what: 'looks for room once and never again',
    breaks: 'I6',
    planted: one('coordinator/office.ts', '    this.#runArmed = false\n'),
  },
  {
    what: 'elects nobody who has been in office once',
    breaks: 'I6',
    planted: one('election/vacancy.ts', '    this.#backingOff = false\n'),
    with: {
      plan: planOfTroubles([
        { kind: 'partition-holder', firstMs: 10_000, everyMs: 12_000, times: 8, durationMs: 8_000 },
      ]),
    },
  },
  {
    what: 'loses one order in ten on its way and never asks what a device holds',
    breaks: 'I6',
    planted: {
      patches: [
        {
          file: 'coordinator/inboxes.ts',
          find: "    this.#context.publish('seat', 'inbox', device.id, message)\n",
          put:
            '    if (this.#context.random.below(10) > 0) ' +
            "this.#context.publish('seat', 'inbox', device.id, message)\n",
        },
        { file: 'coordinator/inboxes.ts', find: '    this.#for(device).full = true\n', put: '' },
      ],
    },
  },
  {
    what: 'never ends what outlives its timeout',
    breaks: 'I6',
    planted: one(
      ATTEMPTS,
      "    if (held?.phase === 'running') this.#end(held, 'timed_out')\n",
      '    void held\n',
    ),
  },
  // That results are not sent again is not missed alone: a report that was lost shows in the digests of the next
  // heartbeats, and the full report that is then asked for lists every result. So both have to go.
  {
    what: 'never sends a result again, nor lists it when it is asked for everything',
    breaks: 'I6',
    planted: {
      patches: [
        { file: 'worker/reports.ts', find: '      this.#changed.add(held)\n      any = true\n', put: '' },
        {
          file: 'worker/reports.ts',
          find: '      if (result !== undefined) results.push(result)\n',
          put:
            '      if (full && item.reportable && !this.#changed.has(item)) {\n' +
            "        held.push({ attempt: item.attempt, task: item.task, phase: 'ending' })\n" +
            '      } else if (result !== undefined) results.push(result)\n',
        },
        {
          file: 'worker/reports.ts',
          find: '    const parts = this.#split(source)\n    const full = this.#full\n',
          put: '    const full = this.#full\n    const parts = this.#split(source, full)\n',
        },
        {
          file: 'worker/reports.ts',
          find: '  #split(source: Iterable<Held>)',
          put: '  #split(source: Iterable<Held>, full: boolean)',
        },
      ],
    },
    with: CROWDED,
  },
]

const CURRENT: readonly Bug[] = [
  {
    what: 'takes the result of an old attempt for that of the current one',
    breaks: 'I7',
    planted: { patches: [ANY_ATTEMPT] },
  },
  {
    what: 'takes the result of an old attempt and says so',
    breaks: 'I7',
    planted: {
      patches: [
        ANY_ATTEMPT,
        {
          file: LIFECYCLE,
          find: '    this.#over(task)\n    const placement = device.placement(result.attempt)\n',
          put:
            '    this.#over(task)\n    task.over = result.attempt\n' +
            '    const placement = device.placement(result.attempt)\n',
        },
      ],
    },
  },
  {
    what: 'takes what was ended for its timeout for a success',
    breaks: 'I7',
    planted: one(
      LIFECYCLE,
      "    if (outcome === 'succeeded') {",
      "    if (outcome === 'succeeded' || outcome === 'timed_out') {",
    ),
  },
  {
    what: 'names the first device that had a task for the last',
    breaks: 'I7',
    planted: one(
      'coordinator/placing.ts',
      "    task.device = device.id\n    tally(task, 'attempts')\n",
      "    task.device ??= device.id\n    tally(task, 'attempts')\n",
    ),
  },
]

const BOUNDS: readonly Bug[] = [
  {
    what: 'never takes anything out of a journal',
    breaks: 'I9',
    planted: one(ATTEMPTS, '    this.#journaling.persist({ drop: held.key })\n'),
    with: { ...PLAIN, plan: [] },
  },
]

export const PATCHED_BUGS: readonly Bug[] = [
  ...FENCING,
  ...ONCE,
  ...EXCLUSIVE_BUGS,
  ...ELEMENTS,
  ...CAPACITY,
  ...LIVENESS,
  ...CURRENT,
  ...BOUNDS,
]
