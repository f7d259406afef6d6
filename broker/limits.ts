/**
 * Every bound of the broker, by name, the unit last. What has no bound here must not grow.
 *
 * The defaults suit a mesh of a few thousand devices on a small machine; all can be overridden in
 * `startBroker({ limits })`.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import { ID_CHARS_MAX } from '../shared/protocol/ids.ts'
import { Topics } from '../shared/protocol/topics.ts'

const LONGEST_ID = 'x'.repeat(ID_CHARS_MAX)

export const LIMITS = {
  /** Largest payload of a PUBLISH: well above the 272 KiB that the protocol carries, for what others send. */
  payloadBytesMax: 1024 * 1024,
  /** Largest CONNECT. It comes from parties not yet known, so it is small; a will must fit. */
  connectBytesMax: 128 * 1024,
  /** Largest SUBSCRIBE or UNSUBSCRIBE. */
  subscribeBytesMax: 64 * 1024,
  /** An agent's is the longest of ours: it holds the ids of mesh and device. */
  clientIdCharsMax: new Topics(LONGEST_ID).agentClientId(LONGEST_ID).length,
  topicCharsMax: 512,
  topicLevelsMax: 16,
  subscriptionsPerClientMax: 1_000,
  connectionsMax: 10_000,
  /** A connection that has not sent its CONNECT (or finished TLS, or the upgrade) by then is closed. */
  connectTimeoutMs: 10_000,
  /** A client that asks for more, or for none at all, is held to this. */
  keepaliveSecondsMax: 3_600,
  /** Packets a client may send ahead of its CONNACK. */
  beforeConnackPacketsMax: 256,
  /** Publishes of one client that may wait for their commit. Past one read chunk the client is not read any more. */
  inFlightPerClientMax: 16_384,
  /** QoS 2 publishes of one client between PUBLISH and PUBREL. */
  qos2PerClientMax: 1_000,
  /** Publishes of all clients that may wait for their commit, and their bytes. */
  commitQueueMax: 200_000,
  commitQueueBytesMax: 64 * 1024 * 1024,
  /** What one commit writes at most, so that its latency stays bounded. */
  commitBatchBytesMax: 8 * 1024 * 1024,
  /** After a failed commit everything retained is refused for so long, then the store is opened anew. */
  storeRetryMs: 1_000,
  retainedMessagesMax: 500_000,
  retainedBytesMax: 512 * 1024 * 1024,
  /**
   * Shares of the retained limits that what is submitted (specs, topics that are none of the protocol's) may take
   * together. Each accepted spec needs room for the status that ends it, and statuses of tasks that ended stay for
   * their ttl: a flood of specs must not keep the seat from writing either. Statuses may be larger than specs are,
   * but what a coordinator keeps of finished tasks is bounded in bytes, so half of these is enough.
   */
  retainedSubmittedMessagesPercent: 40,
  retainedSubmittedBytesPercent: 50,
  /** The last of the retained limits, whatever fills them, is for the mesh's own writers: seat, devices, operators. */
  retainedReservePercent: 10,
  /** What may wait in memory for one client that reads too slowly; beyond it the connection is closed. */
  outgoingBytesPerClientMax: 64 * 1024 * 1024,
  /** How long one slow reader may hold back those who publish to it. */
  stallMs: 250,
  /** A reader that takes nothing for so long is closed. */
  drainTimeoutMs: 30_000,
  /** Live messages that wait behind the retained ones of a new subscription before publishers wait as well. */
  parkedPerClientMax: 20_000,
  /** Replays of retained messages that one client may have going at once. */
  replaysPerClientMax: 256,
  /** Foreign clients with persistent sessions: how many while offline, for how long, what waits for each. */
  offlineSessionsMax: 100,
  offlineSessionSecondsMax: 3_600,
  offlineQueueMax: 1_000,
  offlineQueueBytesMax: 4 * 1024 * 1024,
  /** Verified passwords remembered, and verifications that may wait. */
  passwordCacheMax: 10_000,
  passwordQueueMax: 10_000,
  /** One artifact, all of them, their number, and how many may be on their way in. Beyond these they are refused. */
  artifactBytesMax: 256 * 1024 * 1024,
  artifactsBytesMax: 4 * 1024 * 1024 * 1024,
  artifactsMax: 10_000,
  artifactUploadsMax: 8,
  /** A connection that moves an artifact is closed after so long without a byte, and after so long in all. */
  artifactSilenceMs: 10_000,
  artifactTransferMs: 600_000,
  /** Log lines of one code a second; the rest are counted and summed up. */
  complaintsPerSecondMax: 10,
  /** Removed records after which the store is compacted. */
  compactAfterDeletes: 50_000,
  /** What close() waits for in all. */
  closeTimeoutMs: 5_000,
} as const satisfies Record<string, number>

export type Limits = { readonly [Name in keyof typeof LIMITS]: number }

/**
 * The limits with some overridden.
 *
 * @throws CoveyError E_USAGE for an unknown name or a number that is not finite and at least 0.
 */
export function limitsWith(overrides: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(LIMITS, name)) {
      throw new CoveyError('E_USAGE', `the broker has no limit named ${name}`, {
        remedy: `Use one of: ${Object.keys(LIMITS).join(', ')}`,
      })
    }
    if (!Number.isFinite(value) || value < 0) {
      throw new CoveyError('E_USAGE', `the limit ${name} is ${value}`, {
        remedy: 'Give a number of at least 0',
      })
    }
  }
  return { ...LIMITS, ...overrides }
}
