import type { Reign } from '../../shared/protocol/attempt.ts'
import type { Beacon, DeviceState } from '../../shared/protocol/schemas/index.ts'

/** What the election tells the rest of the agent. */
export interface ElectionEvents {
  /** The seat's connection stands; subscribe what the coordinator hears there. */
  seatUp(): void
  /** In office: the beacon is acknowledged. */
  elected(reign: Reign, nonce: string): void
  /** Out of office. */
  deposed(reason: string): void
  /** Whether to keep the warm copy from now on. */
  candidacy(candidate: boolean): void
  /** Publishes on the device's link and returns the token whose PUBACK proves that the link answers. */
  roundTrip(): number
  /** What the beacon says besides who is in office. */
  beaconFields(): Omit<Beacon, keyof Reign | 'nonce' | 'intervalMs'>
  /** The last state of every device that the warm copy knows. */
  states(): Iterable<readonly [string, DeviceState]>
}
