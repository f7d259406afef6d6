/** Measures the machine during a live run: from counters of the hosts, of the broker's process and of the onlooker. */
import { CALIBRATION_VERSION, type Calibration } from '../scenario/calibration.ts'
import { BusyTime } from './busy-time.ts'
import type { Onlooker } from './onlooker.ts'
import type { Swarm } from './swarm.ts'

const US_PER_MS = 1000

export class Measurement {
  readonly #swarm: Swarm
  readonly #onlooker: Onlooker
  readonly #broker: BusyTime
  #messages = 0

  /** @param brokerPid the broker's process */
  constructor(swarm: Swarm, onlooker: Onlooker, brokerPid: number) {
    this.#swarm = swarm
    this.#onlooker = onlooker
    this.#broker = new BusyTime(brokerPid)
  }

  /** What was before does not count. */
  async begin(): Promise<void> {
    this.#broker.takeMs()
    this.#messages = this.#onlooker.messages
    this.#onlooker.takeTimes()
    await this.#swarm.figures()
  }

  async end(head: Pick<Calibration, 'scenario' | 'broker' | 'devices'>): Promise<Calibration> {
    const brokerMs = this.#broker.takeMs()
    const messages = this.#onlooker.messages - this.#messages
    const times = this.#onlooker.takeTimes()
    const roundTripMs = sorted(times.roundTripMs)
    const hosts = await this.#swarm.figures()
    const hostMs = sum(hosts.map(({ busyMs }) => busyMs))
    const packets = sum(hosts.map((host) => host.packets))
    const disk = uniform(hosts.flatMap(({ syncMs }) => syncMs))
    const start = uniform(hosts.flatMap(({ startMs }) => startMs))
    const leastMs = at(roundTripMs, 0.1) / 2
    const wayMs = at(roundTripMs, 0.5)
    const store = uniform(times.storeMs.map((ms) => Math.max(0, ms - wayMs)))
    return {
      version: CALIBRATION_VERSION,
      ...head,
      linkMs: rounded(leastMs),
      // Of an exponential addition the median is ln 2 of the mean. What comes by queueing is the processors'.
      linkJitterMs: rounded((wayMs / 2 - leastMs) / Math.LN2),
      brokerPacketUs: rounded((brokerMs * US_PER_MS) / Math.max(1, packets + messages)),
      hostPacketUs: rounded((hostMs * US_PER_MS) / Math.max(1, packets)),
      hosts: hosts.length,
      brokerStoreMsMin: rounded(store.min),
      brokerStoreMsMax: rounded(store.max),
      diskSyncMsMin: rounded(disk.min),
      diskSyncMsMax: rounded(disk.max),
      processStartMsMin: rounded(start.min),
      processStartMsMax: rounded(start.max),
    }
  }
}

/** The even spread that has the same mean and nearly the same least value. */
function uniform(values: readonly number[]): { readonly min: number; readonly max: number } {
  if (values.length === 0) return { min: 0, max: 0 }
  const min = at(sorted(values), 0.05)
  return { min, max: Math.max(min, (2 * sum(values)) / values.length - min) }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b)
const at = (values: readonly number[], share: number): number =>
  values[Math.floor(share * (values.length - 1))] ?? 0
const rounded = (value: number): number => Math.round(value * 1000) / 1000
