/**
 * Places demands on devices with parts, one after another as they come (online): each goes at once to where it takes
 * least from what the device would come to be used for (see replay.ts). Whatever fits somewhere is placed.
 *
 * Devices with the same left are judged once, and a judgement holds until the device changes or draws are made anew.
 */
import type { Resources } from '../../shared/model/resources.ts'
import type { Random } from '../../shared/random/random.ts'
import {
  faultOfDemand,
  faultOfDevice,
  hasRoom,
  type Kind,
  PART_MILLI,
  type PartDemand,
  type PartDevice,
  partsOf,
  type Rest,
  without,
} from './parts.ts'
import type { UnplacedReason } from './plan.ts'
import { amount } from './problem.ts'
import { Replay } from './replay.ts'

export interface PartPlace {
  readonly device: string
  /** Which parts of it, from 0. */
  readonly parts: readonly number[]
}

/** Kinds of demand that are told apart at a time; with one more they are named anew. */
const KINDS_MAX = 4_096

/** Judgements of devices that are kept at a time; with one more they are made anew. */
const STATES_MAX = 65_536

/** Where on a device a kind goes best. */
interface Way {
  /** How the device's use changes; the greater the better, and mostly below zero. */
  readonly gain: number
  /** The parts that it takes have so much left. */
  readonly left: number
}

/** All devices that have the same left. */
interface State {
  readonly rest: Rest
  readonly use: number
  /** By kind; `null` where there is no room. */
  readonly ways: (Way | null | undefined)[]
}

interface Slot {
  readonly id: string
  rest: Rest
  /** `undefined` when it has changed. */
  state: State | undefined
  /** With nothing placed on it. */
  readonly whole: Rest
}

export class PartFleet {
  readonly #dimensions: readonly string[]
  readonly #slots: readonly Slot[]
  readonly #byId: ReadonlyMap<string, Slot>
  readonly #replay: Replay
  readonly #kinds = new Map<string, Kind>()
  readonly #states = new Map<string, State>()

  /**
   * @param random the only source of chance: the same seed and the same calls give the same answers
   * @throws {RangeError} when a device cannot be read or is there twice
   */
  constructor(devices: readonly PartDevice[], random: Random) {
    const names = new Set(devices.flatMap(({ free }) => Object.keys(free)))
    this.#dimensions = [...names].sort()
    const byId = new Map<string, Slot>()
    for (const device of devices) {
      const { id, model, free, parts } = device
      const wrong = byId.has(id) ? 'it is there twice; give each an id of its own' : faultOfDevice(device)
      if (wrong !== undefined) throw new RangeError(`devices: ${id}: ${wrong}`)
      const rest: Rest = { model, free: this.#vector(free), parts: [...parts] }
      byId.set(id, { id, rest, state: undefined, whole: rest })
    }
    this.#byId = byId
    this.#slots = [...byId.values()]
    this.#replay = new Replay(random, this.#dimensions.length)
  }

  /**
   * Where the demand goes, and takes it there; or why nowhere. Among equals the first device as they were given.
   *
   * @throws {RangeError} when the demand cannot be read
   */
  place(asked: PartDemand): PartPlace | UnplacedReason {
    const wrong = faultOfDemand(asked)
    if (wrong !== undefined) throw new RangeError(`demand: ${wrong}`)
    const kind = this.#kindOf(asked)
    if (kind === undefined) return 'too-large'
    if (this.#replay.observe(kind)) this.#forget()
    let best: Slot | undefined
    let way: Way | undefined
    for (const slot of this.#slots) {
      slot.state ??= this.#stateOf(slot.rest)
      const known = slot.state.ways[kind.index]
      const next = known === undefined ? this.#wayOf(slot.state, kind) : known
      if (next === null || (way !== undefined && next.gain <= way.gain)) continue
      best = slot
      way = next
    }
    if (best === undefined || way === undefined) {
      return this.#slots.some(({ whole }) => hasRoom(whole, kind)) ? 'no-room' : 'too-large'
    }
    const parts = partsOf(best.rest.parts, way.left, kind.parts)
    best.rest = without(best.rest, kind, parts)
    best.state = undefined
    return { device: best.id, parts }
  }

  /**
   * Gives back what a demand was placed with.
   *
   * @throws {RangeError} when the device is not known, or would then have more than it began with
   */
  release(asked: PartDemand, { device, parts }: PartPlace): void {
    const slot = this.#byId.get(device)
    if (slot === undefined) throw new RangeError(`release: ${device} is none of the devices`)
    const { whole, rest } = slot
    const free = rest.free.map((left, k) => left + amount(asked.demand, this.#dimensions[k] as string))
    const back = rest.parts.map((left, n) => left + (parts.includes(n) ? asked.milli : 0))
    if (
      parts.length !== asked.parts ||
      free.some((left, k) => left > (whole.free[k] as number)) ||
      back.some((left, n) => left > (whole.parts[n] as number))
    ) {
      throw new RangeError(`release: ${device} would have more than it began with; give back each place once`)
    }
    slot.rest = { model: rest.model, free, parts: back }
    slot.state = undefined
  }

  #vector(resources: Resources): number[] {
    return this.#dimensions.map((name) => amount(resources, name))
  }

  /** `undefined` when it needs something that no device has. */
  #kindOf({ demand, parts, milli, models }: PartDemand): Kind | undefined {
    for (const name in demand) {
      if (amount(demand, name) > 0 && !this.#dimensions.includes(name)) return undefined
    }
    const need = this.#vector(demand)
    const key = JSON.stringify([need, parts, parts === 0 ? 0 : milli, models ?? null])
    const known = this.#kinds.get(key)
    if (known !== undefined) return known
    if (this.#kinds.size >= KINDS_MAX) {
      this.#kinds.clear()
      this.#forget()
    }
    const kind: Kind = { index: this.#kinds.size, need, parts, milli, models }
    this.#kinds.set(key, kind)
    return kind
  }

  /** Judgements are made anew when they are asked for. */
  #forget(): void {
    this.#states.clear()
    for (const slot of this.#slots) slot.state = undefined
  }

  #stateOf(rest: Rest): State {
    // Which of the parts has what makes no difference.
    const parts = [...rest.parts].sort((a, b) => a - b)
    const key = JSON.stringify([rest.model ?? null, rest.free, parts])
    const known = this.#states.get(key)
    if (known !== undefined) return known
    if (this.#states.size >= STATES_MAX) this.#states.clear()
    const ordered: Rest = { ...rest, parts }
    const state: State = { rest: ordered, use: this.#replay.use(ordered), ways: [] }
    this.#states.set(key, state)
    return state
  }

  #wayOf({ rest, use, ways }: State, kind: Kind): Way | null {
    let best: Way | null = null
    if (hasRoom(rest, kind)) {
      for (const left of lefts(rest, kind)) {
        const after = without(rest, kind, partsOf(rest.parts, left, kind.parts))
        const gain = this.#replay.use(after) - use
        if (best === null || gain > best.gain) best = { gain, left }
      }
    }
    ways[kind.index] = best
    return best
  }
}

/** What the parts that a kind may take have left, the least first: a share may go to any that have it. */
function lefts({ parts }: Rest, { parts: count, milli }: Kind): number[] {
  if (count !== 1) return [PART_MILLI]
  return [...new Set(parts.filter((left) => left >= milli))]
}
