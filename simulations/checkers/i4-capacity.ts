/**
 * I4: what runs on a device never asks for more than its capacity, in any dimension. Counted are processes as
 * the executor has them, also those whose agent has died: a device has no more memory for not knowing of them.
 */
import { accumulate, type Resources, shortfall } from '../../shared/model/resources.ts'
import { demandOf } from '../../shared/model/task.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'

export class CapacityChecker implements Checker {
  readonly name = 'I4'
  readonly #violations: Violations
  readonly #used = new Map<string, Record<string, number>>()
  readonly #demands = new WeakMap<TaskSpec, Resources>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  process(node: SimNode, process: Process, running: boolean): void {
    let used = this.#used.get(node.device)
    if (used === undefined) {
      used = {}
      this.#used.set(node.device, used)
    }
    accumulate(used, this.#demand(process.spec), running ? 1 : -1)
    if (!running) return
    const over = shortfall(used, node.capacity)
    if (over === undefined) return
    const found = `${used[over.name]} (in thousandths) with ${process.key}, ${node.executor.processes.size} processes`
    this.#violations.add(
      'I4',
      node.device,
      `at most ${node.capacity[over.name] ?? 0} ${over.name} in use`,
      found,
    )
  }

  #demand(spec: TaskSpec): Resources {
    let demand = this.#demands.get(spec)
    if (demand === undefined) {
      demand = demandOf(spec).resources
      this.#demands.set(spec, demand)
    }
    return demand
  }
}
