/** Pieces that several messages share. Formats (`quantity`, `duration`, `id`) are defined in validators.ts. */
import { type Static, type TSchema, Type } from 'typebox'
import { GPUS_MAX } from '../../model/gpus.ts'

export const Id = Type.String({ format: 'id', description: '1 to 64 letters, digits, "_" and "-"' })
/** What runs: a task by its id, or an element of an array. */
export const Work = Type.String({
  format: 'work',
  description: 'A task’s id; of an element of an array `id[n]`',
})
export const Nonce = Type.String({ maxLength: 64, description: 'Random name of one connection' })
export const Term = Type.Integer({ minimum: 0, maximum: 9_007_199_254_740_991 })
export const Instant = Type.String({ format: 'instant', description: 'ISO 8601 UTC, for people' })
export const Duration = Type.String({ format: 'duration', description: 'Like "500ms", "30s", "5m", "2h"' })
/** A duration that says what it is for. */
export const lasting = (description: string) => Type.String({ format: 'duration', description })
/** An instant that says what it is for. */
export const at = (description: string) => Type.String({ format: 'instant', description })
export const Quantity = Type.Union(
  [Type.String({ format: 'quantity' }), Type.Number({ minimum: 0, maximum: 1e15 })],
  { description: 'Like "500m", 2, "64Mi"' },
)

/** How one is chosen of the devices that have room: for each task, or for several that are planned together. */
export const STRATEGIES = [
  'greedy',
  'best-fit',
  'dot-product',
  'replay',
  'auction',
  'dp',
  'heuristic',
  'genetic',
] as const
export type StrategyName = (typeof STRATEGIES)[number]

/** What the choice is to achieve; see docs/placement.md. */
export const OBJECTIVES = ['peak', 'packing', 'spread', 'makespan', 'data'] as const
export type ObjectiveName = (typeof OBJECTIVES)[number]

/** A value of the label by which devices are at one site. */
export const Site = Type.String({
  minLength: 1,
  maxLength: 256,
  description: 'A value of the site label of the mesh; "site" unless its settings say otherwise',
})

export const LABELS_MAX = 64
export const RESOURCES_MAX = 32
export const LABEL_CHARS_MAX = 256
/** Of labels and resources. */
export const NAME = '^[A-Za-z][A-Za-z0-9_./-]{0,62}$'

/** An object whose keys are names (of labels, resources) and whose values are all of one kind. */
export const named = <T extends TSchema>(value: T, itemsMax: number, description: string) =>
  Type.Record(Type.String({ pattern: NAME }), value, {
    maxProperties: itemsMax,
    additionalProperties: false,
    description,
  })

export const Labels = named(
  Type.String({ maxLength: LABEL_CHARS_MAX }),
  LABELS_MAX,
  'What tells devices apart',
)
export const Quantities = named(Quantity, RESOURCES_MAX, 'Amount by name of the resource')

export const GpuList = Type.Array(Type.Integer({ minimum: 0, maximum: GPUS_MAX - 1 }), {
  maxItems: GPUS_MAX,
  description: 'Which of the device’s GPUs it has, numbered from 0, when it asks for any',
})

export const Reign = Type.Object({ term: Term, agent: Type.String({ maxLength: 64 }) })
export const Attempt = Type.Object(
  { term: Term, agent: Id, n: Type.Integer({ minimum: 1 }) },
  { description: 'One dispatch of a task to one device' },
)
/** What an attempt published of how far it is: any JSON, of at most `CHECKPOINT_BYTES_MAX`. */
export const Checkpoint = Type.Object(
  {
    attempt: Attempt,
    seq: Type.Integer({ minimum: 1, description: 'Grows with every checkpoint of the attempt' }),
    value: Type.Unknown({
      description: 'What it published last: any JSON of a function, text of everything else',
    }),
  },
  { description: 'State to go on from, and the attempt that published it' },
)
export type Checkpoint = Static<typeof Checkpoint>
export const Failure = Type.Object(
  {
    code: Type.String({ maxLength: 64, description: 'A code of docs/errors.md' }),
    message: Type.String({ maxLength: 2048 }),
    path: Type.Optional(Type.String({ maxLength: 512 })),
    remedy: Type.Optional(Type.String({ maxLength: 1024 })),
  },
  { description: 'What went wrong, where, and what would be right' },
)
