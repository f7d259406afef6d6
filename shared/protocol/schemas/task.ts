/** A task as its submitter wishes it (spec), as the coordinator knows it (status), and its output (log). */
import { type Static, Type } from 'typebox'
import { ARTIFACT_FILE_PATTERN, ARTIFACTS_MAX } from '../../artifacts/names.ts'
import { ELEMENTS_MAX } from '../ids.ts'
import {
  Attempt,
  at,
  Checkpoint,
  Failure,
  Id,
  Instant,
  lasting,
  NAME,
  named,
  OBJECTIVES,
  Quantity,
  RESOURCES_MAX,
  STRATEGIES,
  Term,
} from './fragments.ts'
import { ArtifactName, Run } from './run.ts'
import {
  DATA_MAX,
  Datum,
  LabelName,
  LabelValue,
  PREFER_MAX,
  Preference,
  relations,
  WHERE_MAX,
} from './wishes.ts'

export const RETRIES_MAX = 100
/** Tasks that one may be after. */
export const AFTER_MAX = 64

export const TaskSpec = Type.Object(
  {
    run: Run,
    input: Type.Optional(
      Type.Unknown({
        description: 'Any JSON; a function is called with it, everything else reads it on standard input',
      }),
    ),
    artifacts: Type.Optional(
      Type.Record(Type.String({ pattern: ARTIFACT_FILE_PATTERN }), ArtifactName, {
        maxProperties: ARTIFACTS_MAX,
        additionalProperties: false,
        description:
          'Files that it gets, by the name each has for it: artifacts of the mesh; not for containers',
      }),
    ),
    array: Type.Optional(
      Type.Array(Type.Unknown(), {
        minItems: 1,
        maxItems: ELEMENTS_MAX,
        description:
          'Inputs: what to run is run once for each of them, as elements `id[0]`, `id[1]` and so on',
      }),
    ),
    resources: Type.Optional(
      named(
        Quantity,
        RESOURCES_MAX,
        'What it needs; default cpu "100m", memory "32Mi". Memory that is stated is also a limit; gpu is a share of one GPU or whole ones',
      ),
    ),
    where: Type.Optional(
      named(LabelValue, WHERE_MAX, 'Labels a device must have: a value, a list, or like ">= 30"'),
    ),
    prefer: Type.Optional(
      Type.Array(Preference, {
        minItems: 1,
        maxItems: PREFER_MAX,
        description: 'What its device had better have; others will do',
      }),
    ),
    group: Type.Optional(
      Type.String({
        format: 'id',
        description: 'Name that tasks share which are spread, near each other or apart; written like an id',
      }),
    ),
    spread: Type.Optional(
      LabelName(
        'Label over whose values the tasks of its group are spread evenly, such as `zone`, or `device`',
      ),
    ),
    near: Type.Optional(relations('Groups of which something must run in the same place')),
    apart: Type.Optional(
      relations('Groups of which nothing may run in the same place, neither when it comes nor later'),
    ),
    data: Type.Optional(
      Type.Array(Datum, {
        minItems: 1,
        maxItems: DATA_MAX,
        description:
          'Where data lies that it will fetch: nearer devices suit it better; nothing is fetched for it',
      }),
    ),
    strategy: Type.Optional(
      Type.Enum([...STRATEGIES], {
        description: 'Which of the devices with room gets it; that of the mesh when not given',
      }),
    ),
    objective: Type.Optional(
      Type.Enum([...OBJECTIVES], {
        description: 'What the choice of its device is to achieve; that of the mesh when not given',
      }),
    ),
    duration: Type.Optional(
      lasting('How long it is expected to run, for planning only; "1m" when not given. No limit'),
    ),
    priority: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 100,
        description: 'Default 50; higher first, and 10 higher may end lower for room',
      }),
    ),
    tenant: Type.Optional(
      Type.String({ pattern: NAME, description: 'Whose work it is; "default" when not given' }),
    ),
    after: Type.Optional(
      Type.Array(Id, {
        minItems: 1,
        maxItems: AFTER_MAX,
        uniqueItems: true,
        description: 'Tasks that must have succeeded before it starts',
      }),
    ),
    timeout: Type.Optional(lasting('How long an attempt may run')),
    retries: Type.Optional(
      Type.Object(
        {
          failed: Type.Optional(
            Type.Integer({ minimum: 0, maximum: RETRIES_MAX, description: 'After a failure or a timeout' }),
          ),
          lost: Type.Optional(
            Type.Integer({ minimum: 0, maximum: RETRIES_MAX, description: 'After its device was lost' }),
          ),
        },
        { additionalProperties: false, description: 'Runs again after failures (0) and lost devices (10)' },
      ),
    ),
    exclusive: Type.Optional(
      Type.Boolean({
        description: 'Two attempts of it never run at the same time; costs time when things fail',
      }),
    ),
    deadline: Type.Optional(
      at('It ends timed_out when it has not ended by then; within a priority the earliest goes first'),
    ),
    grace: Type.Optional(lasting('Between TERM and KILL when it must end')),
    ttl: Type.Optional(lasting('How long its last status stays')),
  },
  { additionalProperties: false },
)
export type TaskSpec = Static<typeof TaskSpec>

export const Withdraw = Type.Object({ withdraw: Type.Literal(true) }, { additionalProperties: false })
export type Withdraw = Static<typeof Withdraw>

export const TERMINAL_STATES = ['succeeded', 'failed', 'timed_out', 'cancelled', 'rejected'] as const
export const TASK_STATES = ['pending', 'assigned', 'running', ...TERMINAL_STATES] as const
export type TaskState = (typeof TASK_STATES)[number]
export type TerminalState = (typeof TERMINAL_STATES)[number]

/** True for a state that a task never leaves. */
export function isTerminal(state: TaskState): state is TerminalState {
  return (TERMINAL_STATES as readonly string[]).includes(state)
}

/** What held each limit. */
export const Held = Type.Object(
  {
    cpu: Type.Optional(Type.String({ maxLength: 32 })),
    memory: Type.Optional(Type.String({ maxLength: 32 })),
  },
  { description: 'What held the task to its cpu and memory on the device, see docs/executors.md' },
)
export type Held = Static<typeof Held>

const Times = Type.Object({
  seen: Type.Optional(Instant),
  assigned: Type.Optional(Instant),
  started: Type.Optional(Instant),
  ended: Type.Optional(Instant),
})

/** Elements whose errors a status shows, and unfinished ones whose tries it remembers. */
export const ERRORS_SHOWN_MAX = 5
export const RETRIED_SHOWN_MAX = 250

export const ArrayProgress = Type.Object(
  {
    elements: Type.Integer({ minimum: 1, description: 'How many there are' }),
    states: Type.Record(Type.String(), Type.Integer(), {
      description: 'Elements by state, those that are any',
    }),
    reported: Type.Integer({
      minimum: 0,
      description: 'Elements that stand in pages of results; others end without having run',
    }),
    errors: Type.Array(Type.Object({ element: Type.Integer({ minimum: 0 }), error: Failure }), {
      description: `The first ${ERRORS_SHOWN_MAX} elements that did not succeed`,
    }),
    retried: Type.Optional(
      Type.Array(
        Type.Object({
          element: Type.Integer({ minimum: 0 }),
          failed: Type.Integer({ minimum: 0 }),
          lost: Type.Integer({ minimum: 0 }),
          over: Type.Optional(Attempt),
        }),
        { description: `Unfinished elements that were tried before, at most ${RETRIED_SHOWN_MAX}` },
      ),
    ),
  },
  { description: 'Of an array: how far it is' },
)
export type ArrayProgress = Static<typeof ArrayProgress>

const Result = Type.Object({
  exitCode: Type.Optional(Type.Integer()),
  signal: Type.Optional(Type.String()),
  stdout: Type.Optional(Type.String()),
  stderr: Type.Optional(Type.String()),
  truncated: Type.Optional(Type.Boolean()),
  value: Type.Optional(Type.Unknown({ description: 'What a function returned' })),
  limits: Type.Optional(Held),
  durationMs: Type.Optional(Type.Number()),
})

export const Moves = Type.Object(
  {
    count: Type.Integer({ minimum: 1 }),
    from: Id,
    why: Type.String(),
    at: Instant,
  },
  { description: 'How often it was moved off a device under load, and the last time: off which, why, when' },
)
export type Moves = Static<typeof Moves>

export const Preemptions = Type.Object(
  {
    count: Type.Integer({ minimum: 1 }),
    by: Type.String({ maxLength: 128, description: 'The task, or the element, that room was made for' }),
    from: Id,
    why: Type.String(),
    at: Instant,
  },
  {
    description:
      'How often it was ended to make room for a task of higher priority, and the last time: for which, off which device, why, when',
  },
)
export type Preemptions = Static<typeof Preemptions>

/** Decisions that a status tells of, and how long each may be; more is cut off. */
export const HISTORY_MAX = 8
export const HISTORY_CHARS_MAX = 300

export const TaskStatus = Type.Object({
  task: Id,
  state: Type.Enum([...TASK_STATES], { description: 'Where the task is in its life' }),
  digest: Type.String({
    maxLength: 64,
    description: 'Of the spec’s content; empty when it could not be read',
  }),
  term: Term,
  agent: Type.String({ maxLength: 64 }),
  attempt: Type.Optional(Attempt),
  device: Type.Optional(Id),
  leaseMs: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Lease of the attempt, when the task is exclusive' }),
  ),
  attempts: Type.Integer({ minimum: 0, description: 'How many there were' }),
  failed: Type.Integer({ minimum: 0, description: 'How many of them failed or timed out' }),
  lost: Type.Integer({ minimum: 0, description: 'How many of them were lost with their device' }),
  duplicates: Type.Optional(
    Type.Integer({ minimum: 1, description: 'Results of other than the current attempt' }),
  ),
  moves: Type.Optional(Moves),
  preemptions: Type.Optional(Preemptions),
  array: Type.Optional(ArrayProgress),
  checkpoint: Type.Optional(Checkpoint),
  result: Type.Optional(Result),
  error: Type.Optional(Failure),
  refused: Type.Optional(
    Type.Object(
      { digest: Type.String(), error: Failure },
      { description: 'Other content that was sent under this id, and why it was not taken' },
    ),
  ),
  explanation: Type.String({ description: 'Why here, or why not yet, in one sentence' }),
  history: Type.Optional(
    Type.Array(Type.Object({ at: Instant, text: Type.String() }), {
      description: `What was decided and when, the oldest first, up to the present explanation: the last ${HISTORY_MAX}, fewer among very many tasks. One that there is only one of is left out`,
    }),
  ),
  reasons: Type.Optional(
    Type.Record(Type.String(), Type.Integer(), {
      description: 'Devices that could not take it, counted by reason',
    }),
  ),
  impossible: Type.Optional(
    Type.Boolean({
      description: 'Of one that waits: no device of the mesh could take it even if it were empty',
    }),
  ),
  times: Times,
  ttl: Type.Optional(lasting('How long this last status stays, when the spec states it')),
})
export type TaskStatus = Static<typeof TaskStatus>

export const LogStream = Type.Union(
  [Type.Literal('stdout'), Type.Literal('stderr'), Type.Literal('progress')],
  { description: '`progress`: the text is JSON, whatever a function tells of how far it is' },
)
export type LogStream = Static<typeof LogStream>

/** How an element ends. */
export const ELEMENT_STATES = ['succeeded', 'failed', 'timed_out', 'cancelled'] as const
export type ElementState = (typeof ELEMENT_STATES)[number]

export const ElementResult = Type.Object(
  {
    element: Type.Integer({ minimum: 0, description: 'Index of the element, from 0' }),
    state: Type.Enum([...ELEMENT_STATES], { description: 'How it ended' }),
    attempt: Type.Optional(Attempt),
    device: Type.Optional(Id),
    attempts: Type.Integer({ minimum: 0, description: 'How many there were, as far as it is known' }),
    result: Type.Optional(Result),
    error: Type.Optional(Failure),
  },
  { description: 'The one end of an element' },
)
export type ElementResult = Static<typeof ElementResult>

export const ResultPage = Type.Object({
  task: Id,
  digest: Type.String({ maxLength: 64, description: 'Of the spec’s content' }),
  term: Term,
  agent: Type.String({ maxLength: 64 }),
  page: Type.Integer({ minimum: 0, description: 'Number of the page among those of its coordinator' }),
  results: Type.Array(ElementResult),
})
export type ResultPage = Static<typeof ResultPage>

export const TaskLog = Type.Object({
  attempt: Attempt,
  element: Type.Optional(Type.Integer({ minimum: 0, description: 'Of an array: whose output it is' })),
  stream: LogStream,
  seq: Type.Integer({ minimum: 0 }),
  text: Type.String(),
})
export type TaskLog = Static<typeof TaskLog>
