/**
 * Eight unlike devices as they stand in a home, a workshop or a small office, for workflows that were recorded on
 * servers. A speed is that of one core beside a core of those servers, about as single-core benchmarks have it.
 * How each is connected is drawn: some by cable, some by radio.
 */
import type { GraphDevice, Link } from '../agent/planning/graphs/problem.ts'
import { Random } from '../shared/random/random.ts'

export interface FleetDevice extends GraphDevice {
  readonly memoryMib: number
  /** To all others, the slower of both ends counting. */
  readonly mbitPerSecond: number
  /** To all others, both ends counting together. */
  readonly latencyMs: number
}

const KINDS: readonly Pick<FleetDevice, 'id' | 'speed' | 'memoryMib'>[] = [
  { id: 'pi-zero-2', speed: 0.1, memoryMib: 512 },
  { id: 'pi-3', speed: 0.12, memoryMib: 1_024 },
  { id: 'jetson-nano', speed: 0.2, memoryMib: 4_096 },
  { id: 'pi-4', speed: 0.25, memoryMib: 4_096 },
  { id: 'pi-5', speed: 0.65, memoryMib: 8_192 },
  { id: 'mini-pc', speed: 1, memoryMib: 16_384 },
  { id: 'laptop', speed: 1.9, memoryMib: 16_384 },
  { id: 'workstation', speed: 2.4, memoryMib: 65_536 },
]

/** Every order of magnitude is as likely as the next. */
const MBIT_MIN = 10
const MBIT_MAX = 1_000
const LATENCY_MS_MAX = 25
const BYTES_PER_MBIT = 125_000

export function edgeFleet(random: Random): FleetDevice[] {
  return KINDS.map((kind) => ({
    ...kind,
    mbitPerSecond: Math.round(MBIT_MIN * (MBIT_MAX / MBIT_MIN) ** random.float()),
    latencyMs: 1 + random.below(LATENCY_MS_MAX),
  }))
}

/** Between any two devices, in bytes a second. */
export function linksOf(fleet: readonly FleetDevice[]): Link[] {
  return fleet.flatMap((a, at) =>
    fleet.slice(at + 1).map((b) => ({
      ...{ from: a.id, to: b.id },
      bandwidth: Math.min(a.mbitPerSecond, b.mbitPerSecond) * BYTES_PER_MBIT,
      latencySeconds: (a.latencyMs + b.latencyMs) / 1_000,
    })),
  )
}

/** A program runs on a device up to so many times faster or slower than its speed says. */
export const FACTOR_MAX = 2

/** By how much longer a program takes on a device than its speed says: the same for the same names and seed. */
export function slowdown(seed: string, program: string, device: string): number {
  return FACTOR_MAX ** new Random(`${seed}/${program}/${device}`).between(-1, 1)
}
