/**
 * I4: what runs on a device never asks for more than its capacity, in any dimension, and of no GPU for more than there
 * is of it; what asks for GPUs has as many as it takes. Counted are processes as the executor has them, also those whose
 * agent has died: a device has no more memory for not knowing of them.
 */
import { Gpus, gpuMilliOf } from '../../shared/model/gpus.ts'
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
  readonly #gpus = new Map<string, Gpus>()
  readonly #demands = new WeakMap<TaskSpec, Resources>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  process(node: SimNode, process: Process, running: boolean): void {
    this.#processGpus(node, process, running)
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

  #processGpus(node: SimNode, { key, spec, gpus }: Process, running: boolean): void {
    const milli = gpuMilliOf(this.#demand(spec))
    if (milli === 0 && gpus.length === 0) return
    let counts = this.#gpus.get(node.device)
    if (counts === undefined) {
      counts = new Gpus(node.capacity)
      this.#gpus.set(node.device, counts)
    }
    const refusal = running ? counts.refusal(gpus, milli) : undefined
    counts.count(gpus, milli, running ? 1 : -1)
    if (refusal === undefined) return
    this.#violations.add(
      'I4',
      node.device,
      `room for ${milli}m gpu on gpus ${gpus.join(', ')}`,
      `${refusal}, ${key}`,
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
