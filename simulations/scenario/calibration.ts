/**
 * A calibration: what a live run has measured of a machine, so that a simulated run can stand for that machine. It is
 * a JSON file with the unit last in each name.
 */
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Machine } from '../world.ts'

export const CALIBRATION_VERSION = 1

export interface Calibration {
  readonly version: typeof CALIBRATION_VERSION
  /** Scenario and broker of the live run that it was measured in. */
  readonly scenario: string
  readonly broker: string
  readonly devices: number
  /** Least time of a message in one direction, and the mean of what comes to it. */
  readonly linkMs: number
  readonly linkJitterMs: number
  /** What a packet costs the broker, and a process that hosts agents, waiting for a processor included. */
  readonly brokerPacketUs: number
  readonly hostPacketUs: number
  /** How many processes host the agents. */
  readonly hosts: number
  /** How long the broker takes longer to acknowledge what it retains. */
  readonly brokerStoreMsMin: number
  readonly brokerStoreMsMax: number
  readonly diskSyncMsMin: number
  readonly diskSyncMsMax: number
  readonly processStartMsMin: number
  readonly processStartMsMax: number
}

const NUMBERS = [
  'devices',
  'linkMs',
  'linkJitterMs',
  'brokerPacketUs',
  'hostPacketUs',
  'hosts',
  'brokerStoreMsMin',
  'brokerStoreMsMax',
  'diskSyncMsMin',
  'diskSyncMsMax',
  'processStartMsMin',
  'processStartMsMax',
] as const satisfies readonly (keyof Calibration)[]
const LARGEST = 1e6

/**
 * Reads a calibration.
 *
 * @param file its name, for messages
 * @throws CoveyError E_USAGE that names what is wrong
 */
export function readCalibration(text: string, file: string): Calibration {
  let value: Partial<Record<keyof Calibration, unknown>> | null
  try {
    value = JSON.parse(text) as typeof value
  } catch (error) {
    throw wrong(file, (error as Error).message)
  }
  if (value?.version !== CALIBRATION_VERSION) {
    throw wrong(file, `its version is ${JSON.stringify(value?.version)}, not ${CALIBRATION_VERSION}`)
  }
  for (const name of NUMBERS) {
    const number = value[name]
    if (typeof number === 'number' && number >= 0 && number <= LARGEST) continue
    throw wrong(file, `${name} is ${JSON.stringify(number)}, not a number from 0 to ${LARGEST}`)
  }
  if (!Number.isInteger(value.hosts) || value.hosts === 0) throw wrong(file, 'hosts is no count')
  return value as Calibration
}

/** The machine that it describes. */
export function machineOf(calibration: Calibration): Machine {
  const { linkMs, linkJitterMs, brokerPacketUs, hostPacketUs, hosts } = calibration
  const { brokerStoreMsMin, brokerStoreMsMax } = calibration
  const { diskSyncMsMin, diskSyncMsMax, processStartMsMin, processStartMsMax } = calibration
  return {
    latency: { baseMs: linkMs, jitterMs: linkJitterMs },
    brokerPacketUs,
    hostPacketUs,
    hosts,
    brokerStoreMs: { min: brokerStoreMsMin, max: brokerStoreMsMax },
    diskSyncMs: { min: diskSyncMsMin, max: diskSyncMsMax },
    processStartMs: { min: processStartMsMin, max: processStartMsMax },
  }
}

function wrong(file: string, message: string): CoveyError {
  return new CoveyError('E_USAGE', `${file} is no calibration: ${message}`, {
    remedy: 'Name a file that covey sim live --calibrate has written',
  })
}
