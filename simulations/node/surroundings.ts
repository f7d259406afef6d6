/** What a virtual device is made of, and what it needs of the world that it is in. */
import type { AgentOptions } from '../../agent/core/options.ts'
import type { AgentEffect, AgentInput, Core } from '../../shared/ports.ts'
import type { Broker } from '../broker/broker.ts'
import type { Latency } from '../broker/link.ts'
import type { ClockOptions } from '../engine/clock.ts'
import type { Engine } from '../engine/engine.ts'
import type { Observer } from '../observer.ts'

export type AgentCore = Core<AgentInput, AgentEffect>
/** Makes the core of one start of an agent. */
export type CoreFactory = (options: AgentOptions) => AgentCore

export interface NodeOptions {
  readonly agent: Omit<AgentOptions, 'seed'>
  readonly latency: Latency
  readonly clock?: ClockOptions
  readonly keepAliveMs: number
  readonly connectTimeoutMs: number
}

/** What a node needs of the world it is in. */
export interface Surroundings {
  readonly engine: Engine
  readonly broker: Broker
  readonly observers: Required<Observer>
  readonly core: CoreFactory
  /** Whether what is published is frozen. */
  readonly freeze: boolean
}
