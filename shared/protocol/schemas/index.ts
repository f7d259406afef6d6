/** Which schema describes the payload of which route: the single source of types, validators and docs. */
import type { TSchema } from 'typebox'
import { CHECKPOINT_BYTES_MAX } from '../../model/checkpoint.ts'
import type { Route } from '../topics.ts'
import { Auction, Bid } from './auction.ts'
import { Beacon, Death, Marker, Offer } from './coordinator.ts'
import { Desired, DeviceLoad, DeviceReport, DeviceState, Inbox } from './device.ts'
import { MeshConfig, MeshEvent } from './mesh.ts'
import { ResultPage, TaskLog, TaskSpec, TaskStatus, type Withdraw } from './task.ts'

export * from './auction.ts'
export * from './coordinator.ts'
export * from './device.ts'
export * from './fragments.ts'
export * from './mesh.ts'
export * from './run.ts'
export * from './task.ts'
export { DATA_MAX, PREFER_MAX, PREFER_WEIGHT_MAX, RELATIONS_MAX, WHERE_MAX } from './wishes.ts'

/** What each route carries. A spec's route carries a task or its withdrawal. */
export interface Messages {
  beacon: Beacon
  death: Death
  marker: Marker
  offer: Offer
  auction: Auction
  state: DeviceState
  load: DeviceLoad
  report: DeviceReport
  inbox: Inbox
  bid: Bid
  desired: Desired
  spec: TaskSpec | Withdraw
  status: TaskStatus
  results: ResultPage
  log: TaskLog
  config: MeshConfig
  events: MeshEvent
}

export const SCHEMAS = {
  beacon: Beacon,
  death: Death,
  marker: Marker,
  offer: Offer,
  auction: Auction,
  state: DeviceState,
  load: DeviceLoad,
  report: DeviceReport,
  inbox: Inbox,
  bid: Bid,
  desired: Desired,
  spec: TaskSpec,
  status: TaskStatus,
  results: ResultPage,
  log: TaskLog,
  config: MeshConfig,
  events: MeshEvent,
} as const satisfies Record<Route, TSchema>

/** Largest payload of a topic, in bytes of UTF-8. */
export const PAYLOAD_BYTES_MAX = 256 * 1024
/** Output of predecessors that goes with an assignment, as JSON. */
export const HANDOVER_BYTES_MAX = 64 * 1024
/** Largest spec of an array, in bytes of UTF-8; what one element is told is bounded as any payload is. */
export const ARRAY_BYTES_MAX = 1024 * 1024
/** What an inbox may have more, so that the largest spec still fits with what an assignment adds to it. */
export const ENVELOPE_BYTES_MAX = 32 * 1024 + HANDOVER_BYTES_MAX + CHECKPOINT_BYTES_MAX

/** Largest payload of a route, in bytes of UTF-8. */
export function payloadBytesMax(route: Route): number {
  if (route === 'spec') return ARRAY_BYTES_MAX
  return route === 'inbox' ? PAYLOAD_BYTES_MAX + ENVELOPE_BYTES_MAX : PAYLOAD_BYTES_MAX
}

/** Largest payload that holds this spec, in bytes of UTF-8. */
export function specBytesMax(spec: object): number {
  return 'array' in spec ? ARRAY_BYTES_MAX : PAYLOAD_BYTES_MAX
}
