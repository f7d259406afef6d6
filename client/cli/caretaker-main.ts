/** The process behind client/caretaker.ts: argument 1 is its owner's folder, standard input tells what that started. */
import { rm } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { createInterface } from 'node:readline'
import type { CaretakerLine } from '../caretaker.ts'

const KILL_WAIT_MS = 5_000
const POLL_MS = 10

const root = process.argv[2]
if (root === undefined) throw new Error('the folder is missing')

const pids = new Set<number>()
for await (const text of createInterface({ input: process.stdin })) {
  const { pid, gone } = JSON.parse(text) as CaretakerLine
  if (gone) pids.delete(pid)
  else pids.add(pid)
}
await endProcesses()
await endGuards(root)
await reapTasks(root)
await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })

async function endProcesses(): Promise<void> {
  const { ProcessGroup } = await import('../../agent/shell/group.ts')
  const groups = [...pids].map((pid) => new ProcessGroup(pid))
  for (const group of groups) group.signal('SIGKILL')
  const untilMs = performance.now() + KILL_WAIT_MS
  while (groups.some((group) => group.alive)) {
    if (performance.now() > untilMs) throw new Error(`processes ${[...pids].join(', ')} do not go`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** A killed agent's guard of exclusive work stays until the last lease is over; the agent's folder is its argument. */
async function endGuards(folder: string): Promise<void> {
  const { listProcesses, readArguments } = await import('../../agent/shell/process-table.ts')
  const agents = join(folder, 'agents') + sep
  for (const { pid } of listProcesses() ?? []) {
    if (!readArguments(pid).some((word) => word.startsWith(agents))) continue
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      // It has gone meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** A killed agent's tasks live on in sessions of their own, and name its folder in their environment. */
async function reapTasks(folder: string): Promise<void> {
  const [{ reapLeftovers }, { createLog }, { DATA_VARIABLE }, processes] = await Promise.all([
    import('../../agent/shell/reap.ts'),
    import('../../agent/shell/log.ts'),
    import('../../agent/shell/child-environment.ts'),
    import('../../agent/shell/process-table.ts'),
  ])
  const mark = `${DATA_VARIABLE}=`
  const named = (processes.listProcesses() ?? [])
    .flatMap(({ pid }) => processes.readEnvironment(pid))
    .filter((variable) => variable.startsWith(mark + join(folder, 'agents') + sep))
    .map((variable) => variable.slice(mark.length))
  const log = createLog({ level: 'silent' })
  for (const data of new Set(named)) reapLeftovers(data, [], log)
}
