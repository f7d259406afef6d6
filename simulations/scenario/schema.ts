/**
 * What a scenario says, as one schema: the parser checks with it, the types come from it, and the tables in
 * docs/simulation.md are made from it.
 */
import { type Static, type TSchema, Type } from 'typebox'
import { ELEMENTS_MAX } from '../../shared/protocol/ids.ts'
import {
  AFTER_MAX,
  type Candidacy,
  OBJECTIVES,
  RETRIES_MAX,
  STRATEGIES,
} from '../../shared/protocol/schemas/index.ts'
import { VARIANTS } from '../broker/variants.ts'
import { MOMENT_WEIGHTS } from '../faults/moments.ts'
import { FAULT_WEIGHTS } from '../faults/plan.ts'

export const DEVICES_MAX = 20_000
export const CLASSES_MAX = 100
export const FAULT_ROWS_MAX = 200
export const TASKS_MAX = 1_000_000

const lasting = (description: string) => Type.String({ format: 'duration', description })
const oneOf = <T extends string>(values: readonly T[], description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...values], description })
const named = <T extends TSchema>(value: T, description: string) =>
  Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_./-]{0,62}$' }), value, {
    maxProperties: 32,
    additionalProperties: false,
    description,
  })
const Quantity = Type.Unsafe<string | number>({ type: ['string', 'number'], format: 'quantity', minimum: 0 })
const Share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const Name = (description: string) => Type.String({ format: 'id', description })
const strict = { additionalProperties: false } as const

export const DeviceClass = Type.Object(
  {
    class: Name(
      'Name of the class; devices are called `<class>-1`, `<class>-2`, …, and carry it as label `class`',
    ),
    count: Type.Integer({
      minimum: 0,
      maximum: DEVICES_MAX,
      description: 'How many devices there are of it',
    }),
    labels: Type.Optional(named(Type.String({ maxLength: 256 }), 'Labels that tasks may ask for')),
    capacity: named(Quantity, 'What each device offers, like `{ cpu: 2, memory: 1Gi }`'),
    latency: Type.Optional(lasting('Least time of a message to or from the broker; default 0.4ms')),
    jitter: Type.Optional(lasting('Mean of what is added at random to each message; default 0.6ms')),
    drift: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 10_000,
        description: 'Clocks run wrong by up to so many parts per million; default 200',
      }),
    ),
    start: Type.Optional(lasting('Agents start within this time; default 1s')),
    keepAlive: Type.Optional(lasting('Keep-alive of its connections; default 5s')),
    speed: Type.Optional(
      Type.Number({
        minimum: 0.01,
        maximum: 100,
        description: 'How fast it computes; at 0.5 every task runs twice as long. Default 1',
      }),
    ),
    candidate: Type.Optional(
      Type.Unsafe<Static<typeof Candidacy>>({
        type: 'string',
        enum: ['auto', 'prefer', 'never'],
        description: 'Whether its agents may become coordinator; default auto',
      }),
    ),
  },
  strict,
)
export type DeviceClass = Static<typeof DeviceClass>

export const Arrival = Type.Object(
  {
    pattern: oneOf(
      ['steady', 'poisson', 'ramp', 'season', 'periodic', 'burst'],
      '`steady`: evenly at `rate`; `poisson`: at random at `rate`; `ramp`: at random, from `rate` to `toRate`; `season`: at random, `rate` swinging by `swing` over `period`; `periodic`: `count` at once every `every`; `burst`: `count` once',
    ),
    from: Type.Optional(lasting('When it begins; default 0s')),
    to: Type.Optional(
      lasting('When it ends; default: the end. Of a `burst`: its tasks come within `from` and `to`'),
    ),
    rate: Type.Optional(Type.Number({ minimum: 0, maximum: 100_000, description: 'Tasks a second' })),
    toRate: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100_000, description: 'Tasks a second at the end of a `ramp`' }),
    ),
    swing: Type.Optional(
      Share('How far a `season` swings around its rate; 1 is from none to twice the rate'),
    ),
    period: Type.Optional(lasting('Length of a `season`; it begins at its lowest')),
    every: Type.Optional(lasting('Between two groups of a `periodic` arrival')),
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: TASKS_MAX,
        description: 'Tasks of a `burst`, or of one group; default 1',
      }),
    ),
  },
  { ...strict, description: 'When its tasks are submitted' },
)
export type Arrival = Static<typeof Arrival>

export const RunTime = Type.Object(
  {
    shape: Type.Optional(oneOf(['fixed', 'uniform', 'exponential', 'lognormal'], 'Default fixed')),
    mean: lasting('How long a task runs on average'),
    spread: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 5,
        description: '`uniform`: half its width as a share of the mean; `lognormal`: sigma. Default 0.5',
      }),
    ),
    most: Type.Optional(lasting('No task runs longer; default 20 times the mean')),
  },
  { ...strict, description: 'How long a task runs' },
)
export type RunTime = Static<typeof RunTime>

export const TaskClass = Type.Object(
  {
    class: Name('Name of the class; tasks are called `<class>-1`, `<class>-2`, …'),
    arrive: Type.Array(Arrival, {
      minItems: 1,
      maxItems: 100,
      description: 'When its tasks are submitted; several add up',
    }),
    run: RunTime,
    fails: Type.Optional(Share('Share of tasks that fail; default 0')),
    resources: Type.Optional(named(Quantity, 'What each needs; default cpu 100m, memory 32Mi')),
    where: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_./-]{0,62}$' }),
        Type.Unsafe<string | number | boolean | string[]>({
          type: ['string', 'number', 'boolean', 'array'],
          items: { type: 'string' },
        }),
        { maxProperties: 32, additionalProperties: false, description: 'Labels that a device must have' },
      ),
    ),
    priority: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100, description: 'Higher goes first; default 50' }),
    ),
    after: Type.Optional(
      Type.Array(Name('Name of a class of tasks'), {
        minItems: 1,
        maxItems: AFTER_MAX,
        uniqueItems: true,
        description: 'Classes of tasks; each task is after the one of the same number in each of them',
      }),
    ),
    array: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: ELEMENTS_MAX,
        description: 'Each task is an array of so many elements that run so long; default: no array',
      }),
    ),
    exclusive: Type.Optional(
      Type.Boolean({ description: 'Two attempts of a task never run at the same time; default false' }),
    ),
    duration: Type.Optional(
      lasting('How long a task says that it will run; for the objective makespan by default the mean'),
    ),
    timeout: Type.Optional(lasting('How long an attempt may run; default 1h')),
    grace: Type.Optional(lasting('Between TERM and KILL; default 5s')),
    retries: Type.Optional(
      Type.Object(
        {
          failed: Type.Optional(
            Type.Integer({ minimum: 0, maximum: RETRIES_MAX, description: 'After a failure; default 0' }),
          ),
          lost: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: RETRIES_MAX,
              description: 'After its device was lost; default 10',
            }),
          ),
        },
        { ...strict, description: 'How often it is run again' },
      ),
    ),
    ttl: Type.Optional(
      lasting('How long a status stays after the end; default 1m, so that long runs stay small'),
    ),
  },
  strict,
)
export type TaskClass = Static<typeof TaskClass>

export const Targets = Type.Object(
  {
    class: Type.Optional(Name('Devices of this class; without it and without `devices`: of all')),
    devices: Type.Optional(
      Type.Array(Name('A device'), { minItems: 1, maxItems: 1_000, description: 'These devices, by name' }),
    ),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: DEVICES_MAX, description: 'So many of them at a time; default 1' }),
    ),
    fraction: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'Or this share of them, at least one' }),
    ),
    pick: Type.Optional(
      oneOf(
        ['random', 'rolling'],
        '`random`, or `rolling`: the next ones each time, in order; default random',
      ),
    ),
  },
  { ...strict, description: 'Whom it strikes, or the word `coordinator` for who holds the seat then' },
)
export type Targets = Static<typeof Targets>

export const FaultRow = Type.Object(
  {
    kind: oneOf(
      Object.keys(FAULT_WEIGHTS) as (keyof typeof FAULT_WEIGHTS)[],
      'What goes wrong; see the table of faults',
    ),
    at: Type.Optional(lasting('Once, then')),
    every: Type.Optional(lasting('Again and again, from `from` or one `every` after the start, until `to`')),
    rate: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 100_000,
        description: 'At random, so often an hour on average',
      }),
    ),
    probability: Type.Optional(
      Share('Each targeted device once at most, at a random moment, with this probability'),
    ),
    trace: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'A file of outages to replay, beside the scenario; see Replaying outages',
      }),
    ),
    minute: Type.Optional(lasting('With `trace`: how long one of its minutes lasts; default 1m')),
    startMinute: Type.Optional(
      Type.Integer({
        description:
          'With `trace`: the minute of its calendar at which the run begins; default: its first outage',
      }),
    ),
    upon: Type.Optional(
      oneOf(
        Object.keys(MOMENT_WEIGHTS) as (keyof typeof MOMENT_WEIGHTS)[],
        'Waits, from when it is to happen, for a moment, and strikes then; see Moments. One that does not come within a minute is given up',
      ),
    ),
    from: Type.Optional(lasting('Nothing before this; default 0s')),
    to: Type.Optional(lasting('Nothing begins after this; default: the end')),
    duration: Type.Optional(lasting('How long it lasts; of random ones the mean. Default 5s')),
    targets: Type.Optional(
      Type.Unsafe<Targets | 'coordinator'>({
        anyOf: [{ const: 'coordinator' }, Targets],
        description: 'Whom it strikes; see Targets. Faults of the broker have none',
      }),
    ),
    size: Type.Optional(Share('How strong it is, where that can differ; default: drawn each time')),
  },
  strict,
)
export type FaultRow = Static<typeof FaultRow>

export const Operation = Type.Object(
  {
    do: oneOf(
      ['cordon', 'drain'],
      '`cordon`: nothing new is placed there; `drain`: what runs there is moved away too',
    ),
    at: lasting('When it is asked for'),
    duration: Type.Optional(lasting('When it is taken back; default: never')),
    targets: Type.Optional(Type.Unsafe<Targets>({ ...Targets, description: 'Which devices; see Targets' })),
  },
  strict,
)
export type Operation = Static<typeof Operation>

export const TimingRow = Type.Object(
  {
    interval: Type.Optional(lasting('Between two beacons; the lease is three of them. Default 1s')),
    heartbeat: Type.Optional(lasting('Between two heartbeats of a small fleet; default 1s')),
    step: Type.Optional(lasting('A candidate of rank r waits r steps; default 150ms')),
    jitter: Type.Optional(lasting('Random addition to that wait; default 50ms')),
    settle: Type.Optional(lasting('How long retained messages may trail; default 150ms')),
    lostGrace: Type.Optional(lasting('How long a lost connection is taken for a blink; default 1s')),
    exclusiveLease: Type.Optional(lasting('Least lease of exclusive tasks; default 10s')),
    reconnectBase: Type.Optional(lasting('First back-off; default 100ms')),
    reconnectCap: Type.Optional(lasting('Largest back-off; default 10s')),
  },
  { ...strict, description: 'The times that agents work with' },
)
export type TimingRow = Static<typeof TimingRow>

export const ScenarioFile = Type.Object(
  {
    name: Name('Name of the scenario'),
    about: Type.String({ minLength: 1, maxLength: 2_000, description: 'What it shows' }),
    duration: lasting('Virtual time in which tasks come and things fail; then all is healed'),
    settle: Type.Optional(lasting('Until when after that every task must have ended; default 5m')),
    broker: Type.Optional(
      oneOf(Object.keys(VARIANTS) as (keyof typeof VARIANTS)[], 'Which broker is simulated; default covey'),
    ),
    strategy: Type.Optional(
      oneOf(STRATEGIES, 'How the mesh chooses among devices with room; default greedy'),
    ),
    objective: Type.Optional(
      oneOf(OBJECTIVES, 'What greedy and plans of several tasks are to achieve; default peak'),
    ),
    improve: Type.Optional(
      lasting('How often what runs is planned anew while nothing waits; never when not given'),
    ),
    submitters: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000,
        description: 'Clients that submit the tasks in turn; default 4',
      }),
    ),
    timing: Type.Optional(TimingRow),
    fleet: Type.Array(DeviceClass, {
      minItems: 1,
      maxItems: CLASSES_MAX,
      description: 'The devices, class by class',
    }),
    tasks: Type.Array(TaskClass, {
      minItems: 1,
      maxItems: CLASSES_MAX,
      description: 'The work, class by class',
    }),
    faults: Type.Optional(Type.Array(FaultRow, { maxItems: FAULT_ROWS_MAX, description: 'What goes wrong' })),
    operations: Type.Optional(
      Type.Array(Operation, { maxItems: FAULT_ROWS_MAX, description: 'What an operator does' }),
    ),
    expect: Type.Record(
      Type.String({ minLength: 1, maxLength: 100 }),
      Type.Unsafe<string | number>({ type: ['string', 'number'] }),
      { minProperties: 1, maxProperties: 100, description: 'What must come out; see Expectations' },
    ),
  },
  strict,
)
export type ScenarioFile = Static<typeof ScenarioFile>
