/**
 * I9: nothing grows without bound. What a mesh keeps may grow with its devices and its unfinished tasks and with
 * nothing else; time and faults add nothing that stays.
 */
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import type { SimNode } from '../node/node.ts'
import type { World } from '../world.ts'
import type { Checker, Violations } from './checker.ts'

/** Of one step, beyond one a task and a device. */
const EFFECTS_MAX = 1_000
const TIMERS_PER_NODE_MAX = 100
/** Of all devices, beyond what runs and one for two tasks: results whose acknowledgement is under way, or was lost. */
const JOURNAL_ENTRIES_MAX = 20
/** What an agent subscribes to for itself, beyond one a task. */
const FILTERS_PER_LINK_MAX = 16
/** Retained messages that belong to no device and no task. */
const RETAINED_MESH_MAX = 8

export class BoundsChecker implements Checker {
  readonly name = 'I9'
  readonly #violations: Violations
  readonly #world: () => World
  readonly #tasks: number

  /** @param tasks how many tasks will be submitted in all */
  constructor(violations: Violations, tasks: number, world: () => World) {
    this.#violations = violations
    this.#tasks = tasks
    this.#world = world
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[]): void {
    const max = EFFECTS_MAX + 4 * this.#tasks + 2 * this.#world().nodes.length
    if (effects.length > max)
      this.#over(node.device, 'effects of one step', max, `${effects.length} of ${input.in}`)
  }

  /** Looks at what has piled up now. */
  finish(): void {
    const world = this.#world()
    const { nodes, broker } = world
    const filtersMax = FILTERS_PER_LINK_MAX + this.#tasks
    let entries = 0
    let runs = 0
    for (const node of nodes) {
      const timersMax = TIMERS_PER_NODE_MAX + 4 * this.#tasks
      if (node.timers.size > timersMax) this.#over(node.device, 'timers', timersMax, node.timers.size)
      entries += node.disk.entryCount
      runs += node.executor.processes.size
      for (const link of ['device', 'seat'] as const) {
        const filters = node.connection(link)?.filters.size ?? 0
        if (filters > filtersMax) this.#over(node.device, `filters on its ${link} link`, filtersMax, filters)
      }
    }
    const entriesMax = JOURNAL_ENTRIES_MAX + this.#tasks / 2 + runs
    if (entries > entriesMax) this.#over('all devices', 'journal entries', entriesMax, entries)
    const retainedMax = RETAINED_MESH_MAX + 3 * nodes.length + 2 * this.#tasks
    if (broker.retained.size > retainedMax) {
      this.#over('broker', 'retained messages', retainedMax, broker.retained.size)
    }
    const clients = 2 * nodes.length + world.submitters.length
    if (broker.connectionCount > clients) {
      this.#over('broker', 'connections', clients, broker.connectionCount)
    }
  }

  #over(who: string, what: string, max: number, found: number | string): void {
    this.#violations.add('I9', who, `at most ${max} ${what}`, String(found))
  }
}
