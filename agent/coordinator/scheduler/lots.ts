/**
 * Lots: what is said of a shape when its tasks are up for auction, and who is asked.
 *
 * All that may have room are asked when they are few. In a larger fleet a sample of the record tells how many have room
 * and what they would bid: the floor leaves out who would hardly win, the share thins out those who would bid alike, so
 * that about as many answer as are wanted, whatever the size of the fleet.
 */
import type { Resources } from '../../../shared/model/resources.ts'
import type { Now } from '../../../shared/ports.ts'
import { LOT_TASKS_MAX, type Lot } from '../../../shared/protocol/schemas/index.ts'
import type { Random } from '../../../shared/random/random.ts'
import type { DeviceRecord } from '../device-record.ts'
import { hasRoom } from './score.ts'
import type { Shape } from './shape.ts'

/** Bids that are wanted for a lot: at least so many, and so many for each task of it. */
export const BIDS_WANTED_MIN = 24
const BIDS_FOR_A_TASK = 2
/** Of bids that are wanted of a larger number, the share that ends a round before its time. */
const ENOUGH = 2 / 3
/** Devices that are looked at for a lot. */
const SAMPLE_MAX = 256
/** A lot takes no more of a message; what would is placed without an auction. */
const LOT_BYTES_MAX = 4_096
const MILLI = 1_000
/** Floors and shares are told to so many parts of one. */
const STEPS = 10_000

export interface OpenLot {
  readonly shape: Shape
  readonly lot: Lot
  /** With so many bids nothing is to be waited for any more. */
  readonly enough: number
  /** All that have room are asked. */
  readonly asksAll: boolean
}

/**
 * The lot of a shape that has waiting tasks; `undefined` when an auction is of no use to it: nobody has room, or there are
 * many who have and who of them is the right place only the coordinator knows.
 */
export function lotOf(shape: Shape, now: Now, random: Random): OpenLot | undefined {
  const task = shape.waiting.first()?.task
  if (task === undefined) return undefined
  const count = Math.min(LOT_TASKS_MAX, shape.waiting.size + (task.array?.waiting ?? 0))
  const able = shape.eligible.length
  const begin = able > SAMPLE_MAX ? random.below(shape.eligible.words.length) : 0
  const scores: number[] = []
  let looked = 0
  for (const device of shape.eligible.from(begin)) {
    if (looked >= SAMPLE_MAX) break
    looked++
    if (mayTake(shape, device, now)) scores.push(shape.strategy.score(device, shape.resources))
  }
  if (scores.length === 0 && looked === able) return undefined
  const { where } = task.spec ?? {}
  const { functionName, executor } = shape
  const plain: Lot = {
    resources: written(shape.resources),
    executor,
    ...(functionName === undefined ? {} : { function: functionName }),
    ...(where === undefined ? {} : { where }),
    count,
  }
  if (where !== undefined && JSON.stringify(plain).length > LOT_BYTES_MAX) return undefined
  const wanted = Math.max(BIDS_WANTED_MIN, BIDS_FOR_A_TASK * count)
  const having = looked === 0 ? 0 : (scores.length * able) / looked
  if (having <= wanted) {
    const enough = looked === able ? scores.length : Number.POSITIVE_INFINITY
    return { shape, lot: plain, enough, asksAll: true }
  }
  if (shape.composed || shape.relations !== undefined) return undefined
  return {
    shape,
    lot: { ...plain, ...bounds(scores, having, wanted) },
    enough: Math.ceil(ENOUGH * wanted),
    asksAll: false,
  }
}

function mayTake(shape: Shape, device: DeviceRecord, now: Now): boolean {
  const task = shape.waiting.first()?.task
  if (!hasRoom(device, shape.resources) || device.closedReason(now.monoMs, now.wallMs) !== undefined)
    return false
  if (task !== undefined && device.isKeptFrom(task)) return false
  return shape.relations?.against(device) === undefined
}

/** Below which price devices keep silent, and how many of the others answer, so that about as many bid as are wanted. */
function bounds(scores: number[], having: number, wanted: number): Pick<Lot, 'floor' | 'share'> {
  scores.sort((a, b) => b - a)
  const floor = scores[Math.ceil((scores.length * wanted) / having) - 1] as number
  const above = scores.findLastIndex((score) => score >= floor) + 1
  const asked = (having * above) / scores.length
  const share = Math.min(1, wanted / asked)
  return {
    // What is measured moves a little, and whoever was just above should not fall silent for it.
    floor: Math.max(0, Math.floor((floor - FLOOR_SLACK) * STEPS) / STEPS),
    share: Math.ceil(share * STEPS) / STEPS,
  }
}

const FLOOR_SLACK = 0.01

/** Amounts exactly as they are, as quantities of the protocol. */
function written(resources: Resources): Lot['resources'] {
  const quantities: Lot['resources'] = {}
  for (const name in resources) {
    const milli = resources[name] as number
    quantities[name] = milli % MILLI === 0 ? milli / MILLI : `${milli}m`
  }
  return quantities
}
