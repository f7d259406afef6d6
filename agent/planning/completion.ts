/**
 * Packing devices alike, exactly: can the items go on so many devices? Devices are filled one after another, each
 * with the largest item that is left and a set of others. What follows depends on what is left alone, so what is
 * left and was found to lead nowhere is remembered (the dynamic program over subsets of Held and Karp, 1962, looked
 * at from the top and only where it must be). Two rules keep sets few: the room that may be wasted in all is known
 * from the number of devices, and a set in which an item could be swapped for a larger one that is left over need
 * not be tried (Martello and Toth's dominance, as in Korf, "A new algorithm for optimal bin packing", 2002).
 */
import type { Dense } from './dense.ts'
import { Placement } from './placement.ts'

/** The search goes as deep as there are items. */
const DEPTH_MAX = 1_000
/** Sets that may be tried for each state that may be remembered: they cost time only. */
const SETS_PER_STATE = 40

export interface Completion {
  /** The best plan; `undefined` when it tried as many sets as it may. */
  readonly placement: Placement | undefined
  /** The number of devices that was tried last. */
  readonly devices: number
  /** Sets that were tried. */
  readonly sets: number
}

/**
 * The least number of devices, from `bound` upwards.
 *
 * @param dense one whose devices are all of one kind, for `packing`
 * @param known a plan that places all that can be placed
 * @param statesMax what may be remembered; forty times as many sets may be tried
 */
export function completion(dense: Dense, known: Placement, bound: number, statesMax: number): Completion {
  const most = known.score().value
  if (dense.n > DEPTH_MAX) return { placement: undefined, devices: bound, sets: 0 }
  let left = SETS_PER_STATE * statesMax
  for (let devices = bound; devices < most; devices++) {
    const search = new Search(dense, devices, left, statesMax)
    const placement = search.run()
    left -= search.sets
    const sets = SETS_PER_STATE * statesMax - left
    if (search.exhausted) return { placement: undefined, devices, sets }
    if (placement !== undefined) return { placement, devices, sets }
  }
  return { placement: known, devices: most, sets: SETS_PER_STATE * statesMax - left }
}

/** Items of equal demand, which are interchangeable. */
interface Group {
  readonly demand: readonly number[]
  readonly items: number[]
}

class Search {
  /** That were tried. */
  sets = 0
  readonly #dense: Dense
  readonly #devices: number
  readonly #setsMax: number
  readonly #statesMax: number
  /** The largest first. */
  readonly #groups: Group[]
  /** By group: how many items of it are left. */
  readonly #left: number[]
  /** By dimension. */
  readonly #room: readonly number[]
  /** By dimension: what may still be left unused. */
  readonly #waste: number[]
  /**
   * What was left and nothing came of, with the device from which on: the fewer are left, the less can come of it.
   */
  readonly #dead = new Map<string, number>()
  /** By device: how many of each group, as pairs. */
  readonly #filled: number[][] = []

  constructor(dense: Dense, devices: number, setsMax: number, statesMax: number) {
    this.#dense = dense
    this.#devices = devices
    this.#setsMax = setsMax
    this.#statesMax = statesMax
    this.#groups = groupsOf(dense)
    this.#left = this.#groups.map(({ items }) => items.length)
    this.#room = Array.from(dense.free.subarray(0, dense.d))
    this.#waste = this.#room.map((room, k) =>
      this.#groups.reduce(
        (left, { demand, items }) => left - (demand[k] as number) * items.length,
        room * devices,
      ),
    )
  }

  /** It tried more sets than it may, so that finding nothing says nothing. */
  get exhausted(): boolean {
    return this.sets > this.#setsMax
  }

  /** @returns a plan of that many devices, if there is one and the states suffice */
  run(): Placement | undefined {
    if (this.#waste.some((waste) => waste < 0) || !this.#fill(0)) return undefined
    const placement = new Placement(this.#dense)
    const next = this.#groups.map(() => 0)
    for (const [device, groups] of this.#filled.entries()) {
      for (const group of groups) placement.put(this.#groups[group]?.items[next[group]!++] as number, device)
    }
    return placement
  }

  /** Fills the devices from `device` on. */
  #fill(device: number): boolean {
    const first = this.#left.findIndex((count) => count > 0)
    if (first < 0) return true
    if (device === this.#devices) return false
    const key = String.fromCharCode(...this.#left)
    if ((this.#dead.get(key) ?? this.#devices) <= device) return false
    const room = this.#room.map((whole, k) => whole - (this.#groups[first]?.demand[k] as number))
    this.#left[first]!--
    const set = [first]
    this.#filled[device] = set
    if (this.#complete(device, set, room, first)) return true
    this.#left[first]!++
    this.#filled.length = device
    if (!this.exhausted && this.#dead.size < this.#statesMax) this.#dead.set(key, device)
    return false
  }

  /** Adds to the set on a device from group `from` on, in all ways that are worth it. */
  #complete(device: number, set: number[], room: number[], from: number): boolean {
    if (++this.sets > this.#setsMax) return false
    for (let group = from; group < this.#groups.length; group++) {
      const { demand } = this.#groups[group] as Group
      if (this.#left[group] === 0 || demand.some((need, k) => need > (room[k] as number))) continue
      this.#left[group]!--
      set.push(group)
      const rest = room.map((left, k) => left - (demand[k] as number))
      if (this.#complete(device, set, rest, group)) return true
      set.pop()
      this.#left[group]!++
      if (this.exhausted) return false
    }
    return this.#take(device, set, room)
  }

  /** Goes on to the next device, unless the set wastes too much or another one is at least as good. */
  #take(device: number, set: readonly number[], room: readonly number[]): boolean {
    if (room.some((left, k) => left > (this.#waste[k] as number))) return false
    if (this.#isDominated(set, room)) return false
    room.forEach((left, k) => {
      this.#waste[k]! -= left
    })
    if (this.#fill(device + 1)) return true
    room.forEach((left, k) => {
      this.#waste[k]! += left
    })
    return false
  }

  /** True when an item that is left over fits beside the set, or in place of a smaller one of it but the first. */
  #isDominated(set: readonly number[], room: readonly number[]): boolean {
    return this.#groups.some(({ demand }, group) => {
      if (this.#left[group] === 0) return false
      if (demand.every((need, k) => need <= (room[k] as number))) return true
      return set.some((member, at) => {
        if (at === 0 || member === group) return false
        const smaller = this.#groups[member]?.demand as readonly number[]
        return demand.every((need, k) => {
          const has = smaller[k] as number
          return need >= has && need - has <= (room[k] as number)
        })
      })
    })
  }
}

function groupsOf(dense: Dense): Group[] {
  const groups = new Map<string, Group>()
  for (let i = 0; i < dense.n; i++) {
    if (!dense.placeable(i)) continue
    const demand = Array.from(dense.demand.subarray(i * dense.d, (i + 1) * dense.d))
    const known = groups.get(demand.join())
    if (known === undefined) groups.set(demand.join(), { demand, items: [i] })
    else known.items.push(i)
  }
  const size = ({ items }: Group): number => dense.size[items[0] as number] as number
  return [...groups.values()].sort((a, b) => size(b) - size(a))
}
