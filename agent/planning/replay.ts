/**
 * Replay: a device is judged by how much of its parts would come to be used if what was asked for lately were asked
 * for again, and of it alone. Some draws from the latest demands are offered to it in turn; it takes what it has room
 * for. A demand goes where this falls least for it, so a rest is kept for what it suits: a fifth of a GPU beside no
 * CPU is worth nothing, the CPU of a device without GPUs costs nothing, and nobody has to say what is typical.
 *
 * Judging a choice by playing on from it is a rollout (Tesauro and Galperin, "On-line policy improvement using
 * Monte-Carlo search", 1996; Bertsekas, Tsitsiklis and Wu, "Rollout algorithms for combinatorial optimization", 1997).
 * Taking the past for the future where no distribution is known is historical sampling (Bent and Van Hentenryck,
 * "Online stochastic optimization without distributions", 2005). That a rest is worth what the workload can use of it
 * is the idea of fragmentation of Weng et al. (2023), which looks one demand ahead; this looks as far as the device
 * goes.
 */
import type { Random } from '../../shared/random/random.ts'
import { hasRoom, type Kind, PART_MILLI, type Rest, tightest } from './parts.ts'

/** How often the past is played to a device. */
const PLAYS = 16
/** Demands that are offered in a play. */
const OFFERS = 24
/** Latest demands, from which is drawn. */
const WINDOW = 1_000
/** Draws are made anew when twice as many demands have come, and at the latest after so many. */
const REDRAW_AFTER_MAX = 1_000

export class Replay {
  readonly #random: Random
  /** The latest demands; the oldest is overwritten. */
  readonly #latest: Kind[] = []
  #seen = 0
  #redrawAt = 1
  #plays: readonly (readonly Kind[])[] = []

  constructor(random: Random) {
    this.#random = random
  }

  /** A demand has come, wherever it goes. True when what was judged before no longer holds: draws were made anew. */
  observe(kind: Kind): boolean {
    this.#latest[this.#seen++ % WINDOW] = kind
    if (this.#seen < this.#redrawAt) return false
    this.#redrawAt = Math.min(2 * this.#seen, this.#seen + REDRAW_AFTER_MAX)
    this.#plays = Array.from({ length: PLAYS }, () =>
      Array.from({ length: OFFERS }, () => this.#random.pick(this.#latest)),
    )
    return true
  }

  /** Thousandths of the parts that would come to be used, on average over all plays. */
  use(rest: Rest): number {
    if (rest.parts.every((left) => left === 0)) return 0
    const free = [...rest.free]
    const parts = [...rest.parts]
    const playing: Rest = { model: rest.model, free, parts }
    let used = 0
    for (const offers of this.#plays) {
      for (let k = 0; k < free.length; k++) free[k] = rest.free[k] as number
      for (let n = 0; n < parts.length; n++) parts[n] = rest.parts[n] as number
      for (const kind of offers) {
        if (hasRoom(playing, kind)) used += take(free, parts, kind)
      }
    }
    return used / PLAYS
  }
}

/** Takes what the kind needs, of the tightest part; the thousandths of parts that it takes. */
function take(free: number[], parts: number[], { need, parts: count, milli }: Kind): number {
  for (let k = 0; k < need.length; k++) free[k]! -= need[k] as number
  if (count === 1) parts[tightest(parts, milli)]! -= milli
  else {
    for (let n = 0, open = count; open > 0; n++) {
      if (parts[n] !== PART_MILLI) continue
      parts[n] = 0
      open--
    }
  }
  return count * milli
}
