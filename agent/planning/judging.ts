/**
 * Judging: what a demand would cost a device, by what that would come to be used for (see replay.ts). Devices with the
 * same left are judged once, and a judgement holds until draws are made anew.
 */
import type { Random } from '../../shared/random/random.ts'
import { hasRoom, type Kind, PART_MILLI, partsOf, type Rest, without } from './parts.ts'
import { Replay } from './replay.ts'

/** Kinds of demand that are told apart at a time; with one more they are named anew. */
const KINDS_MAX = 4_096

/** Judgements of devices that are kept at a time; with one more they are made anew. */
const STATES_MAX = 65_536

/** Where on a device a kind goes best. */
export interface Way {
  /** How the device's use changes, in thousandths of parts; the greater the better, and mostly below zero. */
  readonly gain: number
  /** The parts that it takes have so much left. */
  readonly left: number
}

/** All devices that have the same left. */
export interface State {
  readonly rest: Rest
  readonly use: number
  /** By kind; `null` where there is no room. */
  readonly ways: (Way | null | undefined)[]
}

export class Judge {
  readonly #replay: Replay
  readonly #kinds = new Map<string, Kind>()
  readonly #states = new Map<string, State>()
  /** Grows when kinds and states that were handed out before hold no longer. */
  epoch = 0

  /** @param random the only source of chance: the same seed and the same calls give the same answers */
  constructor(random: Random) {
    this.#replay = new Replay(random)
  }

  /** The kind of all demands that ask for the same. It holds for this epoch. */
  kindOf({ need, parts, milli, models }: Omit<Kind, 'index'>): Kind {
    const key = JSON.stringify([need, parts, parts === 0 ? 0 : milli, models ?? null])
    const known = this.#kinds.get(key)
    if (known !== undefined) return known
    if (this.#kinds.size >= KINDS_MAX) {
      this.#kinds.clear()
      this.forget()
    }
    const kind: Kind = { index: this.#kinds.size, need, parts, milli, models }
    this.#kinds.set(key, kind)
    return kind
  }

  /** A demand has come, wherever it goes. */
  observe(kind: Kind): void {
    if (this.#replay.observe(kind)) this.forget()
  }

  /** Judgements are made anew when they are asked for. */
  forget(): void {
    this.#states.clear()
    this.epoch++
  }

  /** A device that has so much left. It holds for this epoch. */
  stateOf(rest: Rest): State {
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

  /** Where the kind goes best there; `null` without room. */
  wayOf({ rest, use, ways }: State, kind: Kind): Way | null {
    const known = ways[kind.index]
    if (known !== undefined) return known
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
