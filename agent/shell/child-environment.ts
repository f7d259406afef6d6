/** The environment of a child: a minimum of the agent's own, what the task adds, and who runs it. */
import { tmpdir } from 'node:os'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { parseWork } from '../../shared/protocol/ids.ts'

/** Who runs a child; it can read this in its environment. */
export interface AgentIdentity {
  readonly mesh: string
  readonly device: string
  /** The data folder as an absolute path without symbolic links. */
  readonly data: string
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Below the data folder: the working directories of attempts. */
export const WORK_FOLDER = 'work'

/** In the environment of every child: by these two a later agent finds what an earlier one left running. */
export const DATA_VARIABLE = 'COVEY_AGENT_DATA'
export const ATTEMPT_VARIABLE = 'COVEY_ATTEMPT'

/** What runs: the task, and of an array which of its elements. */
export function workVariables(name: string): Record<string, string> {
  const { task, element } = parseWork(name)
  return element === undefined ? { COVEY_TASK: task } : { COVEY_TASK: task, COVEY_ELEMENT: String(element) }
}

/** Which GPUs a child may use, in Covey's word and in that of CUDA, which shows a program no others then. */
export function gpuVariables(gpus: readonly number[] = []): Record<string, string> {
  if (gpus.length === 0) return {}
  const list = gpus.join(',')
  return { COVEY_GPUS: list, CUDA_VISIBLE_DEVICES: list }
}

/** The task's own variables win over the minimum, never over Covey's. */
export function childEnvironment(
  agent: AgentIdentity,
  attempt: Attempt,
  task: string,
  cwd: string,
  own: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { PATH, HOME, LANG } = process.env
  return {
    PATH: PATH ?? DEFAULT_PATH,
    HOME: HOME ?? cwd,
    LANG: LANG ?? 'C.UTF-8',
    TMPDIR: tmpdir(),
    ...own,
    COVEY_MESH: agent.mesh,
    COVEY_DEVICE: agent.device,
    ...workVariables(task),
    [ATTEMPT_VARIABLE]: attemptKey(attempt),
    [DATA_VARIABLE]: agent.data,
  }
}
