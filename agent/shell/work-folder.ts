/** The folder of one attempt below the agent's data folder, gone when the attempt is. */
import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { type AgentIdentity, WORK_FOLDER } from './child-environment.ts'
import type { Log } from './log.ts'

/** @throws Error of the system */
export function makeWorkFolder(agent: Pick<AgentIdentity, 'data'>, attempt: Attempt): string {
  const folder = join(agent.data, WORK_FOLDER, attemptKey(attempt))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

export async function removeWorkFolder(folder: string, log: Log): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  } catch (error) {
    log.warn({ folder, error: (error as Error).message }, 'a working directory cannot be removed')
  }
}
