/** What a device says of itself, what it is told, and what an operator wants of it. */
import { type Static, Type } from 'typebox'
import { FUNCTIONS_MAX } from '../../functions/bounds.ts'
import { ELEMENTS_MAX } from '../ids.ts'
import {
  Attempt,
  Checkpoint,
  Failure,
  GpuList,
  Id,
  Instant,
  Labels,
  Nonce,
  Quantities,
  Reign,
  Work,
} from './fragments.ts'
import { FunctionName } from './run.ts'
import { Held, TaskSpec } from './task.ts'

const Counter = Type.Integer({ minimum: 0, maximum: 9_007_199_254_740_991 })

export const Candidacy = Type.Union([Type.Literal('auto'), Type.Literal('prefer'), Type.Literal('never')], {
  description: 'Whether the agent may become coordinator',
})
export type Candidacy = Static<typeof Candidacy>

export const DeviceState = Type.Object({
  incarnation: Type.Integer({ minimum: 1, description: 'Grows with every start of the agent' }),
  nonce: Nonce,
  online: Type.Boolean({ description: 'False in the will and after a clean stop' }),
  labels: Labels,
  capacity: Quantities,
  executors: Type.Array(Type.String({ maxLength: 64 }), {
    maxItems: 32,
    description: 'Kinds of work it runs',
  }),
  functions: Type.Optional(
    Type.Array(FunctionName, {
      maxItems: FUNCTIONS_MAX,
      description: 'Functions it has, for `run.function`',
    }),
  ),
  candidate: Candidacy,
  version: Type.String({ maxLength: 64, description: 'Version of the agent' }),
})
export type DeviceState = Static<typeof DeviceState>

export const DeviceLoad = Type.Object({
  incarnation: Type.Integer({ minimum: 1 }),
  nonce: Nonce,
  seq: Type.Integer({ minimum: 0, description: 'Number of this heartbeat' }),
  highestTerm: Type.Object(Reign.properties, { description: 'The highest reign the device has seen' }),
  inboxSeq: Type.Integer({ minimum: 0, description: 'Last inbox message of that reign the device acted on' }),
  heldDigest: Type.String({ maxLength: 64, description: 'Digest of the attempts the device holds' }),
  cpu: Type.Optional(
    Type.Number({
      minimum: 0,
      description: 'Cores in use: by all programs of the device, or by the agent and its work alone',
    }),
  ),
  cpuTotal: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      description: 'Cores that there are for what `cpu` counts; otherwise the capacity',
    }),
  ),
  memoryUsed: Type.Optional(Type.Number({ minimum: 0, description: 'Bytes in use, of what `cpu` counts' })),
  memoryTotal: Type.Optional(Type.Number({ minimum: 0, description: 'Bytes' })),
  diskFree: Type.Optional(Type.Number({ minimum: 0, description: 'Bytes free where the agent keeps data' })),
  uptime: Type.Optional(Type.Number({ minimum: 0, description: 'Seconds since the device started' })),
  temperature: Type.Optional(Type.Number({ description: 'Degrees Celsius, the hottest sensor' })),
  battery: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'Percent' })),
})
export type DeviceLoad = Static<typeof DeviceLoad>

export const Outcome = Type.Union(
  [
    Type.Literal('succeeded'),
    Type.Literal('failed'),
    Type.Literal('timed_out'),
    Type.Literal('revoked'),
    Type.Literal('interrupted'),
  ],
  { description: 'How an attempt ended on its device' },
)
export type Outcome = Static<typeof Outcome>

export const ResultBody = Type.Object({
  exitCode: Type.Optional(Type.Integer({ description: 'Exit code of the command, when it exited' })),
  signal: Type.Optional(Type.String({ maxLength: 16, description: 'The signal that ended it' })),
  stdout: Type.Optional(Type.String({ description: 'Start of its output' })),
  stderr: Type.Optional(Type.String()),
  truncated: Type.Optional(Type.Boolean({ description: 'True when output was cut at the limit' })),
  value: Type.Optional(Type.Unknown({ description: 'What a function returned' })),
  limits: Type.Optional(Held),
})
export type ResultBody = Static<typeof ResultBody>

export const AttemptResult = Type.Object({
  attempt: Attempt,
  task: Work,
  outcome: Outcome,
  result: Type.Optional(ResultBody),
  error: Type.Optional(Failure),
  started: Type.Optional(Instant),
  ended: Type.Optional(Instant),
  durationMs: Type.Optional(Type.Number({ minimum: 0 })),
  checkpoint: Type.Optional(Checkpoint),
})
export type AttemptResult = Static<typeof AttemptResult>

export const HeldPhase = Type.Union([Type.Literal('queued'), Type.Literal('running'), Type.Literal('ending')])
export const HeldAttempt = Type.Object({
  attempt: Attempt,
  task: Work,
  phase: HeldPhase,
  started: Type.Optional(Instant),
  leaseMs: Type.Optional(Type.Integer({ minimum: 1, description: 'Its lease, when the task is exclusive' })),
  gpus: Type.Optional(GpuList),
  checkpoint: Type.Optional(Checkpoint),
})
export type HeldAttempt = Static<typeof HeldAttempt>

export const RejectedAttempt = Type.Object({ attempt: Attempt, task: Type.Optional(Work), error: Failure })
export type RejectedAttempt = Static<typeof RejectedAttempt>

export const DeviceReport = Type.Object({
  incarnation: Type.Integer({ minimum: 1 }),
  nonce: Nonce,
  highestTerm: Reign,
  inboxSeq: Counter,
  full: Type.Optional(
    Type.Object(
      { id: Counter, part: Counter, last: Type.Boolean() },
      {
        description:
          'Present when the report lists all that is held: which report, which part; absence counts after the last',
      },
    ),
  ),
  held: Type.Array(HeldAttempt),
  rejected: Type.Array(RejectedAttempt),
  results: Type.Array(AttemptResult, { description: 'Repeated until the inbox acknowledges them' }),
})
export type DeviceReport = Static<typeof DeviceReport>

/** What a newer coordinator's tasks may say besides is no reason to refuse a whole inbox. */
export const SentSpec = Type.Object(TaskSpec.properties)

export const Assignment = Type.Object({
  attempt: Attempt,
  task: Id,
  spec: SentSpec,
  leaseMs: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Exclusive work may run for so long after the device’s last heartbeat that was heard',
    }),
  ),
  gpus: Type.Optional(GpuList),
  checkpoint: Type.Optional(Checkpoint),
})
export type Assignment = Static<typeof Assignment>

/** The name of an element within its array. */
export const Element = Type.Integer({
  minimum: 0,
  maximum: ELEMENTS_MAX - 1,
  description: 'Index of the element, from 0',
})

export const Batch = Type.Object(
  {
    task: Id,
    spec: Type.Object(TaskSpec.properties, {
      description:
        'The array’s spec without its inputs; an `input` in it is an object that each element gets with its own in it',
    }),
    outputBytes: Type.Integer({ minimum: 0, description: 'An element’s output is cut to so many bytes' }),
    elements: Type.Array(
      Type.Object({
        n: Type.Integer({ minimum: 1, description: 'Names its attempt, with the message’s term and agent' }),
        element: Element,
        input: Type.Optional(Type.Unknown()),
        gpus: Type.Optional(GpuList),
        checkpoint: Type.Optional(Checkpoint),
      }),
    ),
  },
  { description: 'Elements of one array' },
)
export type Batch = Static<typeof Batch>

export const Inbox = Type.Object({
  term: Type.Integer({ minimum: 1 }),
  agent: Id,
  seq: Type.Integer({ minimum: 1, description: 'Grows by one a message, from 1 in every term' }),
  full: Type.Optional(Type.Boolean({ description: 'Asks for a full report' })),
  ackSeq: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Number of the heartbeat heard last: leases count from when it was sent',
    }),
  ),
  ackNonce: Type.Optional(Nonce),
  assign: Type.Array(Assignment),
  batches: Type.Optional(
    Type.Array(Batch, { description: 'Elements to run; each is an attempt of its own' }),
  ),
  revoke: Type.Array(Attempt),
  ack: Type.Array(Attempt, { description: 'Results that need not be sent again' }),
})
export type Inbox = Static<typeof Inbox>

export const Desired = Type.Object(
  {
    cordon: Type.Optional(Type.Boolean({ description: 'Place nothing new here' })),
    drain: Type.Optional(Type.Boolean({ description: 'Place nothing new and move away what runs' })),
    hold: Type.Optional(
      Type.Object(
        { by: Type.String({ maxLength: 128 }), reason: Type.String({ maxLength: 512 }), until: Instant },
        { additionalProperties: false, description: 'Place nothing new until then; says who and why' },
      ),
    ),
  },
  { additionalProperties: false },
)
export type Desired = Static<typeof Desired>
