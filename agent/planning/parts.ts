/**
 * Devices with parts that are each whole by themselves, such as GPUs. What is left of four parts is not one part: a
 * demand takes a share of a single part, or whole parts, and beside them what adds up over the device (CPU, memory).
 */
import { GPU_MILLI, GPUS_MAX } from '../../shared/model/gpus.ts'
import type { Resources } from '../../shared/model/resources.ts'
import { faultOfAmounts, isAmount } from './problem.ts'

/** A whole part, in thousandths. */
export const PART_MILLI = GPU_MILLI
/** Parts of one device. */
export const PARTS_MAX = GPUS_MAX

export interface PartDemand {
  /** What it takes of the device, in thousandths. */
  readonly demand: Resources
  /** How many parts it takes, all of one device; 0 for none. */
  readonly parts: number
  /** How much of each, in thousandths; of several parts, all. */
  readonly milli: number
  /** Models that will do. Default: any. */
  readonly models?: readonly string[]
}

export interface PartDevice {
  readonly id: string
  readonly model?: string
  /** What may be reserved, in thousandths. */
  readonly free: Resources
  /** By part: how many thousandths of it may be reserved. */
  readonly parts: readonly number[]
}

/** What is wrong with a demand, and what would be right; `undefined` when it can be placed. */
export function faultOfDemand({ demand, parts, milli }: PartDemand): string | undefined {
  if (!(isAmount(parts) && parts <= PARTS_MAX)) {
    return `it asks for ${parts} parts; give a whole number from 0 to ${PARTS_MAX}`
  }
  if (!(isAmount(milli) && milli <= PART_MILLI && (parts === 0 || milli > 0))) {
    return `it asks for ${milli} thousandths of a part; give a whole number from 1 to ${PART_MILLI}`
  }
  if (parts > 1 && milli < PART_MILLI) {
    return `it asks for ${milli} thousandths of ${parts} parts; a share is of one part, several are taken whole`
  }
  return faultOfAmounts(demand)
}

/** What is wrong with a device, and what would be right; `undefined` when it can be placed on. */
export function faultOfDevice({ free, parts }: PartDevice): string | undefined {
  if (parts.length > PARTS_MAX) return `it has ${parts.length} parts, at most ${PARTS_MAX}`
  const wrong = parts.find((milli) => !(isAmount(milli) && milli <= PART_MILLI))
  if (wrong !== undefined) {
    return `a part of it has ${wrong} thousandths free; give a whole number from 0 to ${PART_MILLI}`
  }
  return faultOfAmounts(free)
}

/** A demand in a form that is quick to try; demands that ask for the same are of one kind. */
export interface Kind {
  /** A number from 0. */
  readonly index: number
  /** By dimension; of those that are missing at the end it needs nothing. */
  readonly need: readonly number[]
  readonly parts: number
  readonly milli: number
  readonly models: readonly string[] | undefined
}

/** What a device has left, in a form that is quick to try. */
export interface Rest {
  readonly model: string | undefined
  /** By dimension. */
  readonly free: readonly number[]
  readonly parts: readonly number[]
}

/** True when what is left has room for the kind, on a model that will do. */
export function hasRoom({ model, free, parts }: Rest, { need, parts: count, milli, models }: Kind): boolean {
  if (models !== undefined && (model === undefined || !models.includes(model))) return false
  for (let k = 0; k < need.length; k++) if ((need[k] as number) > (free[k] as number)) return false
  let able = 0
  for (let n = 0; n < parts.length && able < count; n++) if ((parts[n] as number) >= milli) able++
  return able >= count
}

/** The first parts with exactly as much left, `count` of them. */
export function partsOf(parts: readonly number[], left: number, count: number): number[] {
  const found: number[] = []
  for (let n = 0; n < parts.length && found.length < count; n++) if (parts[n] === left) found.push(n)
  return found
}

/** What is left when the kind takes these parts. */
export function without({ model, free, parts }: Rest, { need, milli }: Kind, taken: readonly number[]): Rest {
  return {
    model,
    free: free.map((left, k) => left - (need[k] ?? 0)),
    parts: parts.map((left, n) => (taken.includes(n) ? left - milli : left)),
  }
}
