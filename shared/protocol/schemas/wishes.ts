/** What a task may wish of its device: labels, what it is near and apart from, and where its data lies. */
import { Type } from 'typebox'
import { NAME, Site } from './fragments.ts'

export const WHERE_MAX = 32
/** Preferences of one task, and how much each may weigh. */
export const PREFER_MAX = 16
export const PREFER_WEIGHT_MAX = 100
/** Groups that one task is near, and that it is apart from. */
export const RELATIONS_MAX = 8
/** Places where data of one task lies. */
export const DATA_MAX = 16

export const LabelValue = Type.Union([
  Type.String({ maxLength: 256 }),
  Type.Number(),
  Type.Boolean(),
  Type.Array(Type.Union([Type.String({ maxLength: 256 }), Type.Number()]), { minItems: 1, maxItems: 64 }),
])

export const Preference = Type.Object(
  {
    where: Type.Record(Type.String({ pattern: NAME }), LabelValue, {
      minProperties: 1,
      maxProperties: WHERE_MAX,
      additionalProperties: false,
      description: 'Labels, written as in `where`',
    }),
    weight: Type.Integer({
      minimum: 1,
      maximum: PREFER_WEIGHT_MAX,
      description: `How much it counts beside the others, 1 to ${PREFER_WEIGHT_MAX}`,
    }),
  },
  {
    additionalProperties: false,
    description: 'Labels that a device had better have, and how much that counts',
  },
)

export const LabelName = (description: string) => Type.String({ pattern: NAME, description })
const Group = Type.String({ format: 'id', description: 'Name of a group; written like an id' })
export const relations = (description: string) =>
  Type.Array(
    Type.Object(
      {
        group: Group,
        by: Type.Optional(LabelName('By which label devices count as one place. "device"')),
      },
      { additionalProperties: false },
    ),
    { minItems: 1, maxItems: RELATIONS_MAX, description },
  )

export const Datum = Type.Object(
  {
    at: Site,
    size: Type.Union([Type.String({ format: 'quantity' }), Type.Number({ minimum: 0, maximum: 1e15 })], {
      description: 'Bytes, like "2Gi"',
    }),
  },
  { additionalProperties: false },
)
