/**
 * How brokers differ where it matters to Covey, as measured on aedes 1.2.0, Mosquitto 2.0.11 and NATS 2.9.10
 * (alone and as a cluster of three).
 */
export interface Variant {
  readonly name: string
  /** Whether a will is sent when another connection takes the client id over; if so, before that one's first message. */
  readonly willOnTakeover: boolean
  /** Retained messages follow the SUBACK at once and in order; else they are streamed and live ones overtake them. */
  readonly retainedInOrder: boolean
  /** To a filter with wildcards retained messages come at their own QoS, whatever the subscription asked for. */
  readonly retainedAtOwnQos: boolean
  /** Commit, then route and acknowledge; else acknowledge and route at once and store later. */
  readonly commitFirst: boolean
  /** How long storing a retained message takes, in milliseconds. */
  readonly storeMsMin: number
  readonly storeMsMax: number
  /** QoS 1 messages that wait for one client's acknowledgement; what exceeds is dropped. */
  readonly queueMessagesMax: number
  /** Servers of a cluster; a client is connected to one of them. */
  readonly servers: number
  /** Between two servers of a cluster, for messages and for the news of a takeover, in milliseconds. */
  readonly serverLagMsMin: number
  readonly serverLagMsMax: number
  /** One copy a client, however many of its filters match. */
  readonly oneCopyPerClient: boolean
  /** Topics that begin with '$' are no match for a wildcard at the first level (MQTT 3.1.1, 4.7.2). */
  readonly hidesDollar: boolean
}

const SINGLE = {
  servers: 1,
  serverLagMsMin: 0,
  serverLagMsMax: 0,
  retainedAtOwnQos: false,
  hidesDollar: true,
}

/** Our embedded broker: aedes that commits before it acknowledges, and sends what is retained before what is live. */
const covey: Variant = {
  ...SINGLE,
  name: 'covey',
  willOnTakeover: true,
  retainedInOrder: true,
  commitFirst: true,
  storeMsMin: 0.5,
  storeMsMax: 8,
  queueMessagesMax: Infinity,
  oneCopyPerClient: true,
}

/** Stock aedes with a persistence: acknowledges first, and streams what is retained at the QoS that it has. */
const aedes: Variant = {
  ...covey,
  name: 'aedes',
  commitFirst: false,
  retainedInOrder: false,
  retainedAtOwnQos: true,
}

const mosquitto: Variant = {
  ...SINGLE,
  name: 'mosquitto',
  willOnTakeover: true,
  retainedInOrder: true,
  commitFirst: true,
  storeMsMin: 0,
  storeMsMax: 0,
  // max_queued_messages 1,000 and max_inflight_messages 20: 1,020 were delivered of 20,000.
  queueMessagesMax: 1_020,
  oneCopyPerClient: true,
}

const nats: Variant = {
  ...SINGLE,
  name: 'nats',
  willOnTakeover: false,
  retainedInOrder: true,
  commitFirst: true,
  storeMsMin: 0.2,
  storeMsMax: 3,
  queueMessagesMax: Infinity,
  oneCopyPerClient: false,
  hidesDollar: false,
}

const natsCluster: Variant = {
  ...nats,
  name: 'nats-cluster',
  servers: 3,
  serverLagMsMin: 0.2,
  serverLagMsMax: 15,
}

export const VARIANTS = { covey, aedes, mosquitto, nats, 'nats-cluster': natsCluster } as const
export type VariantName = keyof typeof VARIANTS
