/**
 * Exact by dynamic programming, for small batches: a plan that is proven to be the best, or a refusal.
 *
 * Items are placed one after another. All that matters of those already placed is how loaded each device is, so
 * plans that load the devices alike are one state, and of them the best goes on (Rothkopf, "Scheduling independent
 * tasks on parallel processors", 1966; Sahni, "Algorithms for scheduling independent tasks", 1976). Devices of one
 * kind stand for each other, so their order is none of the state. What is already no better than a plan known from
 * the heuristic is dropped: loads only grow. States still grow with every distinct sum, hence the bound.
 *
 * Where many devices alike are to be packed, loads are too many, and `completion.ts` goes device by device instead.
 */
import { lowerBound } from './bounds.ts'
import { completion } from './completion.ts'
import { Dense } from './dense.ts'
import { bestOf, constructed } from './heuristic.ts'
import { isBetter, Placement, type Score } from './placement.ts'
import type { Refusal, Strategy } from './plan.ts'
import { fault } from './problem.ts'

/** States in all that a plan may cost. */
export const STATES_MAX = 50_000
/** Loads in all of them: a state has one for each device. */
const LOADS_MAX = 1_000_000

/** How a state came to be: the device of the last item, -1 for none, after those of the state before. */
interface Step {
  readonly before: Step | undefined
  readonly device: number
}

interface State {
  readonly step: Step | undefined
  readonly placement: Placement
  readonly loss: number
}

export const dp: Strategy = (problem, { statesMax = STATES_MAX }) => {
  const wrong = fault(problem)
  if (wrong !== undefined) return { ok: false, strategy: 'dp', refused: 'problem', reason: wrong }
  const dense = new Dense(problem)
  const bound = lowerBound(dense)
  const known = bestOf(constructed(dense))
  const plan = known.toPlan('dp', 0, { bound })
  if (plan.optimal) return plan
  const whole = plan.unplaced.every(({ reason }) => reason === 'too-large')
  if (whole && dense.objective === 'packing' && dense.first.length === 1 && dense.held[0] === 0) {
    const found = completion(dense, known, bound, statesMax)
    if (found.placement === undefined)
      return refusal(statesMax, `looking for a plan of ${found.devices} devices`)
    return found.placement.toPlan('dp', found.sets, { bound, optimal: true })
  }
  return byLoads(dense, known, bound, Math.min(statesMax, Math.floor(LOADS_MAX / dense.m)))
}

const refusal = (statesMax: number, where: string): Refusal => ({
  ok: false,
  strategy: 'dp',
  refused: 'states',
  reason: `more than ${statesMax} states, ${where}; plan fewer items at a time, or use heuristic or genetic`,
})

function byLoads(dense: Dense, known: Placement, bound: number, statesMax: number): ReturnType<Strategy> {
  const order = [...Array(dense.n).keys()].filter((i) => dense.placeable(i))
  order.sort((a, b) => (dense.size[b] as number) - (dense.size[a] as number) || a - b)
  const unplaceable = dense.weight.reduce((sum, weight, i) => sum + (dense.placeable(i) ? 0 : weight), 0)
  const toBeat = known.score()
  let layer: State[] = [{ step: undefined, placement: new Placement(dense), loss: unplaceable }]
  let states = 0
  for (const [n, i] of order.entries()) {
    const next = new Map<string, State>()
    for (const state of layer) {
      for (const grown of grow(state, i, toBeat)) {
        const key = keyOf(grown.placement)
        const rival = next.get(key)
        if (rival === undefined || grown.loss < rival.loss) next.set(key, grown)
      }
      if (states + next.size > statesMax) return refusal(statesMax, `at item ${n + 1} of ${order.length}`)
    }
    states += next.size
    layer = [...next.values()]
  }
  let best: { readonly placement: Placement; readonly score: Score } = { placement: known, score: toBeat }
  for (const state of layer) {
    const placement = rebuilt(dense, order, state.step)
    const score = placement.score()
    if (isBetter(score, best.score)) best = { placement, score }
  }
  return best.placement.toPlan('dp', states, { bound, optimal: true })
}

/** All that may come of a state by placing item `i` or leaving it out, if it can still be better than `toBeat`. */
function* grow(state: State, i: number, toBeat: Score): IterableIterator<State> {
  const { placement } = state
  const { dense } = placement
  const tried = new Set<string>()
  for (let j = 0; j < dense.m; j++) {
    if (!placement.takes(i, j)) continue
    // Of devices that are loaded alike one will do.
    const alike = `${dense.kind[j]} ${loadOf(placement, j)}`
    if (tried.has(alike)) continue
    tried.add(alike)
    const grown = placement.copy()
    grown.put(i, j)
    if (isBetter({ loss: state.loss, value: valueSoFar(grown) }, toBeat)) {
      yield { step: { before: state.step, device: j }, placement: grown, loss: state.loss }
    }
  }
  const loss = state.loss + (dense.weight[i] as number)
  if (isBetter({ loss, value: valueSoFar(placement) }, toBeat)) {
    yield { step: { before: state.step, device: -1 }, placement, loss }
  }
}

/** The objective of what is placed so far; it only grows from here. */
const valueSoFar = (placement: Placement): number => placement.score().value

/** All of device `j` that what is still to come, or the objective, depends on. */
function loadOf({ dense, left, count, busy }: Placement, j: number): string {
  switch (dense.objective) {
    case 'makespan':
      return dense.sideBySide
        ? `${left.subarray(j * dense.d, (j + 1) * dense.d).join()},${busy[j]}`
        : String(busy[j])
    case 'packing':
      return `${left.subarray(j * dense.d, (j + 1) * dense.d).join()},${count[j] === 0 ? 0 : 1}`
    case 'spread':
      return `${left.subarray(j * dense.d, (j + 1) * dense.d).join()},${count[j]}`
    case 'peak':
      return left.subarray(j * dense.d, (j + 1) * dense.d).join()
  }
}

/** Loads by kind, in an order of their own: which device of a kind has which is no matter. */
function keyOf(placement: Placement): string {
  const { kind, m } = placement.dense
  const loads = Array.from({ length: m }, (_, j) => `${kind[j]} ${loadOf(placement, j)}`)
  return loads.sort().join(';')
}

function rebuilt(dense: Dense, order: readonly number[], last: Step | undefined): Placement {
  const placement = new Placement(dense)
  let step = last
  for (let n = order.length - 1; step !== undefined; n--) {
    if (step.device >= 0) placement.put(order[n] as number, step.device)
    step = step.before
  }
  return placement
}
