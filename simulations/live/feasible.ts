/** What of a scenario can be carried out on this machine for real; what cannot is refused before anything starts. */
import { execFileSync } from 'node:child_process'
import { basename } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { FaultKind } from '../faults/plan.ts'
import { Positions } from '../scenario/positions.ts'
import { deviceCount, ms, type Scenario } from '../scenario/scenario.ts'

/** Faults that a live run carries out; the others would need clocks, disks or networks of their own. */
export const LIVE_FAULTS: readonly FaultKind[] = [
  'crash',
  'crash-holder',
  'leave',
  'broker-stall',
  'broker-restart',
]

export const LIVE_BROKERS = ['covey', 'mosquitto'] as const
export type LiveBrokerName = (typeof LIVE_BROKERS)[number]

/** Files of a process beside its connections: programs, logs, journals that are being written. */
const FILES_BESIDE = 256
/** Of a device whose tasks run: their output comes through pipes. */
const FILES_A_TASK = 3
const TASKS_AT_ONCE = 64

/** The scenario as it will run, and the text that it was read from. */
export interface LiveScenario {
  readonly scenario: Scenario
  readonly text: string
  /** The file's name, or the library's. */
  readonly name: string
}

/**
 * The broker that the scenario will run on.
 *
 * @throws CoveyError E_SCENARIO that names the line of what cannot be carried out, E_USAGE for what this machine lacks
 */
export function checkFeasible({ scenario, text, name }: LiveScenario, written: Scenario): LiveBrokerName {
  const broker = LIVE_BROKERS.find((known) => known === scenario.variant)
  if (broker === undefined) {
    throw new CoveyError('E_USAGE', `no broker ${scenario.variant} can be started for a live run`, {
      remedy: `Use --variant with one of: ${LIVE_BROKERS.join(', ')}`,
    })
  }
  const positions = new Positions(text, basename(name))
  for (const [n, row] of written.faults.entries()) {
    // What an earlier end leaves out need not be possible.
    if (!scenario.faults.includes(row)) continue
    if (row.upon !== undefined) {
      throw positions.error(['faults', n, 'upon'], 'a live run waits for no moment', 'Expected no upon')
    }
    const kind = row.targets === 'coordinator' ? `${row.kind}-holder` : row.kind
    if ((LIVE_FAULTS as readonly string[]).includes(kind)) continue
    throw positions.error(
      ['faults', n, 'kind'],
      `a live run cannot carry out ${JSON.stringify(kind)}`,
      `Expected one of: ${LIVE_FAULTS.join(', ')}; covey sim run carries out all`,
    )
  }
  checkFiles(deviceCount(scenario.fleet) + scenario.submitters)
  return broker
}

/**
 * Measured is one process of the broker, from one moment to another.
 *
 * @throws CoveyError E_SCENARIO that names the line of a fault that ends that process
 */
export function checkMeasurable({ scenario, text, name }: LiveScenario, written: Scenario): void {
  for (const [n, row] of written.faults.entries()) {
    if (row.kind !== 'broker-restart' || !scenario.faults.includes(row)) continue
    throw new Positions(text, basename(name)).error(
      ['faults', n, 'kind'],
      'a broker that is started again cannot be measured',
      'Expected no broker-restart; run it without --calibrate',
    )
  }
}

/** What live devices have from the machine, whatever the scenario says of it. */
export function notCarriedOut({ fleet }: Scenario): string[] {
  const set = (value: string | undefined): boolean => value !== undefined && ms(value, 0) > 0
  return [
    ...(fleet.some(({ latency }) => set(latency)) ? ['latency'] : []),
    ...(fleet.some(({ jitter }) => set(jitter)) ? ['jitter'] : []),
    ...(fleet.some(({ drift }) => drift !== undefined && drift > 0) ? ['drift'] : []),
    ...(fleet.some(({ speed = 1 }) => speed !== 1) ? ['speed'] : []),
  ]
}

function checkFiles(connections: number): void {
  const needed = connections + FILES_BESIDE + FILES_A_TASK * TASKS_AT_ONCE
  const allowed = filesAllowed()
  if (allowed >= needed) return
  throw new CoveyError(
    'E_USAGE',
    `${connections} connections need ${needed} open files in a process, ${allowed} are allowed`,
    { remedy: `Raise the limit with ulimit -n ${needed}, or use fewer --devices` },
  )
}

/** Node raises its own limit to the hard one, and what it starts has that too. */
function filesAllowed(): number {
  const text = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8', timeout: 5_000 }).trim()
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text)
}
