/** Why tasks wait, told in their statuses: when they begin to, and again while the fleet changes. */
import type { Office } from './office.ts'
import type { Preemption } from './preemption.ts'
import type { Explanation } from './scheduler/explain.ts'
import type { Statuses } from './statuses.ts'
import type { TaskRecord } from './task-record.ts'

/** Explanations of waiting tasks are renewed every so many ticks, for so many tasks of a shape. */
const EXPLAIN_TICKS = 5
const EXPLAINED_MAX = 100

export class Waits {
  readonly #office: Office
  readonly #preemption: Preemption
  readonly #statuses: Statuses
  #ticks = 0

  constructor(office: Office, preemption: Preemption, statuses: Statuses) {
    this.#office = office
    this.#preemption = preemption
    this.#statuses = statuses
  }

  /** That is why these tasks wait. */
  explain(tasks: Iterable<TaskRecord>, explanation: Explanation): void {
    for (const task of tasks) {
      if (task.explanation === explanation.text || this.#preemption.isFor(task)) continue
      task.explanation = explanation.text
      task.reasons = explanation.reasons
      task.impossible = explanation.impossible === true
      this.#statuses.touch(task)
    }
  }

  /** Why a task waits changes with the fleet; its status follows, for the first of each kind. */
  tick(): void {
    if (++this.#ticks % EXPLAIN_TICKS !== 0) return
    for (const { tasks, explanation } of this.#office.scheduler.blocked(this.#office.context.now)) {
      const first: TaskRecord[] = []
      for (const task of tasks) {
        if (first.length >= EXPLAINED_MAX) break
        first.push(task)
      }
      this.explain(first, explanation)
    }
  }
}
