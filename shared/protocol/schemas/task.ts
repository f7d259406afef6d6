/** A task as its submitter wishes it (spec), as the coordinator knows it (status), and its output (log). */
import { type Static, Type } from 'typebox'
import {
  Attempt,
  at,
  Failure,
  Id,
  Instant,
  lasting,
  named,
  Quantity,
  RESOURCES_MAX,
  Term,
} from './fragments.ts'
import { Run } from './run.ts'

export const RETRIES_MAX = 100
export const WHERE_MAX = 32
/** Tasks that one may be after. */
export const AFTER_MAX = 64

const LabelValue = Type.Union([
  Type.String({ maxLength: 256 }),
  Type.Number(),
  Type.Boolean(),
  Type.Array(Type.Union([Type.String({ maxLength: 256 }), Type.Number()]), { minItems: 1, maxItems: 64 }),
])

export const TaskSpec = Type.Object(
  {
    run: Run,
    input: Type.Optional(
      Type.Unknown({
        description:
          'Any JSON; a command or container reads it on standard input, a function is called with it',
      }),
    ),
    resources: Type.Optional(
      named(
        Quantity,
        RESOURCES_MAX,
        'What it needs; default cpu "100m", memory "32Mi". Memory that is stated is also a limit',
      ),
    ),
    where: Type.Optional(
      named(LabelValue, WHERE_MAX, 'Labels a device must have: a value, a list, or like ">= 30"'),
    ),
    priority: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100, description: 'Default 50; higher first' }),
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
    deadline: Type.Optional(at('It ends timed_out when it has not ended by then')),
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
  result: Type.Optional(
    Type.Object({
      exitCode: Type.Optional(Type.Integer()),
      signal: Type.Optional(Type.String()),
      stdout: Type.Optional(Type.String()),
      stderr: Type.Optional(Type.String()),
      truncated: Type.Optional(Type.Boolean()),
      value: Type.Optional(Type.Unknown({ description: 'What a function returned' })),
      limits: Type.Optional(Held),
      durationMs: Type.Optional(Type.Number()),
    }),
  ),
  error: Type.Optional(Failure),
  refused: Type.Optional(
    Type.Object(
      { digest: Type.String(), error: Failure },
      { description: 'Other content that was sent under this id, and why it was not taken' },
    ),
  ),
  explanation: Type.String({ description: 'Why here, or why not yet, in one sentence' }),
  reasons: Type.Optional(
    Type.Record(Type.String(), Type.Integer(), {
      description: 'Devices that could not take it, counted by reason',
    }),
  ),
  times: Times,
})
export type TaskStatus = Static<typeof TaskStatus>

export const LogStream = Type.Union(
  [Type.Literal('stdout'), Type.Literal('stderr'), Type.Literal('progress')],
  { description: '`progress`: the text is JSON, whatever a function tells of how far it is' },
)
export type LogStream = Static<typeof LogStream>

export const TaskLog = Type.Object({
  attempt: Attempt,
  stream: LogStream,
  seq: Type.Integer({ minimum: 0 }),
  text: Type.String(),
})
export type TaskLog = Static<typeof TaskLog>
