/** The executor `container`: images, run by the engine that the device has. */
import type { Log } from '../log.ts'
import { PlainExecutor } from '../plain-executor.ts'
import { type ContainerContext, ContainerRun, DATA_LABEL, removeContainers } from './container-run.ts'
import type { ContainerEngine } from './engine.ts'

/** What an earlier start left was ended before the agent began, see `reapContainers`; by now its own may run. */
export class ContainerExecutor extends PlainExecutor {
  constructor(context: ContainerContext) {
    super(context, (attempt, task, spec, given) => new ContainerRun(attempt, task, spec, context, given))
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
