/** The simulator's benchmark: fleets of three sizes, an hour with faults, and how fast the fuzzer is. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FuzzRate } from './fuzz-case.ts'
import type { SimCase, SimResult } from './sim-case.ts'

const HEAP_MB = 8_192
const OUTPUT_BYTES_MAX = 1 << 20
const CORES = 2

export interface SimReport {
  readonly runs: readonly SimResult[]
  readonly fuzz: FuzzRate
}

const second = 1_000
const hour = 3_600 * second

/** A fleet under a light load, for what a device costs by itself. */
const fleet = (seed: string, devices: number, simulatedMs: number): SimCase => ({
  name: `${devices} devices`,
  seed,
  devices,
  tasks: devices / 2,
  faults: 0,
  // Measured is a fleet that runs, not one that connects: a thousand agents a second at most.
  startMs: Math.max(20, devices / 1_000) * second,
  simulatedMs,
})

/** The cases of a full or a quick benchmark. */
export function simCases(seed: string, quick: boolean): SimCase[] {
  const simulatedMs = (quick ? 20 : 60) * second
  const sizes = quick ? [1_000, 4_000] : [1_000, 10_000, 100_000]
  const loaded = { seed, startMs: 20 * second, devices: 1_000 }
  return [
    ...sizes.map((devices) => fleet(seed, devices, simulatedMs)),
    quick
      ? { ...loaded, name: '1000, faults', tasks: 2_000, faults: 2, simulatedMs: 72 * second }
      : { ...loaded, name: '1000, faults', tasks: 100_000, faults: 100, simulatedMs: hour },
  ]
}

function child<T>(program: string, options: object): T {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const argv = [`--max-old-space-size=${HEAP_MB}`, path, JSON.stringify(options)]
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  return JSON.parse(
    execFileSync(process.execPath, argv, { stdio, maxBuffer: OUTPUT_BYTES_MAX }).toString(),
  ) as T
}

/** Runs all cases one after another, each in its own process; `tell` hears of each when it is done. */
export function runSimBench(seed: string, quick: boolean, tell: (line: string) => void): SimReport {
  const runs = simCases(seed, quick).map((simCase) => {
    const result = child<SimResult>('sim-case.js', simCase)
    tell(`${simCase.name}: ${(result.wallMs / second).toFixed(0)} s, hash ${result.hash}`)
    return result
  })
  const fuzz = child<FuzzRate>('fuzz-case.js', { seed, cases: quick ? 6 : 60 })
  return { runs, fuzz }
}

/** CPU in microseconds of a device for a simulated second. */
export const deviceSecondUs = ({ case: { devices, simulatedMs }, cpuMs }: SimResult): number =>
  (cpuMs * 1_000) / (devices * (simulatedMs / second))

/** How many times what the smallest fleet's device-second costs another's does; `undefined` beside faults. */
export const growth = (run: SimResult, smallest: SimResult | undefined): number | undefined =>
  smallest === undefined || run.case.faults > 0 ? undefined : deviceSecondUs(run) / deviceSecondUs(smallest)

/** Runs that so many cores do in a minute, when each has a core to itself. */
export const fuzzRunsPerMinute = ({ cases, cpuMs }: FuzzRate): number => (CORES * 60 * second * cases) / cpuMs
