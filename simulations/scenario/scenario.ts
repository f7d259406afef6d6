/** A scenario that was read and checked: what a run is made from. All times are virtual milliseconds. */
import type { Timing } from '../../agent/core/options.ts'
import { parseDuration } from '../../shared/model/duration.ts'
import type { MeshConfig, ObjectiveName, StrategyName } from '../../shared/protocol/schemas/index.ts'
import type { VariantName } from '../broker/variants.ts'
import type { Expectation } from './expect.ts'
import type { Outage } from './outages.ts'
import type { DeviceClass, FaultRow, Operation, TaskClass, TimingRow } from './schema.ts'

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly durationMs: number
  /** Within this time after the end of all faults every task must have ended. */
  readonly settleMs: number
  readonly variant: VariantName
  /** How the mesh chooses devices; its own default when absent. */
  readonly strategy?: StrategyName
  readonly objective?: ObjectiveName
  /** How often what runs is planned anew, as it is written. */
  readonly improve?: string
  readonly submitters: number
  readonly timing: Partial<Timing>
  readonly fleet: readonly DeviceClass[]
  readonly tasks: readonly TaskClass[]
  readonly faults: readonly FaultRow[]
  readonly operations: readonly Operation[]
  readonly expectations: readonly Expectation[]
  /** By the file that a fault row names: the outages in it, once they have been read. */
  readonly outages: ReadonlyMap<string, readonly Outage[]>
}

export const DEFAULTS = {
  settleMs: 300_000,
  variant: 'covey',
  submitters: 4,
  faultDurationMs: 5_000,
} as const

/** A duration that has passed the schema, in milliseconds. */
export function ms(text: string | undefined, fallbackMs: number): number {
  return text === undefined ? fallbackMs : (parseDuration(text) ?? fallbackMs)
}

const TIMING_KEYS = {
  interval: 'intervalMs',
  heartbeat: 'heartbeatMs',
  step: 'stepMs',
  jitter: 'jitterMs',
  settle: 'settleMs',
  lostGrace: 'lostGraceMs',
  exclusiveLease: 'exclusiveLeaseMs',
  reconnectBase: 'reconnectBaseMs',
  reconnectCap: 'reconnectCapMs',
} as const satisfies Record<keyof TimingRow, keyof Timing>

export const TIMING_NAMES: readonly (keyof Timing)[] = Object.values(TIMING_KEYS)

/** The agents' times as the cores want them. */
export function timingOf(row: TimingRow | undefined): Partial<Timing> {
  const timing: Partial<Record<keyof Timing, number>> = {}
  for (const [key, text] of Object.entries(row ?? {})) {
    timing[TIMING_KEYS[key as keyof TimingRow]] = ms(text, 0)
  }
  return timing
}

/** What an operator sets before anything else happens; nothing when the scenario leaves all as it is. */
export function configOf({ strategy, objective, improve }: Scenario): MeshConfig | undefined {
  const config = {
    ...(strategy === undefined ? {} : { strategy }),
    ...(objective === undefined ? {} : { objective }),
    ...(improve === undefined ? {} : { improve }),
  }
  return Object.keys(config).length === 0 ? undefined : config
}

/** How many devices the scenario has. */
export function deviceCount(fleet: readonly DeviceClass[]): number {
  return fleet.reduce((sum, { count }) => sum + count, 0)
}

/** The names of a class's devices. */
export function namesOf({ class: name, count }: DeviceClass): string[] {
  return Array.from({ length: count }, (_, n) => `${name}-${n + 1}`)
}
