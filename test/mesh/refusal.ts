/** Other content under the id of a task that runs: refused, unless nobody was in office just then. */
import { isTerminal, type TaskStatus } from '../../shared/protocol/schemas/index.ts'

/** A reign ends by chance only where the machine stands still for longer than a lease. */
const TRIES_MAX = 10

/** Whoever looks on: it knows statuses, and waits for them. */
interface Onlooker {
  statuses(task: string): TaskStatus[]
  until(read: () => TaskStatus | undefined, what: string): Promise<TaskStatus>
}

export interface Refusal<T> {
  readonly id: string
  readonly status: TaskStatus
  readonly begun: T
}

/**
 * Begins tasks and sends other content under their ids until one is refused. What comes while nobody is in office
 * replaces the first content, and the task ends for that; then another is tried.
 *
 * @param name of the tasks, which are `name-0`, `name-1`, …
 * @param begin submits the task and waits until it runs
 * @param replace sends the other content
 * @returns the first that was refused, with the status that says so, or the last
 */
export async function refusal<T>(
  onlooker: Onlooker,
  name: string,
  begin: (id: string) => Promise<T>,
  replace: (id: string) => Promise<void>,
): Promise<Refusal<T>> {
  for (let n = 0; ; n++) {
    const id = `${name}-${n}`
    const begun = await begin(id)
    await replace(id)
    const told = () =>
      onlooker.statuses(id).find(({ refused, state }) => refused !== undefined || isTerminal(state))
    const status = await onlooker.until(told, `the refusal of other content for ${id}`)
    if (!isTerminal(status.state) || n === TRIES_MAX) return { id, status, begun }
  }
}
