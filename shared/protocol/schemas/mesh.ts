/** Settings of a whole mesh, and the stream of its decisions. */
import { type Static, Type } from 'typebox'
import { Id, Instant, lasting, Term } from './fragments.ts'

export const MeshConfig = Type.Object(
  {
    pendingTasksMax: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000_000,
        description: 'Waiting tasks; more are rejected. 100000',
      }),
    ),
    lostGrace: Type.Optional(lasting('How long a device may blink. "1s"')),
    defaultTimeout: Type.Optional(lasting('For tasks that name none. "1h"')),
    predecessorWait: Type.Optional(lasting('How long a task waits for an unknown one it is after. "10s"')),
  },
  { additionalProperties: false },
)
export type MeshConfig = Static<typeof MeshConfig>

export const MeshEvent = Type.Object({
  at: Instant,
  term: Term,
  agent: Id,
  kind: Type.String({ maxLength: 64, description: 'Like "placed", "rerouted", "rejected", "elected"' }),
  task: Type.Optional(Type.String()),
  device: Type.Optional(Type.String()),
  code: Type.Optional(Type.String({ maxLength: 64 })),
  message: Type.String(),
})
export type MeshEvent = Static<typeof MeshEvent>
