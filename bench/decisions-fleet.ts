/** A fleet of unlike devices that is mostly full, and the kinds of tasks that come to it. */
import { DeviceRecord, type Placement } from '../agent/coordinator/device-record.ts'
import { fits } from '../shared/model/resources.ts'
import { type Demand, demandOf } from '../shared/model/task.ts'
import type { DeviceLoad, TaskSpec } from '../shared/protocol/schemas/index.ts'
import type { Random } from '../shared/random/random.ts'

/** Share of what there is that is reserved at first, on average, and how far devices are from it. */
export const FULL = 0.8
const FULL_SPREAD = 0.2
/** A device is full when so many tasks have not fitted. */
const FILL_MISSES_MAX = 8
const LABEL_KEYS = 20
/** Kinds of tasks that can run, and that never can. */
const FEASIBLE_KINDS = 54
const INFEASIBLE_KINDS = 6
const MILLI = 1_000
const MEBI = 2 ** 20

/** Cores and MiB. */
const MODELS: readonly (readonly [number, number])[] = [
  [2, 1_024],
  [4, 4_096],
  [4, 8_192],
  [8, 16_384],
  [16, 65_536],
]

export interface Kind {
  readonly spec: TaskSpec
  /** The spec as JSON. */
  readonly text: string
  readonly demand: Demand
  /** Devices that could take it if they were empty. */
  readonly able: readonly DeviceRecord[]
}

export interface Running {
  readonly device: DeviceRecord
  readonly placement: Placement
}

export interface FullFleet {
  readonly devices: readonly DeviceRecord[]
  readonly feasible: readonly Kind[]
  readonly infeasible: readonly Kind[]
  /** All that is placed. */
  readonly running: Running[]
}

/** The number of values of a label: from two on, some have many. */
const valuesOf = (key: number): number => 2 + ((key * key) % 19)
const keyName = (key: number): string => `label${key}`

export function fullFleet(size: number, random: Random): FullFleet {
  const devices = Array.from({ length: size }, (_, index) => newDevice(`d${index}`, random))
  const feasible: Kind[] = []
  while (feasible.length < FEASIBLE_KINDS) {
    const kind = kindOf(newSpec(random), devices)
    if (kind.able.length > 0) feasible.push(kind)
  }
  const infeasible = Array.from({ length: INFEASIBLE_KINDS }, (_, index) =>
    kindOf(infeasibleSpec(index, random), devices),
  )
  const running: Running[] = []
  for (const device of devices) fill(device, feasible, running, random)
  for (const device of devices) heartbeat(device, random)
  return { devices, feasible, infeasible, running }
}

function newDevice(id: string, random: Random): DeviceRecord {
  const [cores, mebi] = MODELS[random.below(MODELS.length)] as readonly [number, number]
  const labels: Record<string, string> = {}
  for (let key = 0; key < LABEL_KEYS; key++) labels[keyName(key)] = `v${random.below(valuesOf(key))}`
  const device = new DeviceRecord(
    id,
    {
      incarnation: 1,
      nonce: id,
      online: true,
      labels,
      version: '1',
      candidate: 'auto',
      capacity: { cpu: cores, memory: `${mebi}Mi` },
      executors: random.chance(0.5) ? ['exec', 'container'] : ['exec'],
    },
    0,
  )
  device.reportedNonce = id
  return device
}

function newSpec(random: Random): TaskSpec {
  const where: Record<string, string> = {}
  for (let labels = random.below(4); labels > 0; labels--) {
    const key = random.below(LABEL_KEYS)
    where[keyName(key)] = `v${random.below(valuesOf(key))}`
  }
  return {
    run: random.chance(0.2) ? { container: { image: 'survey' } } : { exec: ['survey'] },
    resources: {
      cpu: `${100 * (1 + random.below(15))}m`,
      memory: `${128 * (1 + random.below(16))}Mi`,
    },
    ...(Object.keys(where).length === 0 ? {} : { where }),
  }
}

/** Too large for any device, of a label that none has, or both. */
function infeasibleSpec(index: number, random: Random): TaskSpec {
  const spec = newSpec(random)
  const large = { resources: { cpu: `${32 + index}`, memory: '64Mi' } }
  const nowhere = { where: { ...spec.where, [keyName(0)]: `none${index}` } }
  return { ...spec, ...(index % 3 === 0 ? {} : large), ...(index % 3 === 1 ? {} : nowhere) }
}

function kindOf(spec: TaskSpec, devices: readonly DeviceRecord[]): Kind {
  const demand = demandOf(spec)
  const where = Object.entries(spec.where ?? {})
  const able = devices.filter(
    ({ state, labels, capacity }) =>
      state.executors.includes(demand.executor) &&
      where.every(([key, value]) => labels[key] === value) &&
      fits(demand.resources, capacity),
  )
  return { spec, text: JSON.stringify(spec), demand, able }
}

/** Places tasks on the device until its scarcest resource is as full as it shall be. */
function fill(device: DeviceRecord, kinds: readonly Kind[], running: Running[], random: Random): void {
  const most = FULL - FULL_SPREAD + 2 * FULL_SPREAD * random.float()
  for (let misses = 0; misses < FILL_MISSES_MAX; ) {
    const { resources } = (kinds[random.below(kinds.length)] as Kind).demand
    const room = Object.keys(resources).every((name) => {
      const reserved = (device.reserved[name] ?? 0) + (resources[name] as number)
      return reserved <= most * (device.capacity[name] as number)
    })
    if (room) running.push(place(device, `t${running.length}`, resources))
    else misses++
  }
}

/** Reserves room for a task, as the coordinator does. */
export function place(device: DeviceRecord, task: string, resources: Placement['resources']): Running {
  const attempt = { term: 1, agent: 'bench', n: 1 }
  const placement: Placement = { key: task, attempt, task, resources, seq: 1, phase: 'held' }
  device.add(placement)
  return { device, placement }
}

/** The device measures its load: what runs there takes from half to all of what it asked for. */
export function heartbeat(device: DeviceRecord, random: Random): void {
  const used = 0.5 + random.float() / 2
  const { reserved, capacity } = device
  const load: DeviceLoad = {
    incarnation: 1,
    nonce: device.id,
    seq: 1,
    inboxSeq: 1,
    heldDigest: '',
    highestTerm: { term: 1, agent: 'bench' },
    cpu: (used * (reserved['cpu'] ?? 0)) / MILLI,
    memoryUsed: (used * (reserved['memory'] ?? 0)) / MILLI,
    memoryTotal: (capacity['memory'] ?? MEBI) / MILLI,
  }
  // Nothing is hot here: closed devices would be fewer decisions to make.
  device.measured(load, Number.POSITIVE_INFINITY, 0)
}
