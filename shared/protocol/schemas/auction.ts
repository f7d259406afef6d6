/** Auctions: what the seat offers to all devices, and what a device bids. */
import { type Static, Type } from 'typebox'
import { Id, Quantities } from './fragments.ts'
import { FunctionName } from './run.ts'
import { TaskSpec } from './task.ts'

/** Lots of one round. What more there is waits for the next. */
export const LOTS_MAX = 16
/** Tasks of one lot that a round places; the rest are in the next. */
export const LOT_TASKS_MAX = 500

/** Which round of which reign. */
const ROUND = {
  term: Type.Integer({ minimum: 1, maximum: 9_007_199_254_740_991 }),
  agent: Id,
  round: Type.Integer({ minimum: 1, description: 'Number of the round, from 1 in every reign' }),
}

const Share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })

export const Lot = Type.Object(
  {
    resources: Quantities,
    executor: Type.String({ maxLength: 64, description: 'Kind of work' }),
    function: Type.Optional(FunctionName),
    where: TaskSpec.properties.where,
    count: Type.Integer({ minimum: 1, maximum: LOT_TASKS_MAX, description: 'How many tasks of it wait' }),
    floor: Type.Optional(Share('Who would bid less keeps silent. 0')),
    share: Type.Optional(Share('Of the others so many bid: who draws a greater number keeps silent. 1')),
  },
  { description: 'Tasks with the same needs, and how many' },
)
export type Lot = Static<typeof Lot>

export const Auction = Type.Object({
  ...ROUND,
  lots: Type.Array(Lot, { minItems: 1, maxItems: LOTS_MAX }),
})
export type Auction = Static<typeof Auction>

export const Bid = Type.Object({
  incarnation: Type.Integer({ minimum: 1 }),
  ...ROUND,
  inboxSeq: Type.Integer({
    minimum: 0,
    maximum: 9_007_199_254_740_991,
    description: 'Last inbox message that the prices take into account',
  }),
  bids: Type.Array(
    Type.Object({
      lot: Type.Integer({ minimum: 0, maximum: LOTS_MAX - 1, description: 'Index of the lot, from 0' }),
      price: Share('Of its scarcest resource what would be left with one task of it'),
      count: Type.Integer({ minimum: 1, maximum: LOT_TASKS_MAX, description: 'How many it has room for' }),
    }),
    { minItems: 1, maxItems: LOTS_MAX },
  ),
})
export type Bid = Static<typeof Bid>
