/**
 * Rank: who among the live candidates goes first. Everyone computes it alone from the retained states, so it
 * need not agree everywhere; a tie or a disagreement costs a second claim, never a second coordinator.
 */
import { parseResources } from '../../shared/model/resources.ts'
import type { DeviceState } from '../../shared/protocol/schemas/index.ts'
import { CANDIDATES_MAX } from '../core/options.ts'

interface Standing {
  readonly id: string
  readonly preferred: boolean
  readonly cpu: number
  readonly memory: number
}

/** @returns how a device stands; `undefined` when it is no candidate */
function standingOf(id: string, state: DeviceState): Standing | undefined {
  if (!state.online || state.candidate === 'never') return undefined
  const { cpu = 0, memory = 0 } = parseResources(state.capacity)
  return { id, preferred: state.candidate === 'prefer', cpu, memory }
}

/** Preferred ones first, then the larger, then by id. Negative when `a` comes before `b`. */
function compare(a: Standing, b: Standing): number {
  return (
    Number(b.preferred) - Number(a.preferred) ||
    b.cpu - a.cpu ||
    b.memory - a.memory ||
    (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
  )
}

/**
 * Candidates in the order in which they should take office.
 *
 * @param states last state of every known device, by id
 */
export function order(states: Iterable<readonly [string, DeviceState]>): readonly string[] {
  const standings: Standing[] = []
  for (const [id, state] of states) {
    const standing = standingOf(id, state)
    if (standing !== undefined) standings.push(standing)
  }
  return standings.sort(compare).map(({ id }) => id)
}

/**
 * A device's place among those who may claim the seat now: those that were named, in groups of falling precedence,
 * up to the group that it is in itself; the last one if it was never named.
 *
 * @param states last state of every known device, by id
 * @param groups ids of those who may claim, the first group before all others
 * @param dead the coordinator that ended; it is not among them
 */
export function placeOf(
  device: string,
  states: Iterable<readonly [string, DeviceState]>,
  groups: readonly Iterable<string>[],
  dead: string | undefined,
): number {
  const live = order(states).filter((id) => id === device || id !== dead)
  // Who is named in several groups counts in the first.
  const before = new Set<string>()
  for (const [at, group] of groups.entries()) {
    const named = new Set(group)
    const last = at === groups.length - 1
    if (last) named.add(device)
    for (const id of live) {
      if (id === device && named.has(id)) return before.size
      if (named.has(id)) before.add(id)
    }
  }
  return Math.min(before.size, CANDIDATES_MAX)
}

/**
 * The first few of that order, kept as states come. A large fleet has its say all the time and hardly ever changes
 * who is first; only when one of the first falls back is everybody looked at again.
 */
export class Leaders {
  readonly #max: number
  readonly #states: () => Iterable<readonly [string, DeviceState]>
  /** `undefined` when they have to be found anew. */
  #first: Standing[] | undefined
  #ids: readonly string[] = []

  /** @param states last state of every known device, by id; it holds what `changed` tells of */
  constructor(max: number, states: () => Iterable<readonly [string, DeviceState]>) {
    this.#max = max
    this.#states = states
  }

  /** A device's state came, or went. */
  changed(id: string, state: DeviceState | undefined): void {
    if (this.#first === undefined) return
    const standing = state && standingOf(id, state)
    const known = this.#first.find((one) => one.id === id)
    if (known === undefined) {
      if (standing !== undefined && this.#enter(this.#first, standing)) this.#tell(this.#first)
    } else if (standing === undefined || compare(standing, known) !== 0) this.#first = undefined
  }

  /** All states were forgotten. */
  clear(): void {
    this.#first = undefined
  }

  /** Their ids in order: the same list until it changes. */
  ids(): readonly string[] {
    if (this.#first !== undefined) return this.#ids
    this.#first = []
    for (const [id, state] of this.#states()) {
      const standing = standingOf(id, state)
      if (standing !== undefined) this.#enter(this.#first, standing)
    }
    return this.#tell(this.#first)
  }

  /** @returns whether it is one of the first */
  #enter(first: Standing[], standing: Standing): boolean {
    let place = first.length
    while (place > 0 && compare(standing, first[place - 1] as Standing) < 0) place--
    if (place >= this.#max) return false
    first.splice(place, 0, standing)
    if (first.length > this.#max) first.pop()
    return true
  }

  #tell(first: readonly Standing[]): readonly string[] {
    this.#ids = first.map(({ id }) => id)
    return this.#ids
  }
}
