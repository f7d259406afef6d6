/** Waiting for a process that may have to be ended by force. */
import { within } from './bounded-wait.ts'
import type { RunContext } from './child-run.ts'
import type { Ending } from './ending.ts'
import type { ProcessGroup } from './group.ts'

/**
 * Waits for a group's leader, and KILLs the group once its grace is over.
 *
 * @returns how the leader ended; `undefined` when it has not gone long after its KILL
 */
export async function exitOrKill<T>(
  exited: Promise<T>,
  group: ProcessGroup,
  ending: Ending,
  { limits: { killWaitMs }, log, task }: Pick<RunContext, 'limits' | 'log'> & { readonly task: string },
): Promise<T | undefined> {
  const exit = await ending.wait(exited)
  if (exit !== undefined) return exit
  group.signal('SIGKILL')
  const killed = await within(exited, killWaitMs)
  if (killed === undefined) {
    log.error({ task, pid: group.pid, killWaitMs }, 'a process does not go although it was killed')
  }
  return killed
}
