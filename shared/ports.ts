/**
 * The ports of the cores: everything that reaches an agent's core is an `AgentInput`, everything that it
 * wants done is an `AgentEffect`. A shell (real or simulated) turns packets, timer ticks and process exits
 * into inputs, and carries out effects in the order in which they were returned.
 *
 * Persist, then send, then run: a core that needs something durable first returns `persist`, and only the
 * input `journaled` lets it go on. A shell therefore never has to hold effects back.
 */

import type { Failure } from './errors/errors.ts'
import type { Attempt, Reign } from './protocol/attempt.ts'
import type { Incoming } from './protocol/codec.ts'
import type {
  AttemptResult,
  Checkpoint,
  DeviceLoad,
  LogStream,
  Messages,
  Outcome,
  ResultBody,
  TaskSpec,
} from './protocol/schemas/index.ts'
import type { Route } from './protocol/topics.ts'

/** The time of one step. `monoMs` never goes back; `wallMs` is Unix time and may jump. */
export interface Now {
  readonly monoMs: number
  readonly wallMs: number
}

/** A deterministic state machine: no socket, clock, timer, file or random source of its own. */
export interface Core<Input, Effect> {
  step(input: Input, now: Now): readonly Effect[]
}

/** The agent's two connections: one as its device, one as the seat while it claims or holds it. */
export type LinkName = 'device' | 'seat'

/** What a journal keeps of one attempt. */
export interface JournalEntry {
  readonly attempt: Attempt
  readonly task: string
  readonly spec: TaskSpec
  /** The process group's leader, once started. */
  readonly pid?: number
  /** Which of the device's GPUs it has, when it asks for any. */
  readonly gpus?: readonly number[]
  /** What it has to go on from: given at its start, or published since. A result has its own. */
  readonly checkpoint?: Checkpoint
  readonly result?: AttemptResult
}

/** What survives an agent's death on its disk. */
export interface Journal {
  readonly incarnation: number
  readonly highest: Reign
  readonly entries: readonly JournalEntry[]
}

/** One change of the journal; all parts of it become durable together. */
export interface JournalChange {
  readonly incarnation?: number
  readonly highest?: Reign
  readonly put?: JournalEntry
  /** Key of an attempt (`attemptKey`) that need not be remembered any more. */
  readonly drop?: string
}

/** What the device measures of itself; fields that the system does not show are absent. */
export type Measured = Pick<
  DeviceLoad,
  'cpu' | 'cpuTotal' | 'memoryUsed' | 'memoryTotal' | 'diskFree' | 'uptime' | 'temperature' | 'battery'
>

/** How a run ended, as its executor saw it. */
export interface RunEnd {
  readonly outcome: Extract<Outcome, 'succeeded' | 'failed'>
  readonly result?: ResultBody
  readonly error?: Failure
  /** It was ended because its lease was over. */
  readonly lapsed?: true
}

/** Until when exclusive work may run: `leaseMs` from a moment on, by the rule of `leaseLeftMs`. */
export interface Lease {
  readonly from: Now
  readonly leaseMs: number
}

/** What an attempt is given beside its spec. */
export interface Given {
  readonly lease?: Lease
  /** What an earlier attempt of the task published last. */
  readonly checkpoint?: Checkpoint
  /** Which of the device's GPUs it has, from 0. */
  readonly gpus?: readonly number[]
}

export type AgentInput =
  /** First of all. `journal` is `undefined` on a device that never ran an agent, or whose disk was wiped. */
  | { readonly in: 'boot'; readonly journal: Journal | undefined }
  /** The broker accepted the connection (CONNACK). */
  | { readonly in: 'link-up'; readonly link: LinkName }
  /** The connection closed, or could not be made. */
  | { readonly in: 'link-down'; readonly link: LinkName; readonly reason: string }
  /** The broker answered (SUBACK) the subscriptions of the `subscribe` effect with this token; `refused` it did not grant. */
  | {
      readonly in: 'subscribed'
      readonly link: LinkName
      readonly token: number
      readonly refused?: readonly string[]
    }
  | { readonly in: 'message'; readonly link: LinkName; readonly message: Incoming }
  /** The broker acknowledged (PUBACK) the publish with this token. */
  | { readonly in: 'acked'; readonly link: LinkName; readonly token: number }
  | { readonly in: 'timer'; readonly name: string }
  /** All `persist` effects up to `seq` are durable; or, with `error`, the one with `seq` is not. */
  | { readonly in: 'journaled'; readonly seq: number; readonly error?: string }
  | { readonly in: 'started'; readonly attempt: Attempt; readonly pid: number }
  | {
      readonly in: 'output'
      readonly attempt: Attempt
      readonly stream: LogStream
      readonly text: string
    }
  /** The attempt has published a checkpoint: JSON of at most `CHECKPOINT_BYTES_MAX`. The latest counts. */
  | { readonly in: 'checkpoint'; readonly attempt: Attempt; readonly value: unknown }
  | { readonly in: 'ended'; readonly attempt: Attempt; readonly end: RunEnd }
  /** The answer to `measure`. */
  | { readonly in: 'measured'; readonly load: Measured }
  /** The agent is asked to stop (SIGTERM). It answers with `exit` in the end. */
  | { readonly in: 'stop' }

export interface Subscription {
  readonly topic: string
  readonly qos: 0 | 1
}

/** One message to publish. `body: null` clears a retained topic. */
export type Outgoing = {
  [R in Route]: {
    readonly route: R
    readonly topic: string
    readonly body: Messages[R] | null
    readonly qos: 0 | 1
    readonly retain: boolean
  }
}[Route]

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type AgentEffect =
  /** Opens a fresh connection with a clean session; a former one of that link is closed. Never reconnects by itself. */
  | { readonly do: 'connect'; readonly link: LinkName; readonly clientId: string; readonly will: Outgoing }
  /**
   * Closes a connection. `will: true` drops the socket without DISCONNECT, so that the broker sends the will at
   * once. No `link-down` follows.
   */
  | { readonly do: 'disconnect'; readonly link: LinkName; readonly will: boolean }
  | {
      readonly do: 'subscribe'
      readonly link: LinkName
      readonly to: readonly Subscription[]
      readonly token: number
    }
  | { readonly do: 'unsubscribe'; readonly link: LinkName; readonly topics: readonly string[] }
  /** With a token, `acked` follows on the PUBACK (QoS 1), unless the link goes down first. */
  | { readonly do: 'publish'; readonly link: LinkName; readonly message: Outgoing; readonly token?: number }
  /** (Re)starts the timer of that name; `timer` follows once. A delay of 0 means "after what is waiting now". */
  | { readonly do: 'timer'; readonly name: string; readonly delayMs: number }
  | { readonly do: 'cancel-timer'; readonly name: string }
  | { readonly do: 'persist'; readonly seq: number; readonly change: JournalChange }
  /** With a lease the shell ends it by KILL when that is over, also while the agent is frozen or dead. */
  | ({
      readonly do: 'run'
      readonly attempt: Attempt
      readonly task: string
      readonly spec: TaskSpec
    } & Given)
  /** The leases of all that runs count from then on. One that is over stays over. */
  | { readonly do: 'lease'; readonly from: Now }
  /** TERM now, KILL after the grace; `ended` follows. Of an attempt that is not running: `ended` all the same. */
  | { readonly do: 'kill'; readonly attempt: Attempt; readonly graceMs: number }
  /** Ends whatever a former incarnation left running (KILL of the whole group); nothing follows. */
  | { readonly do: 'reap'; readonly entries: readonly JournalEntry[] }
  | { readonly do: 'measure' }
  | {
      readonly do: 'log'
      readonly level: LogLevel
      readonly message: string
      readonly fields?: Readonly<Record<string, unknown>>
    }
  /** The agent is done. All its connections are closed already. */
  | { readonly do: 'exit'; readonly code: number }
