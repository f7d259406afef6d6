/** What the holder of the seat says of itself. */
import { type Static, Type } from 'typebox'
import { Failure, Id, Nonce } from './fragments.ts'

export const CANDIDATES_LISTED_MAX = 16

export const Beacon = Type.Object({
  term: Type.Integer({ minimum: 1, maximum: 9_007_199_254_740_991 }),
  agent: Id,
  nonce: Nonce,
  intervalMs: Type.Integer({
    minimum: 10,
    maximum: 600_000,
    description: 'Beacons come this often; the lease is three of them',
  }),
  heartbeatMs: Type.Integer({
    minimum: 10,
    maximum: 600_000,
    description: 'How often devices send their load',
  }),
  leaseMs: Type.Optional(
    Type.Integer({ minimum: 1, description: 'The longest lease that exclusive work may be running under' }),
  ),
  candidates: Type.Array(Id, {
    maxItems: CANDIDATES_LISTED_MAX,
    description: 'The agents that keep a warm copy and may take over',
  }),
  auctions: Type.Optional(
    Type.Boolean({ description: 'Devices are to listen on `coordinator/auction`; false' }),
  ),
  configRefused: Type.Optional(
    Type.Object(
      {
        error: Failure,
        goesBy: Type.Union([Type.Literal('earlier'), Type.Literal('defaults')], {
          description: 'The settings that it took before, or none that anybody gave',
        }),
      },
      { description: 'Why the settings on `config` are not taken, and what it goes by until others come' },
    ),
  ),
})
export type Beacon = Static<typeof Beacon>

export const Death = Type.Object({ agent: Id, nonce: Nonce })
export type Death = Static<typeof Death>

export const Marker = Type.Object({ nonce: Nonce })
export type Marker = Static<typeof Marker>

export const Offer = Type.Object({ agent: Id })
export type Offer = Static<typeof Offer>
