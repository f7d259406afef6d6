/**
 * Places demands on devices with parts, one after another as they come (online): each goes at once to where it takes
 * least from what the device would come to be used for (see replay.ts). Whatever fits somewhere is placed.
 */
import type { Resources } from '../../shared/model/resources.ts'
import type { Random } from '../../shared/random/random.ts'
import { Judge, type State, type Way } from './judging.ts'
import {
  faultOfDemand,
  faultOfDevice,
  hasRoom,
  type Kind,
  type PartDemand,
  type PartDevice,
  partsOf,
  type Rest,
  without,
} from './parts.ts'
import type { UnplacedReason } from './plan.ts'
import { amount } from './problem.ts'

export interface PartPlace {
  readonly device: string
  /** Which parts of it, from 0. */
  readonly parts: readonly number[]
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
  readonly #judge: Judge
  /** Of the judge, when the slots' states were taken. */
  #epoch = 0

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
    this.#judge = new Judge(random)
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
    this.#judge.observe(kind)
    if (this.#judge.epoch !== this.#epoch) this.#forget()
    let best: Slot | undefined
    let way: Way | undefined
    for (const slot of this.#slots) {
      slot.state ??= this.#judge.stateOf(slot.rest)
      const known = slot.state.ways[kind.index]
      const next = known === undefined ? this.#judge.wayOf(slot.state, kind) : known
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
    return this.#judge.kindOf({ need: this.#vector(demand), parts, milli, models })
  }

  /** Judgements are made anew when they are asked for. */
  #forget(): void {
    this.#epoch = this.#judge.epoch
    for (const slot of this.#slots) slot.state = undefined
  }
}
