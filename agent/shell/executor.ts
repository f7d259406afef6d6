/** What the runtime needs of whatever runs attempts. */
import type { Given, JournalEntry, Now } from '../../shared/ports.ts'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import type { TaskSpec } from '../../shared/protocol/schemas/index.ts'

/**
 * Starts, observes and ends attempts, and tells of them with the inputs `started`, `output`, `checkpoint` and `ended`. It
 * never throws for an operating error: that ends the attempt.
 */
export interface Executor {
  /** With a lease it is ended when that is over, also while the agent is frozen or dead. */
  run(attempt: Attempt, task: string, spec: TaskSpec, given?: Given): void
  /** Leases of all that runs count from then on; one that is over stays over. */
  extend(from: Now): void
  kill(attempt: Attempt, graceMs: number): void
  /** Ends what a former incarnation left running. */
  reap(entries: readonly JournalEntry[]): void
  /** KILLs all that runs; resolves when it is gone and its files are removed. */
  close(): Promise<void>
}
