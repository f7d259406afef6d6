/**
 * An executor of work that needs no more than to be begun: none of it is exclusive, since nobody but the agent could
 * end it, and what an earlier start left of it is ended before this one takes work.
 */
import type { Given } from '../../shared/ports.ts'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { RunContext } from './child-run.ts'
import type { Executor } from './executor.ts'
import { type Run, RunTable } from './run-table.ts'

type Begin = (attempt: Attempt, task: string, spec: TaskSpec, given: Given) => Run

export class PlainExecutor implements Executor {
  readonly #begin: Begin
  readonly #runs: RunTable<Run>

  constructor({ emit, limits }: Pick<RunContext, 'emit' | 'limits'>, begin: Begin) {
    this.#begin = begin
    this.#runs = new RunTable(emit, limits)
  }

  run(attempt: Attempt, task: string, spec: TaskSpec, given: Given = {}): void {
    this.#runs.start(attempt, () => this.#begin(attempt, task, spec, given))
  }

  extend(): void {}

  kill(attempt: Attempt, graceMs: number): void {
    this.#runs.kill(attempt, graceMs)
  }

  reap(): void {}

  async close(): Promise<void> {
    await this.#runs.close()
  }
}
