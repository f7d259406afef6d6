/**
 * Resource vectors: a name and an amount in thousandths (see quantity.ts) a dimension. A name that is
 * missing counts as zero, so any fleet can add its own counters without a schema. Vectors inherit nothing:
 * `constructor` is a name like any other.
 */
import { parseQuantity } from './quantity.ts'

export type Resources = Readonly<Record<string, number>>

/** Inherits from an object without a name in it: engines keep objects without any prototype as slow hash tables. */
class Vector {
  [name: string]: number
}
Reflect.deleteProperty(Vector.prototype, 'constructor')
Object.freeze(Object.setPrototypeOf(Vector.prototype, null))

/** An empty vector to add to. */
export function emptyVector(): Record<string, number> {
  return new Vector()
}

export const NO_RESOURCES: Resources = Object.freeze(emptyVector())

/** Reads quantities as users write them. Every value must have passed validation. */
export function parseResources(written: Readonly<Record<string, string | number>> | undefined): Resources {
  if (written === undefined) return NO_RESOURCES
  const vector = emptyVector()
  for (const name in written) {
    const value = written[name] as string | number
    const milli = parseQuantity(value)
    if (milli === undefined) throw new RangeError(`${name}: ${JSON.stringify(value)} is not a quantity`)
    vector[name] = milli
  }
  return vector
}

/** True when `need` fits into `room` in every dimension. */
export function fits(need: Resources, room: Resources): boolean {
  for (const name in need) if ((need[name] as number) > (room[name] ?? 0)) return false
  return true
}

/** The first dimension in which `need` exceeds `room`, and by how much in thousandths. */
export function shortfall(need: Resources, room: Resources): { name: string; milli: number } | undefined {
  for (const name in need) {
    const missing = (need[name] as number) - (room[name] ?? 0)
    if (missing > 0) return { name, milli: missing }
  }
  return undefined
}

/** Adds `sign` times `amount` to `vector` in place. */
export function accumulate(vector: Record<string, number>, amount: Resources, sign: 1 | -1): void {
  for (const name in amount) vector[name] = (vector[name] ?? 0) + sign * (amount[name] as number)
}

/** What is left of `capacity` beside `reserved`; below zero where too much is reserved. */
export function remaining(capacity: Resources, reserved: Resources): Record<string, number> {
  const left = emptyVector()
  for (const name in capacity) left[name] = (capacity[name] as number) - (reserved[name] ?? 0)
  return left
}

/**
 * The share of its scarcest resource, of those asked for, that would be left of `capacity` with `need` on top of what is
 * reserved: from 1 down to 0, and below where there is no room.
 */
export function leastLeft(capacity: Resources, reserved: Resources, need: Resources): number {
  let least = 1
  for (const name in need) {
    const whole = capacity[name] ?? 0
    if (whole === 0) continue
    const left = (whole - (reserved[name] ?? 0) - (need[name] as number)) / whole
    if (left < least) least = left
  }
  return least
}
