/**
 * The executor `function`: handlers of the user's own module, each call in a worker thread, so that a loop stops
 * neither the heartbeat nor other calls. The threads live in a process of their own, so that whatever ends that
 * process does not end the agent; but they share it, and what one does to it (its working directory, its signals) it
 * does to all.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CoveyError } from '../../../shared/errors/errors.ts'
import { demandOf } from '../../../shared/model/task.ts'
import type { Given } from '../../../shared/ports.ts'
import type { Attempt } from '../../../shared/protocol/attempt.ts'
import type { FunctionRun, TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import type { RunContext } from '../child-run.ts'
import type { Executor } from '../executor.ts'
import type { ShellLimits } from '../limits.ts'
import { RunTable } from '../run-table.ts'
import { FunctionCall } from './call.ts'
import { FunctionHost } from './host.ts'
import { Threads } from './threads.ts'

/** A module of functions that has proved to load. */
export interface FunctionModule {
  readonly url: string
  readonly names: readonly string[]
}

const LOAD_MEMORY_BYTES = 64 * 2 ** 20

/**
 * Loads a module once, in a thread, to learn what it exports.
 *
 * @throws CoveyError E_FUNCTIONS that says why it cannot be used
 */
export async function loadFunctions(path: string, limits: ShellLimits): Promise<FunctionModule> {
  const file = resolve(path)
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw new CoveyError('E_FUNCTIONS', `${file} is no file`)
  }
  const url = pathToFileURL(file).href
  const agent = { mesh: '', device: '' }
  const host = new FunctionHost(limits.killWaitMs)
  const { logBytesPerSecondMax, functionLoadMs, killWaitMs } = limits
  const wished = { logBytesPerSecondMax, functionLoadMs, killWaitMs }
  const thread = host.start({ module: url, agent, memoryBytesMax: LOAD_MEMORY_BYTES, limits: wished })
  const loaded = await thread.loaded
  await host.close()
  if ('code' in loaded) throw new CoveyError('E_FUNCTIONS', `${file}: ${loaded.message}`)
  return { url, names: loaded }
}

/** Bytes from the thousandths in which resources are counted. */
const THOUSANDTHS = 1_000

export class FunctionExecutor implements Executor {
  readonly #context: RunContext
  readonly #threads: Threads
  readonly #runs: RunTable<FunctionCall>

  constructor(context: RunContext, module: FunctionModule) {
    const { agent, limits } = context
    this.#context = context
    this.#threads = new Threads({ module: module.url, agent, limits }, limits)
    this.#runs = new RunTable(context.emit, limits)
  }

  run(attempt: Attempt, task: string, spec: TaskSpec, { checkpoint, gpus = [] }: Given = {}): void {
    const { function: name } = spec.run as FunctionRun
    const memoryBytesMax = Math.floor((demandOf(spec).resources['memory'] ?? 0) / THOUSANDTHS)
    const { input, artifacts } = spec
    const wish = { attempt, task, name, input, artifacts, memoryBytesMax, checkpoint, gpus }
    this.#runs.start(attempt, () => new FunctionCall(wish, this.#context, this.#threads))
  }

  /** No function is exclusive: it could not be ended by itself while its agent is frozen. */
  extend(): void {}

  kill(attempt: Attempt, graceMs: number): void {
    this.#runs.kill(attempt, graceMs)
  }

  /** The process that calls run in, while there is one. */
  get pid(): number | undefined {
    return this.#threads.pid
  }

  /** A call has ended with the agent that made it: its process ends by itself then. */
  reap(): void {}

  async close(): Promise<void> {
    await this.#runs.close()
    await this.#threads.close()
  }
}
