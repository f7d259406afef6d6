/**
 * Genetic: improves plans offline, for as long as its budget of evaluations lasts. A grouping genetic algorithm:
 * what is inherited is a device with all that is on it, because that is what is good or bad about a plan
 * (Falkenauer, "A hybrid grouping genetic algorithm for bin packing", 1996). Selection, the order in which groups
 * are inherited and the repair by pairs follow Quiroz-Castellanos et al., "A grouping genetic algorithm with
 * controlled gene transmission for the bin packing problem" (GGA-CGT, 2015); the repair is the dominance of
 * Martello and Toth, made local.
 *
 * It starts from the plans of `heuristic`, and from what stands where that is known, and is never worse than those. It ends early when a plan comes down to the
 * lower bound.
 */
import type { Random } from '../../shared/random/random.ts'
import { lowerBound } from './bounds.ts'
import { crossed } from './crossover.ts'
import { Dense } from './dense.ts'
import { scattered } from './groups.ts'
import { constructed } from './heuristic.ts'
import { levelled } from './levelling.ts'
import { isBetter, Placement, type Score } from './placement.ts'
import type { Strategy } from './plan.ts'
import { fault } from './problem.ts'
import { tightened } from './tightening.ts'

/** Plans that are built and judged when nothing else is asked for. */
export const EVALUATIONS_MAX = 5_000
/** Plans that are kept. */
const POPULATION = 100
/** Those of them that are not changed in place, while they are young. */
const ELITE = 10
/** Generations for which one of the elite is young. */
const YOUTH = 10
/** Children of a generation, in pairs. */
const CHILDREN = 20
/** Plans that are changed in a generation, the best first. */
const MUTANTS = 83

/** A plan, how good it is, and in which generation it came. */
interface Individual {
  readonly placement: Placement
  readonly score: Score
  /**
   * Tells plans of one score apart: how uneven the groups are where they should be full, or the reverse. Less is
   * better.
   */
  readonly grain: number
  readonly born: number
}

export const genetic: Strategy = (problem, { random, evaluationsMax = EVALUATIONS_MAX, present }) => {
  const wrong = fault(problem)
  if (wrong !== undefined) return { ok: false, strategy: 'genetic', refused: 'problem', reason: wrong }
  const dense = new Dense(problem)
  const bound = lowerBound(dense)
  const breeding = new Breeding(dense, random, bound, evaluationsMax)
  const best = breeding.run(present === undefined ? undefined : Placement.of(dense, present))
  return best.toPlan('genetic', breeding.evaluations, { bound })
}

class Breeding {
  evaluations = 0
  readonly #dense: Dense
  readonly #random: Random
  readonly #evaluationsMax: number
  /** Better than which no plan can be. */
  readonly #goal: Score
  #population: Individual[] = []
  /** Of all there ever were. */
  #best: Individual | undefined
  #generation = 0

  constructor(dense: Dense, random: Random, bound: number, evaluationsMax: number) {
    this.#dense = dense
    this.#random = random
    this.#evaluationsMax = evaluationsMax
    const lost = dense.weight.reduce((sum, weight, i) => sum + (dense.placeable(i) ? 0 : weight), 0)
    this.#goal = { loss: lost, value: bound }
  }

  run(present: Placement | undefined): Placement {
    if (present !== undefined) this.#population.push(this.#judged(present))
    for (const placement of constructed(this.#dense)) this.#population.push(this.#judged(placement))
    this.#sort()
    while (this.#population.length < POPULATION && !this.#done) {
      this.#population.push(this.#judged(scattered(this.#dense, this.#random)))
    }
    while (!this.#done) {
      this.#generation++
      this.#sort()
      this.#cross()
      this.#sort()
      this.#mutate()
    }
    return this.#best?.placement as Placement
  }

  get #done(): boolean {
    const reached = this.#best !== undefined && !isBetter(this.#goal, this.#best.score)
    return reached || this.evaluations >= this.#evaluationsMax
  }

  #judged(placement: Placement): Individual {
    this.evaluations++
    const grain = grainOf(placement)
    const one = { placement, score: placement.score(), grain, born: this.#generation }
    if (this.#best === undefined || isBetter(one.score, this.#best.score)) this.#best = one
    return one
  }

  #sort(): void {
    this.#population.sort(comesFirst)
  }

  /** Pairs of one good and one other parent; their children take the place of doubles, then of the worst. */
  #cross(): void {
    const population = this.#population
    const good = this.#random.shuffle([...population.slice(0, CHILDREN)])
    const children: Individual[] = []
    for (let n = 0; n < CHILDREN / 2; n++) {
      const one = good[n % good.length] as Individual
      const other = this.#random.pick(population)
      if (one === other) continue
      for (const [a, b] of [
        [one, other],
        [other, one],
      ] as const) {
        if (this.#done) return this.#settle(children)
        children.push(this.#judged(crossed(a.placement, b.placement)))
      }
    }
    this.#settle(children)
  }

  /** Takes newcomers in and lets as many go: first those that are just like a better one, then the worst. */
  #settle(newcomers: readonly Individual[]): void {
    const all = [...this.#population, ...newcomers].sort(comesFirst)
    const single: Individual[] = []
    const doubles: Individual[] = []
    for (const one of all) {
      const last = single.at(-1)
      const alike =
        last !== undefined &&
        last.grain === one.grain &&
        last.score.value === one.score.value &&
        last.score.loss === one.score.loss
      ;(alike ? doubles : single).push(one)
    }
    this.#population = [...single, ...doubles].slice(0, POPULATION)
    this.#sort()
  }

  /** Takes the weakest groups of the better plans apart. The elite, while young, live on beside what they become. */
  #mutate(): void {
    const clones: Individual[] = []
    const chosen = this.#population.slice(0, MUTANTS)
    for (const [at, one] of chosen.entries()) {
      if (this.#done) break
      const young = at < ELITE && this.#generation - one.born < YOUTH
      const mutant = this.#judged(this.#mutant(one.placement, young))
      if (young) clones.push(mutant)
      else this.#population[at] = mutant
    }
    this.#settle(clones)
  }

  #mutant(parent: Placement, boldly: boolean): Placement {
    const placement = parent.copy()
    const packs = this.#dense.objective === 'packing'
    return packs ? tightened(placement, this.#random, boldly) : levelled(placement, this.#random, boldly)
  }
}

const comesFirst = (a: Individual, b: Individual): number =>
  a.score.loss - b.score.loss || a.score.value - b.score.value || a.grain - b.grain

/**
 * Packing: Falkenauer's fitness, the mean square of how full devices are, turned round: one that is nearly empty is
 * nearly one less. Else the squares of what devices add: the more even, the better.
 */
export function grainOf(placement: Placement): number {
  const packs = placement.dense.objective === 'packing'
  let sum = 0
  for (let j = 0; j < placement.dense.m; j++) {
    if (packs && placement.count[j] === 0) continue
    sum += packs ? -(placement.share(j) ** 2) : placement.cost(j) ** 2
  }
  return sum
}
