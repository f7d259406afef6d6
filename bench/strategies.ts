/**
 * Strategies side by side: the scheduler fills fleets of unlike devices with unlike tasks, by each of them and the same
 * tasks in the same order. What is asked of a strategy differs, so several things are measured: how even the fleet is
 * while there is room, how many devices are in use then, and how much of the fleet comes to be used when more is asked
 * for than there is. Auctions need devices that bid; they are measured in the simulator.
 */
import { DeviceRecord } from '../agent/coordinator/device-record.ts'
import { Scheduler } from '../agent/coordinator/scheduler/scheduler.ts'
import { STRATEGY } from '../agent/coordinator/scheduler/strategies.ts'
import { newTask, type TaskRecord } from '../agent/coordinator/task-record.ts'
import { demandOf } from '../shared/model/task.ts'
import type { ObjectiveName, StrategyName, TaskSpec } from '../shared/protocol/schemas/index.ts'
import { Random } from '../shared/random/random.ts'
import { place } from './decisions-fleet.ts'
import { table } from './table.ts'

/** What is compared: every strategy, and for those that go by an objective several. */
const RUNS: readonly (readonly [StrategyName, ObjectiveName])[] = [
  ['greedy', 'peak'],
  ['greedy', 'spread'],
  ['best-fit', 'packing'],
  ['dot-product', 'peak'],
  ['heuristic', 'peak'],
  ['heuristic', 'packing'],
  ['dp', 'peak'],
  ['dp', 'packing'],
  ['genetic', 'peak'],
  ['genetic', 'packing'],
]
const FLEETS = 10
const DEVICES = 40
/** Tasks that come at a time. */
const BATCH = 8
/** What is asked for in all, as a share of the fleet's scarcest resource, and while there is room everywhere. */
const DEMAND = 1.3
const EARLY = 0.3
const US_A_SECOND = 1_000_000

/** Cores and MiB: boards, a mini PC, a laptop, a workstation. */
const MODELS: readonly (readonly [number, number])[] = [
  [4, 512],
  [4, 4_096],
  [4, 8_192],
  [6, 8_192],
  [8, 16_384],
  [12, 16_384],
  [16, 65_536],
]
/** What tasks ask for, in milli-cores and MiB, and how often: sensors, services, builds, databases, training. */
const KINDS: readonly (readonly [number, number, number])[] = [
  [100, 64, 8],
  [500, 128, 6],
  [1_000, 1_024, 4],
  [3_000, 512, 3],
  [500, 3_072, 3],
  [2_000, 6_144, 2],
  [6_000, 12_288, 1],
]

/** Each as often as it comes. */
const DRAWN = KINDS.flatMap((kind) => Array.from({ length: kind[2] }, () => kind))

export interface StrategyRow {
  readonly strategy: StrategyName
  readonly objective: ObjectiveName
  /** While there is room: the greatest share reserved of any resource of any device, and devices in use. */
  readonly peak: number
  readonly used: number
  /** When more was asked for than there is: reserved shares of cpu and of memory. */
  readonly cpu: number
  readonly memory: number
  /** Decisions in a second of CPU; a wait is one. */
  readonly perSecond: number
}

/** Runs all of them; `tell` hears of each. The same seed gives the same figures, but for times. */
export function runStrategies(seed: string, quick: boolean, tell: (line: string) => void): StrategyRow[] {
  return RUNS.map(([strategy, objective]) => {
    const fills = Array.from({ length: quick ? 1 : FLEETS }, (_, fleet) =>
      fill(`${seed}/${fleet}`, strategy, objective),
    )
    const mean = (of: (fill: Fill) => number): number =>
      fills.reduce((sum, fill) => sum + of(fill), 0) / fills.length
    const row = {
      ...{ strategy, objective, peak: mean(({ peak }) => peak), used: mean(({ used }) => used) },
      ...{ cpu: mean(({ cpu }) => cpu), memory: mean(({ memory }) => memory) },
      perSecond: US_A_SECOND / (mean(({ us }) => us) / mean(({ tasks }) => tasks)),
    }
    tell(`${strategy} ${objective}: peak ${percent(row.peak)}, ${percent(row.cpu)} of cpu reserved`)
    return row
  })
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

export function strategiesTable(rows: readonly StrategyRow[]): string {
  return table(
    ['strategy, objective', 'peak', 'used', 'cpu', 'memory', 'per s'],
    rows.map(({ strategy, objective, peak, used, cpu, memory, perSecond }) => [
      `${strategy}, ${objective}`,
      ...[percent(peak), used.toFixed(1), percent(cpu), percent(memory), perSecond.toFixed(0)],
    ]),
  )
}

interface Fill {
  readonly peak: number
  readonly used: number
  readonly cpu: number
  readonly memory: number
  readonly us: number
  readonly tasks: number
}

function fill(seed: string, strategy: StrategyName, objective: ObjectiveName): Fill {
  const random = new Random(seed)
  const devices = Array.from({ length: DEVICES }, (_, at) => deviceOf(`d${at}`, random))
  const whole = { cpu: sum(devices, 'capacity', 'cpu'), memory: sum(devices, 'capacity', 'memory') }
  const scheduler = new Scheduler()
  scheduler.defaults.strategy = STRATEGY[strategy]
  scheduler.defaults.objective = objective
  for (const device of devices) scheduler.deviceChanged(device)
  const asked = { cpu: 0, memory: 0 }
  const share = (): number => Math.max(asked.cpu / whole.cpu, asked.memory / whole.memory)
  let [tasks, us] = [0, 0]
  let [monoMs, early] = [0, undefined as { peak: number; used: number } | undefined]
  while (share() < DEMAND) {
    const coming = Array.from({ length: BATCH }, () => taskOf(++tasks, random))
    for (const { demand } of coming) {
      asked.cpu += demand?.resources['cpu'] ?? 0
      asked.memory += demand?.resources['memory'] ?? 0
    }
    const begunUs = cpuUs()
    for (const task of coming) scheduler.enqueue(task)
    for (let pauseMs: number | undefined = 0; pauseMs !== undefined; ) {
      monoMs += pauseMs
      pauseMs = scheduler.run(
        { monoMs, wallMs: 0 },
        BATCH,
        ({ task, device }) => void place(device, task.id, task.demand?.resources ?? {}),
        (waiting) => {
          for (const task of waiting) scheduler.remove(task)
        },
      )
    }
    us += cpuUs() - begunUs
    if (early === undefined && share() >= EARLY) early = { peak: peakOf(devices), used: usedOf(devices) }
  }
  return {
    ...{ peak: early?.peak ?? 0, used: early?.used ?? 0 },
    cpu: sum(devices, 'reserved', 'cpu') / whole.cpu,
    memory: sum(devices, 'reserved', 'memory') / whole.memory,
    ...{ us, tasks },
  }
}

function deviceOf(id: string, random: Random): DeviceRecord {
  const [cores, mebi] = random.pick(MODELS)
  const state = {
    ...{ incarnation: 1, nonce: id, online: true, labels: {}, version: '1', candidate: 'auto' as const },
    ...{ capacity: { cpu: cores, memory: `${mebi}Mi` }, executors: ['exec'] },
  }
  const device = new DeviceRecord(id, state, 0)
  device.reportedNonce = id
  return device
}

function taskOf(seq: number, random: Random): TaskRecord {
  const [milli, mebi] = random.pick(DRAWN)
  const spec: TaskSpec = { run: { exec: ['work'] }, resources: { cpu: `${milli}m`, memory: `${mebi}Mi` } }
  return newTask(`t${seq}`, seq, 'digest', '', spec, demandOf(spec))
}

function sum(devices: readonly DeviceRecord[], of: 'capacity' | 'reserved', name: string): number {
  return devices.reduce((total, device) => total + (device[of][name] ?? 0), 0)
}

function peakOf(devices: readonly DeviceRecord[]): number {
  return Math.max(
    ...devices.flatMap(({ capacity, reserved }) =>
      ['cpu', 'memory'].map((name) => (reserved[name] ?? 0) / (capacity[name] as number)),
    ),
  )
}

const usedOf = (devices: readonly DeviceRecord[]): number =>
  devices.filter(({ placements }) => placements.size > 0).length

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
