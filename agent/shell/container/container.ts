/** The executor `container`: images, run by the engine that the device has. */
import type { Attempt } from '../../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import type { Executor } from '../executor.ts'
import type { Log } from '../log.ts'
import { RunTable } from '../run-table.ts'
import { type ContainerContext, ContainerRun, DATA_LABEL, removeContainers } from './container-run.ts'
import type { ContainerEngine } from './engine.ts'

export class ContainerExecutor implements Executor {
  readonly #context: ContainerContext
  readonly #runs: RunTable<ContainerRun>

  constructor(context: ContainerContext) {
    this.#context = context
    this.#runs = new RunTable(context.emit, context.limits)
  }

  run(attempt: Attempt, task: string, spec: TaskSpec): void {
    this.#runs.start(attempt, () => new ContainerRun(attempt, task, spec, this.#context))
  }

  /** No container is exclusive: its engine would not end it while the agent is frozen. */
  extend(): void {}

  kill(attempt: Attempt, graceMs: number): void {
    this.#runs.kill(attempt, graceMs)
  }

  /** They were ended before the agent began, see `reapContainers`; by now its own may run. */
  reap(): void {}

  async close(): Promise<void> {
    await this.#runs.close()
  }
}

/**
 * Ends and removes the containers that a former start of the agent with this data folder left behind. The caller holds
 * the folder's lock and runs nothing yet.
 *
 * @returns how many there were
 */
export async function reapContainers(engine: ContainerEngine, data: string, log: Log): Promise<number> {
  const left = await engine.ask(['ps', '--all', '--quiet', '--filter', `label=${DATA_LABEL}=${data}`])
  if (left.code !== 0) {
    log.error({ error: left.stderr.trim() }, 'the containers that a former start left cannot be listed')
    return 0
  }
  const ids = left.stdout.split('\n').filter((id) => id !== '')
  await removeContainers(engine, ids, (error) => log.error({ error }, 'a container cannot be removed'))
  if (ids.length > 0)
    log.warn({ removed: ids.length }, 'removed containers that a former start of this agent left')
  return ids.length
}
