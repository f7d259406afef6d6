/** What the conductor of a live run and its hosts say to each other, over the channel of a child process. */
import type { AgentOptions } from '../../agent/core/options.ts'

/** One device of a host. */
export interface LiveDeviceOptions {
  readonly agent: Omit<AgentOptions, 'seed'>
  /** Keep-alive of its connections, in whole seconds as MQTT has it. */
  readonly keepaliveSeconds: number
}

/** What a host is told at its start. */
export interface HostOptions {
  readonly brokerUrl: string
  readonly seed: string
  /** Each device keeps its journal in a folder of its name below this. */
  readonly folder: string
  readonly devices: readonly LiveDeviceOptions[]
}

/** From the conductor. */
export type Order =
  | { readonly order: 'begin'; readonly options: HostOptions }
  /** Start the agent, with the journal that is on its disk; `start` counts its starts. */
  | { readonly order: 'start'; readonly device: string; readonly start: number }
  /** The agent is gone at once: sockets close without DISCONNECT, what it ran goes on. */
  | { readonly order: 'crash'; readonly device: string }
  /** The agent is asked to stop. */
  | { readonly order: 'leave'; readonly device: string }
  /** How long things took since this was asked last. */
  | { readonly order: 'figures' }
  /** Everything ends: agents, connections and what they run. The host exits. */
  | { readonly order: 'end' }

/** From a host. */
export type Answer =
  | { readonly answer: 'ready' }
  | { readonly answer: 'gone'; readonly device: string; readonly start: number; readonly code: number }
  | { readonly answer: 'process'; readonly cpuMilli: number; readonly running: boolean }
  | { readonly answer: 'finished'; readonly attempt: string; readonly succeeded: boolean }
  /** A coordinator has left office. */
  | { readonly answer: 'left'; readonly reason: string }
  | { readonly answer: 'figures'; readonly figures: HostFigures }
  /** The host cannot go on. */
  | { readonly answer: 'broken'; readonly message: string }

/** What one host measured since it was asked last. Times in milliseconds. */
export interface HostFigures {
  /** The host's event loop ran, or waited for a processor. */
  readonly busyMs: number
  /** MQTT packets that its agents were given or sent. */
  readonly packets: number
  /** From a change of a journal until it was on the disk. */
  readonly syncMs: readonly number[]
  /** From the order to run until the process was there. */
  readonly startMs: readonly number[]
}
