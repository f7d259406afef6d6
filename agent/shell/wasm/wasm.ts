/** The executor `wasm`: WebAssembly modules among the artifacts of the mesh, the same for every kind of device. */
import type { Attempt } from '../../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import type { Executor } from '../executor.ts'
import { RunTable } from '../run-table.ts'
import { type WasmContext, WasmRun } from './wasm-run.ts'

export class WasmExecutor implements Executor {
  readonly #context: WasmContext
  readonly #runs: RunTable<WasmRun>

  constructor(context: WasmContext) {
    this.#context = context
    this.#runs = new RunTable(context.emit, context.limits)
  }

  run(attempt: Attempt, task: string, spec: TaskSpec): void {
    this.#runs.start(attempt, () => new WasmRun(attempt, task, spec, this.#context))
  }

  /** No module is exclusive. */
  extend(): void {}

  kill(attempt: Attempt, graceMs: number): void {
    this.#runs.kill(attempt, graceMs)
  }

  /** What an earlier start left is found as commands are, and ended with them. */
  reap(): void {}

  async close(): Promise<void> {
    await this.#runs.close()
  }
}
