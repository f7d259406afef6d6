/**
 * Moments: what a fault may wait for instead of striking by the clock. A coordinator that dies at a random moment hardly
 * ever dies between two messages that belong together; one that dies when the first of them has come always does.
 */
import {
  type DeviceReport,
  type Inbox,
  isTerminal,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import type { Connection } from '../broker/connection.ts'
import type { Packet } from '../broker/packet.ts'

/** Every moment, and how often it is drawn in relation to the others. */
export const MOMENT_WEIGHTS = {
  /** A coordinator says that it is in office. */
  beacon: 2,
  /** A new coordinator asks whether its copy is complete. */
  marker: 6,
  /** A device is given work. */
  assigned: 3,
  /** A device is told that its result has been taken. */
  acknowledged: 4,
  /** A device is told to end something. */
  revoked: 2,
  /** A device tells of results. */
  reported: 3,
  /** A status that is not the last says something. */
  told: 1,
  /** A task's terminal status. */
  ended: 6,
  /** The coordinator takes a spec away. */
  cleared: 3,
  /** A spec is submitted. */
  submitted: 1,
  /** The broker tells of a coordinator's death. */
  died: 3,
} as const satisfies Record<string, number>

export type Moment = keyof typeof MOMENT_WEIGHTS

/** True when it is that moment: the broker has just accepted the packet from this connection. */
export function isMoment(moment: Moment, packet: Packet, from: Connection | undefined): boolean {
  const { route } = packet
  switch (moment) {
    case 'beacon':
    case 'marker':
      return route === moment
    case 'died':
      return route === 'death'
    case 'assigned':
      return route === 'inbox' && (packet.body as Inbox).assign.length > 0
    case 'acknowledged':
      return route === 'inbox' && (packet.body as Inbox).ack.length > 0
    case 'revoked':
      return route === 'inbox' && (packet.body as Inbox).revoke.length > 0
    case 'reported':
      return route === 'report' && (packet.body as DeviceReport).results.length > 0
    case 'told':
      return route === 'status' && !packet.empty && !isTerminal((packet.body as TaskStatus).state)
    case 'ended':
      return route === 'status' && !packet.empty && isTerminal((packet.body as TaskStatus).state)
    case 'cleared':
      return route === 'spec' && packet.empty && from?.tag === 'seat'
    case 'submitted':
      return route === 'spec' && !packet.empty && from?.tag === 'submitter'
  }
}
