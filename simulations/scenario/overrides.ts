/** A scenario at another size or with other settings, as the command line asks for it. */
import type { Timing } from '../../agent/core/options.ts'
import { CoveyError } from '../../shared/errors/errors.ts'
import { parseDuration } from '../../shared/model/duration.ts'
import {
  OBJECTIVES,
  type ObjectiveName,
  STRATEGIES,
  type StrategyName,
} from '../../shared/protocol/schemas/index.ts'
import { VARIANTS, type VariantName } from '../broker/variants.ts'
import { deviceCount, ms, type Scenario, TIMING_NAMES } from './scenario.ts'
import { type Arrival, DEVICES_MAX, type DeviceClass } from './schema.ts'

export interface Overrides {
  /** The whole scenario at another size: every class and all arrivals grow or shrink with the fleet. */
  readonly devices?: number
  /** The run ends earlier or later; what was planned for after its end does not happen. */
  readonly durationMs?: number
  readonly variant?: VariantName
  readonly strategy?: StrategyName
  readonly objective?: ObjectiveName
  readonly improve?: string
  readonly timing?: Partial<Timing>
}

/** @throws CoveyError E_USAGE when the size is impossible */
export function override(scenario: Scenario, overrides: Overrides): Scenario {
  let changed = scenario
  if (overrides.devices !== undefined) changed = resize(changed, overrides.devices)
  if (overrides.durationMs !== undefined) changed = cut(changed, overrides.durationMs)
  return {
    ...changed,
    variant: overrides.variant ?? changed.variant,
    ...(overrides.strategy === undefined ? {} : { strategy: overrides.strategy }),
    ...(overrides.objective === undefined ? {} : { objective: overrides.objective }),
    ...(overrides.improve === undefined ? {} : { improve: overrides.improve }),
    timing: { ...changed.timing, ...overrides.timing },
  }
}

const SETTINGS = ['variant', 'strategy', 'objective', 'improve', 'devices', ...TIMING_NAMES]

/**
 * Reads settings like `intervalMs=500,variant=nats`.
 *
 * @throws CoveyError E_USAGE that names the setting
 */
export function readSettings(text: string): Overrides {
  const timing: Partial<Record<keyof Timing, number>> = {}
  let overrides: Overrides = {}
  for (const pair of text.split(',')) {
    const [name = '', value = ''] = pair.split('=', 2)
    if (name === 'variant') {
      if (!Object.hasOwn(VARIANTS, value))
        throw wrong(pair, `a broker of ${Object.keys(VARIANTS).join(', ')}`)
      overrides = { ...overrides, variant: value as VariantName }
      continue
    }
    if (name === 'strategy') {
      const strategy = STRATEGIES.find((known) => known === value)
      if (strategy === undefined) throw wrong(pair, `a strategy of ${STRATEGIES.join(', ')}`)
      overrides = { ...overrides, strategy }
      continue
    }
    if (name === 'objective') {
      const objective = OBJECTIVES.find((known) => known === value)
      if (objective === undefined) throw wrong(pair, `an objective of ${OBJECTIVES.join(', ')}`)
      overrides = { ...overrides, objective }
      continue
    }
    if (name === 'improve') {
      if (parseDuration(value) === undefined) throw wrong(pair, 'a duration such as 30s')
      overrides = { ...overrides, improve: value }
      continue
    }
    if (!SETTINGS.includes(name)) throw wrong(pair, `NAME=VALUE with one of: ${SETTINGS.join(', ')}`)
    if (!/^\d{1,7}$/.test(value)) throw wrong(pair, 'a whole number of up to 7 digits as its value')
    if (name === 'devices') overrides = { ...overrides, devices: Number(value) }
    else timing[name as keyof Timing] = Number(value)
  }
  return Object.keys(timing).length === 0 ? overrides : { ...overrides, timing }
}

function wrong(setting: string, expected: string): CoveyError {
  return new CoveyError('E_USAGE', `${JSON.stringify(setting)} is no setting`, {
    remedy: `Expected ${expected}`,
  })
}

function resize(scenario: Scenario, devices: number): Scenario {
  const classes = scenario.fleet.filter(({ count }) => count > 0).length
  if (devices < classes || devices > DEVICES_MAX) {
    throw new CoveyError('E_USAGE', `${scenario.name} cannot have ${devices} devices`, {
      remedy: `Use ${classes} to ${DEVICES_MAX}: it has ${classes} classes of devices`,
    })
  }
  const factor = devices / deviceCount(scenario.fleet)
  return {
    ...scenario,
    fleet: shareOut(scenario.fleet, devices),
    tasks: scenario.tasks.map((row) => ({
      ...row,
      arrive: row.arrive.map((arrival) => scale(arrival, factor)),
    })),
  }
}

/** Every class keeps its share, and one device at least. */
function shareOut(fleet: readonly DeviceClass[], devices: number): DeviceClass[] {
  const total = deviceCount(fleet)
  const rows = fleet.map((row) => {
    const exact = (row.count * devices) / total
    return { row, exact, count: row.count === 0 ? 0 : Math.max(1, Math.floor(exact)) }
  })
  let left = devices - rows.reduce((sum, { count }) => sum + count, 0)
  while (left !== 0) {
    const step = Math.sign(left)
    const open = rows.filter(({ row, count }) => row.count > 0 && count + step >= 1)
    const [next] = open.sort((a, b) => step * (b.exact - b.count - (a.exact - a.count)))
    if (next === undefined) break
    next.count += step
    left -= step
  }
  return rows.map(({ row, count }) => ({ ...row, count }))
}

function scale(arrival: Arrival, factor: number): Arrival {
  return {
    ...arrival,
    ...(arrival.rate === undefined ? {} : { rate: arrival.rate * factor }),
    ...(arrival.toRate === undefined ? {} : { toRate: arrival.toRate * factor }),
    ...(arrival.count === undefined ? {} : { count: Math.max(1, Math.round(arrival.count * factor)) }),
  }
}

function cut(scenario: Scenario, durationMs: number): Scenario {
  const inTime = (text: string | undefined): boolean => ms(text, 0) < durationMs
  return {
    ...scenario,
    durationMs,
    tasks: scenario.tasks.map((row) => ({ ...row, arrive: row.arrive.filter(({ from }) => inTime(from)) })),
    faults: scenario.faults.filter(({ at, from }) => inTime(at) && inTime(from)),
    operations: scenario.operations.filter(({ at }) => inTime(at)),
  }
}
