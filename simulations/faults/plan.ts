/**
 * A plan of faults: what goes wrong, when, for how long, and for whom. It is drawn from a seed and is plain data, so
 * that a failing run can be repeated with fewer faults.
 */
import type { Random } from '../../shared/random/random.ts'
import { MOMENT_WEIGHTS, type Moment } from './moments.ts'

/** Every kind of fault, and how often it is drawn in relation to the others; never with 0. */
export const FAULT_WEIGHTS = {
  /** The agent's process is killed and started again. */
  crash: 10,
  /** The agent is killed again and again. */
  'crash-loop': 3,
  /** The device loses its power and boots again. */
  power: 6,
  /** The device boots while it is cut off from the broker. */
  'reboot-offline': 3,
  /** The device comes back with an empty disk. */
  wipe: 2,
  /** Who holds the seat at that moment is killed, or loses power. */
  'crash-holder': 10,
  'power-holder': 4,
  /** The program stands still, clocks go on. */
  pause: 6,
  'pause-holder': 8,
  /** The device sleeps: its monotonic clock stands still. */
  suspend: 4,
  /** A group is cut off from the broker. */
  partition: 8,
  'partition-holder': 6,
  /** Links are clogged one after another, and freed in another order. */
  swizzle: 4,
  /** One direction alone is cut. */
  'one-way': 4,
  'one-way-holder': 4,
  /** Existing connections are dead without anybody knowing. */
  'half-open': 4,
  'half-open-holder': 3,
  /** The seat's connection dies, with what is under way in it. */
  'seat-lost-holder': 5,
  /** The holder's own connection as a device dies, and the seat's stays. */
  'copy-lost-holder': 4,
  /** Connections are reset again and again. */
  flap: 4,
  'slow-link': 4,
  /** Each connection has a delay of its own, so that what is sent on one overtakes another. */
  'uneven-link': 4,
  /** The broker sends QoS 1 messages a second time. */
  redelivery: 3,
  /**
   * The broker drops QoS 0 messages for a client that reads too slowly. Not drawn: a copy of the mesh that misses a
   * status so is taken for complete, and a coordinator that misses a spec so does not know of it.
   */
  'slow-consumer': 0,
  /** The broker answers nobody for a while. */
  'broker-stall': 3,
  /** The broker dies and starts again with its store. */
  'broker-restart': 5,
  /** The broker is stopped in order and started again; of a cluster one server after another. */
  'broker-upgrade': 2,
  /** The broker starts again without its store: no guarantee covers what it had acknowledged. */
  'broker-wipe': 1,
  'disk-slow': 3,
  'disk-full': 3,
  /** The wall clock is set. */
  'clock-jump': 3,
  /** The device computes slowly and so does its agent. */
  'slow-device': 3,
  /** The device is busy with what nobody placed there. */
  busy: 2,
  /** The agent is stopped in order and started again. */
  leave: 4,
  /** Many devices go at once and come back together. */
  'mass-departure': 2,
} as const satisfies Record<string, number>

export type FaultKind = keyof typeof FAULT_WEIGHTS

export interface Fault {
  /** Names it within the plan; randomness of its own comes from it, so that others can be left out. */
  readonly id: number
  readonly kind: FaultKind
  readonly atMs: number
  readonly durationMs: number
  /** Device ids; empty where the kind finds its target itself. */
  readonly targets: readonly string[]
  /** How strong it is; what that means depends on the kind. */
  readonly size: number
  /** From `atMs` on it waits for this moment, and strikes then. */
  readonly upon?: Moment
}

export interface PlanOptions {
  readonly faults: number
  /** Faults begin within this time and have ended by its end, in milliseconds; those that wait for a moment later. */
  readonly overMs: number
  readonly durationMsMean: number
  readonly durationMsMax: number
  readonly devices: readonly string[]
  /** Kinds that are not drawn. */
  readonly without?: readonly FaultKind[]
}

const KINDS = Object.keys(FAULT_WEIGHTS) as FaultKind[]
const MOMENTS = Object.keys(MOMENT_WEIGHTS) as Moment[]
const MOMENTS_WEIGHT = MOMENTS.reduce((sum, moment) => sum + MOMENT_WEIGHTS[moment], 0)

/** Of all kinds, how many a plan leaves out on average. */
const LEFT_OUT = 0.5
/** Of all faults, how many wait for a moment. */
const UPON_A_MOMENT = 0.4

/**
 * Draws a plan, ordered by time. A plan has some kinds often rather than all kinds seldom: what breaks under many
 * killed coordinators is not seen when every second fault is of another kind (Groce et al., "Swarm Testing", 2012).
 */
export function drawPlan(random: Random, options: PlanOptions): Fault[] {
  const allowed = KINDS.filter((kind) => FAULT_WEIGHTS[kind] > 0 && options.without?.includes(kind) !== true)
  const drawn = allowed.filter(() => !random.chance(LEFT_OUT))
  const kinds = drawn.length > 0 ? drawn : allowed
  const weight = kinds.reduce((sum, kind) => sum + FAULT_WEIGHTS[kind], 0)
  const moments = random.fork('moments')
  const faults = Array.from({ length: options.faults }, (_, id): Fault => {
    const kind = pick(kinds, FAULT_WEIGHTS, random.below(weight))
    const durationMs = Math.round(Math.min(random.exponential(options.durationMsMean), options.durationMsMax))
    const atMs = Math.round(random.between(0, Math.max(0, options.overMs - durationMs)))
    return {
      id,
      kind,
      atMs,
      durationMs,
      targets: drawTargets(random, kind, options.devices),
      size: random.float(),
      ...(moments.chance(UPON_A_MOMENT)
        ? { upon: pick(MOMENTS, MOMENT_WEIGHTS, moments.below(MOMENTS_WEIGHT)) }
        : {}),
    }
  })
  return faults.sort((a, b) => a.atMs - b.atMs || a.id - b.id)
}

function pick<Name extends string>(
  names: readonly Name[],
  weights: Readonly<Record<Name, number>>,
  ticket: number,
): Name {
  let left = ticket
  for (const name of names) {
    left -= weights[name]
    if (left < 0) return name
  }
  throw new RangeError(`nothing for ticket ${ticket}`)
}

/** Kinds that strike groups of any size. */
const OF_GROUPS: readonly FaultKind[] = ['partition', 'swizzle', 'one-way']

function drawTargets(random: Random, kind: FaultKind, devices: readonly string[]): string[] {
  if (kind.endsWith('-holder') || kind.startsWith('broker-')) return []
  const shuffled = random.shuffle([...devices])
  if (kind === 'mass-departure') return shuffled.slice(0, Math.ceil(devices.length * random.between(0.4, 1)))
  if (OF_GROUPS.includes(kind)) return shuffled.slice(0, 1 + random.below(Math.max(1, devices.length - 1)))
  return shuffled.slice(0, random.chance(0.8) ? 1 : 1 + random.below(3))
}

/** A fault in a few words. */
export function describeFault(fault: Fault): string {
  const { id, kind, targets, upon } = fault
  const whom = targets.length === 0 ? '' : ` ${targets.join(',')}`
  const when = `${upon === undefined ? 'at' : `upon ${upon} after`} ${(fault.atMs / 1000).toFixed(1)}s`
  return `#${id} ${kind}${whom} ${when} for ${(fault.durationMs / 1000).toFixed(1)}s`
}
