import type { AgentInput } from '../../shared/ports.ts'
import type { Connection } from '../broker/connection.ts'
import type { Timer } from './timers.ts'

/** An input that waits because the agent is frozen or slow, and what it must be checked against then. */
export interface Waiting {
  readonly input: AgentInput
  readonly connection: Connection | undefined
  readonly qos: 0 | 1
  readonly timer: Timer | undefined
  readonly generation: number
}
