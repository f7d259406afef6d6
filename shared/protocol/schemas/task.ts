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

/** Systems end their strings with it, so none can hold it. */
const NO_NUL = '^[^\\u0000]*$'

export const ARGS_MAX = 256
export const RETRIES_MAX = 100
export const WHERE_MAX = 32
/** Tasks that one may be after. */
export const AFTER_MAX = 64

export const Run = Type.Object(
  {
    exec: Type.Array(Type.String({ maxLength: 131_072, pattern: NO_NUL }), {
      minItems: 1,
      maxItems: ARGS_MAX,
      description: 'Program and arguments; no shell is involved',
    }),
    env: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }),
        Type.String({ maxLength: 32_768, pattern: NO_NUL }),
        {
          maxProperties: 128,
          additionalProperties: false,
          description: 'Added to a minimal environment',
        },
      ),
    ),
    cwd: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4096,
        pattern: NO_NUL,
        description: 'Working directory; default: a fresh one',
      }),
    ),
  },
  { additionalProperties: false, description: 'What to run' },
)
export type Run = Static<typeof Run>

const LabelValue = Type.Union([
  Type.String({ maxLength: 256 }),
  Type.Number(),
  Type.Boolean(),
  Type.Array(Type.Union([Type.String({ maxLength: 256 }), Type.Number()]), { minItems: 1, maxItems: 64 }),
])

export const TaskSpec = Type.Object(
  {
    run: Run,
    input: Type.Optional(Type.Unknown({ description: 'Any JSON; a command reads it on standard input' })),
    resources: Type.Optional(
      named(Quantity, RESOURCES_MAX, 'What it needs; default cpu "100m", memory "32Mi"'),
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

export const TaskLog = Type.Object({
  attempt: Attempt,
  stream: Type.Union([Type.Literal('stdout'), Type.Literal('stderr')]),
  seq: Type.Integer({ minimum: 0 }),
  text: Type.String(),
})
export type TaskLog = Static<typeof TaskLog>
