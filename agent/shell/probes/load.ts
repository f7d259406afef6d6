/** What the device measures of itself with each heartbeat. */
import type { Measured } from '../../../shared/ports.ts'
import { readBattery } from './battery.ts'
import { countedCores, createCpuProbe } from './cpu.ts'
import { readDisk } from './disk.ts'
import { readMemory } from './memory.ts'
import { type Roots, SYSTEM_ROOTS } from './roots.ts'
import { readUptime } from './system.ts'
import { readTemperature } from './temperature.ts'

/** Sensors hang on slow buses and change slowly. */
const SENSORS_EVERY_MS = 10_000

/** What is in use, and what there is of it. */
export type Taken = Pick<Measured, 'cpu' | 'cpuTotal' | 'memoryUsed' | 'memoryTotal'>

/** A probe of the whole machine. `cpu` is the mean since the call before, so the first call has none. */
function createMachineProbe(roots: Roots, nowMs: () => number): () => Taken {
  const cpuProbe = createCpuProbe(roots, nowMs)
  const cpuTotal = countedCores(roots)
  return () => {
    const cpu = cpuProbe()
    const memory = readMemory(roots)
    return {
      ...(cpu === undefined ? {} : { cpu: Math.round(cpu * 1000) / 1000, cpuTotal }),
      ...(memory.usedBytes === undefined ? {} : { memoryUsed: memory.usedBytes }),
      memoryTotal: memory.totalBytes,
    }
  }
}

/**
 * A probe of one device.
 *
 * @param nowMs a monotonic clock
 * @param taken what is in use; by default on the whole machine
 */
export function createLoadProbe(
  dataFolder: string,
  roots: Roots = SYSTEM_ROOTS,
  nowMs: () => number = () => performance.now(),
  taken: () => Taken = createMachineProbe(roots, nowMs),
): () => Measured {
  taken()
  let sensors: Pick<Measured, 'temperature' | 'battery'> = {}
  let sensedMs = Number.NEGATIVE_INFINITY
  return () => {
    if (nowMs() - sensedMs >= SENSORS_EVERY_MS) {
      sensors = readSensors(roots)
      sensedMs = nowMs()
    }
    return {
      ...taken(),
      ...readFree(dataFolder),
      uptime: Math.floor(readUptime(roots)),
      ...sensors,
    }
  }
}

/** A heartbeat must not fail because the folder's disk was pulled out; the journal will tell. */
function readFree(folder: string): Pick<Measured, 'diskFree'> {
  try {
    return { diskFree: readDisk(folder).freeBytes }
  } catch {
    return {}
  }
}

function readSensors(roots: Roots): Pick<Measured, 'temperature' | 'battery'> {
  const temperature = readTemperature(roots)
  const battery = readBattery(roots)
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(battery === undefined ? {} : { battery }),
  }
}
