/**
 * The problem of placement as a planner sees it: items with demands, devices with what they have free, and one
 * objective. Nothing in it moves while a plan is made; who asks takes a picture first.
 */
import type { Resources } from '../../shared/model/resources.ts'

/** Something to place. */
export interface Item {
  readonly id: string
  /** What it reserves, in thousandths (see shared/model/quantity.ts). */
  readonly demand: Resources
  /** How long it runs. Only `makespan` asks for it. */
  readonly durationMs?: number
  /** From 0 to 100; default 50. Items with a higher one are placed first and left out last. */
  readonly priority?: number
  /** Ids of the devices that may take it. Default: all. */
  readonly eligible?: readonly string[]
}

/** Somewhere to place it. */
export interface Device {
  readonly id: string
  /** What may be reserved, in thousandths. */
  readonly free: Resources
  /** What the device has in all; what of it is not free counts as reserved. Default: what is free. */
  readonly capacity?: Resources
  /** How many items are there already that are not to be planned; default none. */
  readonly held?: number
  /** How long it is busy with those, in ms; default not at all. */
  readonly busyMs?: number
}

/**
 * What a plan is judged by; less is better, and what is left unplaced is judged before it.
 *
 * - `peak`: the greatest share that is reserved of any resource of any device, 0 to 1.
 * - `packing`: how many devices take anything, or hold something.
 * - `spread`: the squares of the numbers of items of all devices, summed. Divided by the number of items it is how
 *   many of them go down together with one, on average, when its device is lost.
 * - `makespan`: when the last device is done, in ms, if each runs what it was given one after another. A demand must
 *   fit by itself there, not beside the others'. Side by side demands add up, and each keeps the device busy for its
 *   share of it times its duration.
 */
export const OBJECTIVES = ['peak', 'packing', 'spread', 'makespan'] as const
export type Objective = (typeof OBJECTIVES)[number]

export interface Problem {
  readonly items: readonly Item[]
  readonly devices: readonly Device[]
  readonly objective: Objective
  /** By `makespan` items run side by side instead of in turn. By the other objectives they do in any case. */
  readonly sideBySide?: boolean
}

export const ITEMS_MAX = 10_000
export const DEVICES_MAX = 100_000
/** Items times devices: a pass looks at every pair, and nothing else is done meanwhile. */
export const PAIRS_MAX = 10_000_000
export const DIMENSIONS_MAX = 16
export const PRIORITY_DEFAULT = 50
export const PRIORITY_MAX = 100

/** What is wrong with a problem, where, and what would be right; `undefined` when it can be planned. */
export function fault(problem: Problem): string | undefined {
  const { items, devices, objective } = problem
  if (!OBJECTIVES.includes(objective)) {
    return `objective: ${JSON.stringify(objective)} is unknown; use one of: ${OBJECTIVES.join(', ')}`
  }
  if (items.length > ITEMS_MAX) return `items: ${items.length}, at most ${ITEMS_MAX}; plan in batches`
  if (devices.length > DEVICES_MAX) {
    return `devices: ${devices.length}, at most ${DEVICES_MAX}; plan for a part of them`
  }
  if (items.length * devices.length > PAIRS_MAX) {
    return `items: ${items.length} for ${devices.length} devices, at most ${PAIRS_MAX} pairs; plan in batches`
  }
  const known = new Set<string>()
  for (const device of devices) {
    if (known.has(device.id)) return `devices: ${device.id} is there twice; give each an id of its own`
    known.add(device.id)
    const wrong = faultOfAmounts(device.free) ?? faultOfAmounts(device.capacity ?? device.free)
    if (wrong !== undefined) return `devices: ${device.id}: ${wrong}`
    const over = Object.keys(device.free).find(
      (name) => device.capacity !== undefined && amount(device.free, name) > amount(device.capacity, name),
    )
    if (over !== undefined)
      return `devices: ${device.id}: more ${over} is free than it has; correct one of them`
    const { held = 0, busyMs = 0 } = device
    if (!isAmount(held) || !isAmount(busyMs))
      return `devices: ${device.id}: it holds ${held} items for ${busyMs} ms; give whole numbers, 0 or more`
  }
  const seen = new Set<string>()
  const dimensions = new Set<string>()
  for (const item of items) {
    if (seen.has(item.id)) return `items: ${item.id} is there twice; give each an id of its own`
    seen.add(item.id)
    const wrong = faultOfItem(item, objective, known)
    if (wrong !== undefined) return `items: ${item.id}: ${wrong}`
    for (const name of Object.keys(item.demand)) dimensions.add(name)
  }
  if (dimensions.size > DIMENSIONS_MAX) {
    return `items: they ask for ${dimensions.size} resources, at most ${DIMENSIONS_MAX}; leave out what all have enough of`
  }
  return undefined
}

function faultOfItem(item: Item, objective: Objective, devices: ReadonlySet<string>): string | undefined {
  const wrong = faultOfAmounts(item.demand)
  if (wrong !== undefined) return wrong
  const { durationMs, priority, eligible } = item
  if (durationMs === undefined ? objective === 'makespan' : !isAmount(durationMs)) {
    return `its duration is ${durationMs}; give a whole number of ms, 0 or more`
  }
  if (priority !== undefined && !(isAmount(priority) && priority <= PRIORITY_MAX)) {
    return `its priority is ${priority}; give a whole number from 0 to ${PRIORITY_MAX}`
  }
  const stranger = eligible?.find((id) => !devices.has(id))
  return stranger === undefined
    ? undefined
    : `it may go to ${stranger}, which is none of the devices; name those only`
}

/** What is wrong with a vector, and what would be right. */
export function faultOfAmounts(vector: Resources): string | undefined {
  for (const name in vector) {
    if (!isAmount(vector[name] as number)) {
      return `its ${name} is ${vector[name]}; give a whole number of thousandths, 0 or more`
    }
  }
  return undefined
}

/** Whole numbers add up exactly, in whatever order. */
export const isAmount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

/** How much a vector has of a resource; what it does not name is zero. */
export const amount = (vector: Resources, name: string): number => vector[name] ?? 0
