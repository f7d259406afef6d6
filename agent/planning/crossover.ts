/**
 * A child of two plans. Both parents' groups, the best first, are looked at side by side; the child takes a device
 * with all that is on it unless some of that is already placed (gene-level crossover of GGA-CGT, Quiroz-Castellanos
 * et al. 2015). What is left over is placed item by item.
 */
import { groupsOf, insert, loose } from './groups.ts'
import { Placement } from './placement.ts'

interface Gene {
  readonly device: number
  readonly items: readonly number[]
  /** Greater is better. */
  readonly merit: number
}

/** @param a the parent that goes first where both have a group of equal merit */
export function crossed(a: Placement, b: Placement): Placement {
  const child = new Placement(a.dense)
  const devices = new FreeDevices(child)
  const [own, others] = [genesOf(a), genesOf(b)]
  for (let at = 0; at < Math.max(own.length, others.length); at++) {
    const pair = [own[at], others[at]].filter((gene) => gene !== undefined)
    for (const { device, items } of pair.sort((x, y) => y.merit - x.merit)) {
      if (items.some((i) => child.at[i] !== -1)) continue
      const j = devices.draw(device)
      if (j !== undefined) for (const i of items) child.put(i, j)
    }
  }
  insert(child, loose(child))
  return child
}

/** A plan's groups, the best first: where devices should be few the fullest, else those nearest to the mean. */
function genesOf(placement: Placement): Gene[] {
  const { dense } = placement
  const groups = groupsOf(placement)
  const costs = groups.map((_, j) => placement.cost(j))
  const mean = costs.reduce((sum, cost) => sum + cost, 0) / Math.max(1, dense.m)
  const merit = (j: number): number =>
    dense.objective === 'packing' ? placement.share(j) : -Math.abs((costs[j] as number) - mean)
  const genes = groups.map((items, device): Gene => ({ device, items, merit: merit(device) }))
  return genes.filter(({ items }) => items.length > 0).sort((x, y) => y.merit - x.merit)
}

/** Devices of the child that nothing is on yet: a group may go to any that can stand for its own. */
class FreeDevices {
  readonly #child: Placement
  readonly #byKind: number[][]

  constructor(child: Placement) {
    this.#child = child
    this.#byKind = child.dense.first.map(() => [])
    for (const [j, kind] of child.dense.kind.entries()) this.#byKind[kind]?.push(j)
  }

  /** That device, or one just like it, if any is free. */
  draw(device: number): number | undefined {
    const { count, dense } = this.#child
    const isFree = (j: number): boolean => count[j] === dense.held[j]
    if (isFree(device)) return device
    const alike = this.#byKind[dense.kind[device] as number] as number[]
    while (alike.length > 0) {
      const j = alike.pop() as number
      if (isFree(j)) return j
    }
    return undefined
  }
}
