/** What a schema cannot say of a scenario: that times are in order, and that what is named exists and fits. */

import { GPU, GPUS_MAX, isGpuCapacity, isGpuDemand, parseCapacity } from '../../shared/model/gpus.ts'
import { parseQuantity } from '../../shared/model/quantity.ts'
import { fits, parseResources } from '../../shared/model/resources.ts'
import { compileSelector, unmet } from '../../shared/model/selector.ts'
import { DEFAULT_RESOURCES } from '../../shared/model/task.ts'
import { FAULT_WEIGHTS } from '../faults/plan.ts'
import type { Path, Positions } from './positions.ts'
import { deviceCount, ms, namesOf, type Scenario } from './scenario.ts'
import {
  type Arrival,
  DEVICES_MAX,
  type DeviceClass,
  type FaultRow,
  TASKS_MAX,
  type Targets,
  type TaskClass,
} from './schema.ts'

/**
 * Checks a scenario whose form is right.
 *
 * @throws ScenarioError about the first thing that is wrong
 */
export function checkMeaning(scenario: Scenario, positions: Positions): void {
  const { durationMs, fleet, tasks, faults, operations } = scenario
  if (durationMs <= 0)
    throw positions.error(['duration'], 'the run lasts no time', 'Expected a duration above 0')
  checkFleet(fleet, positions)
  checkNames(tasks, 'tasks', positions)
  checkAfter(tasks, positions)
  for (const [n, row] of tasks.entries()) {
    checkShare(row, n, positions)
    checkHolder(row, n, fleet, positions)
    for (const [m, arrival] of row.arrive.entries()) {
      checkArrival(arrival, ['tasks', n, 'arrive', m], durationMs, positions)
    }
  }
  for (const [n, row] of faults.entries()) checkFault(row, ['faults', n], scenario, positions)
  for (const [n, row] of operations.entries()) {
    checkTimes(row, ['operations', n], ['at'], durationMs, positions)
    checkTargets(row.targets, ['operations', n, 'targets'], fleet, positions)
  }
}

function checkFleet(fleet: readonly DeviceClass[], positions: Positions): void {
  checkNames(fleet, 'fleet', positions)
  for (const [n, { capacity }] of fleet.entries()) {
    const gpus = capacity[GPU] ?? 0
    if (isGpuCapacity(parseQuantity(gpus) ?? 0)) continue
    throw positions.error(
      ['fleet', n, 'capacity', GPU],
      `${JSON.stringify(gpus)} is no number of GPUs`,
      `Expected a whole number up to ${GPUS_MAX}`,
    )
  }
  const devices = deviceCount(fleet)
  if (devices === 0)
    throw positions.error(
      ['fleet'],
      'the fleet has no device',
      'Expected a count above 0 in one class at least',
    )
  if (devices > DEVICES_MAX) {
    throw positions.error(['fleet'], `the fleet has ${devices} devices`, `Expected at most ${DEVICES_MAX}`)
  }
  if (fleet.every(({ count, candidate }) => count === 0 || candidate === 'never')) {
    throw positions.error(
      ['fleet'],
      'no device may become coordinator',
      'Expected a class without "candidate: never"',
    )
  }
}

function checkNames(rows: readonly { readonly class: string }[], list: string, positions: Positions): void {
  const seen = new Set<string>()
  for (const [n, row] of rows.entries()) {
    if (seen.has(row.class)) {
      throw positions.error(
        [list, n, 'class'],
        `there are two classes ${row.class}`,
        'Expected names that differ',
      )
    }
    seen.add(row.class)
  }
}

/** What is after a class that is not there, or is itself after this one, would never run. */
function checkAfter(tasks: readonly TaskClass[], positions: Positions): void {
  const byName = new Map(tasks.map((row) => [row.class, row]))
  for (const [n, row] of tasks.entries()) {
    for (const [m, name] of (row.after ?? []).entries()) {
      const path: Path = ['tasks', n, 'after', m]
      if (!byName.has(name)) {
        const remedy = `Expected one of: ${[...byName.keys()].join(', ')}`
        throw positions.error(path, `there is no class of tasks ${name}`, remedy)
      }
      const reached = new Set([name])
      // A set takes in what is added to it while it is walked.
      for (const one of reached) for (const next of byName.get(one)?.after ?? []) reached.add(next)
      if (reached.has(row.class)) {
        throw positions.error(
          path,
          `${row.class} is after ${name}, and ${name} after it`,
          'Expected no cycle',
        )
      }
    }
  }
}

/** A task has a share of one GPU, or whole ones; the coordinator would refuse it. */
function checkShare(row: TaskClass, n: number, positions: Positions): void {
  const asked = row.resources?.[GPU] ?? 0
  if (isGpuDemand(parseQuantity(asked) ?? 0)) return
  throw positions.error(
    ['tasks', n, 'resources', GPU],
    `${JSON.stringify(asked)} is neither a share of one GPU nor a number of whole ones`,
    'Expected at most 1, such as 500m, or a whole number',
  )
}

/** Some class of devices must be able to hold the task, or it would wait for ever. */
function checkHolder(row: TaskClass, n: number, fleet: readonly DeviceClass[], positions: Positions): void {
  const need = { ...DEFAULT_RESOURCES, ...parseResources(row.resources) }
  const requirements = compileSelector(row.where)
  const reasons: string[] = []
  for (const device of fleet) {
    const missing = unmet(requirements, { ...device.labels, class: device.class })
    if (device.count === 0) reasons.push(`${device.class} has no device`)
    else if (missing !== undefined) reasons.push(`${device.class} lacks ${missing.text}`)
    else if (!fits(need, parseCapacity(device.capacity))) reasons.push(`${device.class} is too small`)
    else return
  }
  throw positions.error(
    ['tasks', n, row.where === undefined ? 'resources' : 'where'],
    `no class of devices can hold a task of ${row.class}: ${reasons.join('; ')}`,
    'Expected a class with these labels and at least that capacity',
  )
}

const PATTERN_KEYS: Readonly<Record<Arrival['pattern'], readonly (keyof Arrival)[]>> = {
  steady: ['rate'],
  poisson: ['rate'],
  ramp: ['rate', 'toRate'],
  season: ['rate', 'swing', 'period'],
  periodic: ['every'],
  burst: [],
}
const PATTERN_EXTRAS: Readonly<Partial<Record<Arrival['pattern'], readonly (keyof Arrival)[]>>> = {
  periodic: ['count'],
  burst: ['count'],
}

function checkArrival(arrival: Arrival, path: Path, durationMs: number, positions: Positions): void {
  const { pattern } = arrival
  const needed = PATTERN_KEYS[pattern]
  for (const key of needed) {
    if (arrival[key] === undefined) {
      throw positions.error(
        path,
        `a ${pattern} arrival has no ${key}`,
        `Expected ${needed.join(', ')} beside pattern`,
      )
    }
  }
  const allowed = ['pattern', 'from', 'to', ...needed, ...(PATTERN_EXTRAS[pattern] ?? [])]
  for (const key of Object.keys(arrival)) {
    if (!allowed.includes(key)) {
      throw positions.keyError(
        path,
        key,
        `a ${pattern} arrival takes no ${key}`,
        `Expected some of: ${allowed.join(', ')}`,
      )
    }
  }
  checkTimes(arrival, path, ['from', 'to'], durationMs, positions)
  checkAboveZero(arrival, path, ['every', 'period'], positions)
  const most = mostTasks(arrival, durationMs)
  if (most > TASKS_MAX) {
    throw positions.error(
      path,
      `about ${Math.round(most)} tasks would arrive`,
      `Expected at most ${TASKS_MAX}`,
    )
  }
}

/** How many tasks an arrival brings on average. */
function mostTasks(
  { pattern, rate = 0, toRate = 0, every, count = 1, from, to }: Arrival,
  durationMs: number,
): number {
  const lengthMs = ms(to, durationMs) - ms(from, 0)
  if (pattern === 'burst') return count
  if (pattern === 'periodic') return (lengthMs / ms(every, 1)) * count
  return (lengthMs / 1000) * (pattern === 'ramp' ? (rate + toRate) / 2 : rate)
}

/** How many tasks a scenario brings at most, chance included. */
export function expectedTasks({ tasks, durationMs }: Pick<Scenario, 'tasks' | 'durationMs'>): number {
  const mean = tasks.reduce(
    (sum, { arrive }) => sum + arrive.reduce((all, arrival) => all + mostTasks(arrival, durationMs), 0),
    0,
  )
  return Math.ceil(mean + 10 * Math.sqrt(mean) + 10)
}

const WHEN = ['at', 'every', 'rate', 'probability', 'trace'] as const
/** Kinds of which there is one that finds the coordinator itself. */
const HOLDER_KINDS = Object.keys(FAULT_WEIGHTS).filter((kind) => `${kind}-holder` in FAULT_WEIGHTS)

function checkFault(row: FaultRow, path: Path, scenario: Scenario, positions: Positions): void {
  const given = WHEN.filter((key) => row[key] !== undefined)
  if (given.length !== 1) {
    const message =
      given.length === 0 ? 'nothing says when it happens' : `both ${given.join(' and ')} say when it happens`
    throw positions.error(path, message, `Expected exactly one of: ${WHEN.join(', ')}`)
  }
  checkTimes(row, path, ['at', 'from', 'to'], scenario.durationMs, positions)
  checkAboveZero(row, path, ['every', 'minute'], positions)
  const { kind, targets } = row
  if (kind.startsWith('broker-') || kind.endsWith('-holder')) {
    if (targets !== undefined) {
      throw positions.error([...path, 'targets'], `a ${kind} finds its target itself`, 'Expected no targets')
    }
    if (row.probability !== undefined || row.trace !== undefined) {
      throw positions.error(path, `a ${kind} strikes no chosen devices`, 'Expected at, every or rate')
    }
  } else if (targets === 'coordinator') {
    if (!HOLDER_KINDS.includes(kind) || row.probability !== undefined || row.trace !== undefined) {
      const remedy = `Expected one of the kinds ${HOLDER_KINDS.join(', ')}, with at, every or rate`
      throw positions.error([...path, 'targets'], `a ${kind} cannot be aimed at the coordinator so`, remedy)
    }
  } else checkTargets(targets, [...path, 'targets'], scenario.fleet, positions)
}

function checkTargets(
  targets: Targets | undefined,
  path: Path,
  fleet: readonly DeviceClass[],
  positions: Positions,
): void {
  if (targets === undefined) return
  const { class: name, devices, count, fraction } = targets
  const found = fleet.find((row) => row.class === name)
  if (name !== undefined && (found === undefined || found.count === 0)) {
    const remedy = `Expected one of: ${fleet.map((row) => row.class).join(', ')}`
    throw positions.error([...path, 'class'], `there is no device of class ${name}`, remedy)
  }
  if (count !== undefined && fraction !== undefined) {
    throw positions.error(path, 'both count and fraction say how many', 'Expected one of the two')
  }
  if (devices === undefined) return
  if (name !== undefined)
    throw positions.error(path, 'both class and devices say who', 'Expected one of the two')
  const known = new Set(fleet.flatMap(namesOf))
  for (const [n, device] of devices.entries()) {
    if (!known.has(device)) {
      throw positions.error(
        [...path, 'devices', n],
        `there is no device ${device}`,
        'Expected a name like CLASS-1',
      )
    }
  }
}

/** Times are within the run, and a beginning is before its end. */
function checkTimes<Row extends Readonly<Record<string, unknown>>>(
  row: Row,
  path: Path,
  keys: readonly string[],
  durationMs: number,
  positions: Positions,
): void {
  for (const key of keys) {
    const text = row[key] as string | undefined
    if (text !== undefined && ms(text, 0) > durationMs) {
      throw positions.error(
        [...path, key],
        `${text} is after the end of the run`,
        `Expected at most ${durationMs / 1000}s`,
      )
    }
  }
  const [from, to] = [row['from'], row['to']] as (string | undefined)[]
  if (to !== undefined && ms(to, 0) < ms(from, 0)) {
    throw positions.error(
      [...path, 'to'],
      `it ends at ${to}, before it begins at ${from}`,
      'Expected from before to',
    )
  }
}

function checkAboveZero(
  row: Readonly<Record<string, unknown>>,
  path: Path,
  keys: readonly string[],
  positions: Positions,
): void {
  for (const key of keys) {
    const text = row[key] as string | undefined
    if (text !== undefined && ms(text, 0) <= 0) {
      throw positions.error([...path, key], `${key} is ${text}`, 'Expected a duration above 0')
    }
  }
}
