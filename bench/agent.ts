/** An agent of a benchmark: the real core in the real shell, with work that costs nothing, so that what is left is Covey. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from '../agent/core/agent.ts'
import { parseBrokerUrl } from '../agent/shell/broker-address.ts'
import type { Executor } from '../agent/shell/executor.ts'
import { openJournal } from '../agent/shell/journal.ts'
import { DEFAULT_LIMITS } from '../agent/shell/limits.ts'
import type { Emit } from '../agent/shell/link.ts'
import { createLog } from '../agent/shell/log.ts'
import { startAgent } from '../agent/shell/runtime.ts'
import type { Candidacy, TaskSpec } from '../shared/protocol/schemas/index.ts'

export interface BenchAgent {
  readonly url: string
  readonly mesh: string
  readonly device: string
  readonly candidate: Candidacy
  readonly executors: string[]
  readonly capacity: Readonly<Record<string, string | number>>
  /** What an attempt puts out. */
  readonly output: (spec: TaskSpec) => string
}

/** Ends every attempt as soon as it starts. */
class NoExecutor implements Executor {
  readonly #emit: Emit
  readonly #output: BenchAgent['output']

  constructor(emit: Emit, output: BenchAgent['output']) {
    this.#emit = emit
    this.#output = output
  }

  run(attempt: Parameters<Executor['run']>[0], _task: string, spec: TaskSpec): void {
    const end = { outcome: 'succeeded', result: { exitCode: 0, stdout: this.#output(spec) } } as const
    this.#emit({ in: 'ended', attempt, end })
  }

  extend(): void {}
  kill(): void {}
  reap(): void {}
  close(): Promise<void> {
    return Promise.resolve()
  }
}

const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** Starts an agent in this process, with an empty journal; resolves when it is connected. */
export async function startBenchAgent(options: BenchAgent): Promise<void> {
  const { url, mesh, device, candidate, executors, capacity, output } = options
  const folder = mkdtempSync(join(tmpdir(), 'covey-bench-'))
  folders.push(folder)
  const log = createLog({ level: 'silent' })
  const journal = await openJournal({ folder, durability: 'process', limits: DEFAULT_LIMITS, log })
  const core = new Agent({
    mesh,
    device,
    labels: {},
    capacity,
    executors,
    candidate,
    version: '0',
    seed: device,
  })
  const running = startAgent(core, {
    mesh,
    broker: parseBrokerUrl(url),
    log,
    journal: journal.contents,
    writer: journal.writer,
    executor: (emit) => new NoExecutor(emit, output),
    measure: () => ({ cpu: 0, memoryUsed: 0, memoryTotal: 2 ** 31 }),
  })
  await running.ready
}
