/** Settings of a whole mesh, and the stream of its decisions. */
import { type Static, Type } from 'typebox'
import {
  Id,
  Instant,
  lasting,
  NAME,
  named,
  OBJECTIVES,
  Quantities,
  Site,
  STRATEGIES,
  Term,
} from './fragments.ts'

/** Whether priorities end work, or only order it. */
export const PREEMPTION = ['on', 'off'] as const

/** Tenants that settings may name. */
export const TENANTS_MAX = 256

export const Tenant = Type.Object(
  {
    quota: Type.Optional(Quantities),
    tasksMax: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Its tasks that have not ended; more are rejected' }),
    ),
    weight: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1_000,
        description: 'How much more it may have than others. 1',
      }),
    ),
    overQuota: Type.Optional(
      Type.Enum(['wait', 'reject'], {
        description: 'What becomes of a task that comes while its quota has no room for it. "wait"',
      }),
    ),
  },
  { additionalProperties: false },
)
export type Tenant = Static<typeof Tenant>

/** Links that settings may name. */
export const LINKS_MAX = 256

const LINK = {
  latency: Type.Optional(lasting('Before the first byte comes. "0ms"')),
  bandwidth: Type.Union(
    [Type.String({ format: 'quantity' }), Type.Number({ exclusiveMinimum: 0, maximum: 1e15 })],
    {
      description: 'Bits a second, like "100M"',
    },
  ),
}
const Link = Type.Object(LINK, { additionalProperties: false })
const NamedLink = Type.Object(
  {
    between: Type.Array(Site, { minItems: 2, maxItems: 2, description: 'Two sites; it holds both ways' }),
    ...LINK,
  },
  { additionalProperties: false },
)

export const MeshConfig = Type.Object(
  {
    strategy: Type.Optional(
      Type.Enum([...STRATEGIES], {
        description:
          'Which of the devices with room gets a task: the best by `objective`, the one in use with least left of what is scarce, the one that has free what is asked for, the one whose GPUs are missed least, or that of a plan for several tasks. "greedy"',
      }),
    ),
    objective: Type.Optional(
      Type.Enum([...OBJECTIVES], {
        description:
          'What `greedy` and plans of several tasks are to achieve: the lowest peak, fewest devices in use, fewest tasks on each, all done soonest; `data`: whatever the strategy, nearest the data. "peak"',
      }),
    ),
    siteLabel: Type.Optional(
      Type.String({ pattern: NAME, description: 'By which label devices are at one site. "site"' }),
    ),
    links: Type.Optional(
      Type.Array(NamedLink, {
        maxItems: LINKS_MAX,
        description: 'What data takes from site to site; within one it takes nothing',
      }),
    ),
    defaultLink: Type.Optional(
      Type.Union([Link, Type.Literal('none')], {
        description:
          'Between sites that no link is named for, and to devices without a site; "none": no data comes there. 10ms and 100M',
      }),
    ),
    preemption: Type.Optional(
      Type.Enum([...PREEMPTION], {
        description: 'Whether work of much lower priority is ended for what finds no room. "on"',
      }),
    ),
    tenants: Type.Optional(
      named(
        Tenant,
        TENANTS_MAX,
        'By tenant: bounds of what its work reserves together, of its tasks, and its weight; "default" is that of tasks that name none',
      ),
    ),
    pendingTasksMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000_000,
        description: 'Waiting tasks; more are rejected. 100000',
      }),
    ),
    lostGrace: Type.Optional(lasting('How long a device may blink. "1s"')),
    defaultTimeout: Type.Optional(lasting('For tasks that name none. "1h"')),
    highMark: Type.Optional(
      Type.Union([Type.Number({ exclusiveMinimum: 0, maximum: 1 }), Type.Literal('never')], {
        description:
          'From this utilization on a device gets no new work; "never": whatever devices measure. 0.9',
      }),
    ),
    lowMark: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        description:
          'Up to which utilization a device may get what is moved off another. 0.7, or highMark if that is less',
      }),
    ),
    moveAfter: Type.Optional(
      lasting('How long a device is at the high mark before work is moved off it. "15s"'),
    ),
    moveCooldown: Type.Optional(lasting('How long a device and a task are left alone after a move. "60s"')),
    improve: Type.Optional(
      lasting(
        'How often, while nothing waits, what runs is planned anew, and some of it moved where that serves the objective. Never when not given',
      ),
    ),
    predecessorWait: Type.Optional(lasting('How long a task waits for an unknown one it is after. "10s"')),
  },
  { additionalProperties: false },
)
export type MeshConfig = Static<typeof MeshConfig>

export const MeshEvent = Type.Object({
  at: Instant,
  term: Term,
  agent: Id,
  kind: Type.String({
    maxLength: 64,
    description: 'Like "placed", "moved", "preempted", "rerouted", "rejected", "elected"',
  }),
  task: Type.Optional(Type.String()),
  device: Type.Optional(Type.String()),
  code: Type.Optional(Type.String({ maxLength: 64 })),
  by: Type.Optional(Type.String({ description: 'The task that another was preempted for' })),
  message: Type.String(),
})
export type MeshEvent = Static<typeof MeshEvent>
