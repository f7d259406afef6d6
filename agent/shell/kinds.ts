/** Which kinds of work a device takes: what was wished for, and what is there. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { EXECUTORS, type ExecutorName } from '../../shared/protocol/schemas/index.ts'
import type { ArtifactCache } from './artifacts/cache.ts'
import type { RunContext } from './child-run.ts'
import { ContainerExecutor } from './container/container.ts'
import { type ContainerEngine, type EngineOptions, findEngine } from './container/engine.ts'
import { ExecExecutor } from './exec.ts'
import type { Executor } from './executor.ts'
import type { ExecutorsByName } from './executors.ts'
import { FunctionExecutor, type FunctionModule, loadFunctions } from './function/function.ts'
import type { ExecLimits, Limiter } from './limiter/limiter.ts'
import type { CpuLimit } from './limiter/wished-limits.ts'
import type { ShellLimits } from './limits.ts'
import type { Log } from './log.ts'
import { WasmExecutor } from './wasm/wasm.ts'

export interface KindOptions extends EngineOptions {
  /** Kinds of work to take. Default: all that the device can. */
  readonly executors?: readonly string[]
  /** File of the module whose functions the device offers. */
  readonly functions?: string
  /** How a stated `cpu` is held. Default: "share". */
  readonly cpuLimit?: CpuLimit
  /** What holds commands to their limits. Default: "auto". */
  readonly execLimits?: ExecLimits
}

export interface Kinds {
  readonly names: readonly ExecutorName[]
  /** Present when functions are among them. */
  readonly functions: FunctionModule | undefined
  /** Present when containers are among them. */
  readonly engine: ContainerEngine | undefined
  readonly cpuLimit: CpuLimit
}

/**
 * Finds out what the device can run.
 *
 * @throws CoveyError E_USAGE for wishes that contradict each other, E_FUNCTIONS when the module cannot be used,
 *   E_ENGINE when containers are wished for and no engine works
 */
export async function findKinds(options: KindOptions, limits: ShellLimits, log: Log): Promise<Kinds> {
  const wished = options.executors?.map(known)
  const wants = (name: ExecutorName, byDefault: boolean) => wished?.includes(name) ?? byDefault
  const withFunctions = wants('function', options.functions !== undefined)
  if (withFunctions && options.functions === undefined) {
    throw new CoveyError('E_USAGE', 'executor "function" has no module', {
      remedy: 'Name the module with --functions FILE, or leave the executor out',
    })
  }
  if (!withFunctions && options.functions !== undefined) {
    throw new CoveyError('E_USAGE', 'there is a module of functions, but no executor "function"', {
      remedy: 'Add "function" to --executors, or leave --functions out',
    })
  }
  const functions =
    withFunctions && options.functions !== undefined
      ? await loadFunctions(options.functions, limits)
      : undefined
  const engine = wants('container', true)
    ? await engineFor(options, wished !== undefined || options.containerEngine !== undefined, log)
    : undefined
  const has = {
    exec: wants('exec', true),
    function: functions !== undefined,
    container: engine !== undefined,
    wasm: wants('wasm', true),
  }
  const { cpuLimit = 'share' } = options
  return { names: EXECUTORS.filter((name) => has[name]), functions, engine, cpuLimit }
}

/** An engine that nobody asked for may be absent or broken: the device then takes no containers. */
async function engineFor(
  options: EngineOptions,
  asked: boolean,
  log: Log,
): Promise<ContainerEngine | undefined> {
  try {
    const engine = await findEngine(options)
    if (engine === undefined && asked) {
      throw new CoveyError('E_ENGINE', 'there is neither podman nor docker')
    }
    return engine
  } catch (error) {
    if (asked) throw error
    log.warn({ error: (error as Error).message }, 'the device takes no containers: its engine does not work')
    return undefined
  }
}

function known(name: string): ExecutorName {
  const found = EXECUTORS.find((executor) => executor === name)
  if (found !== undefined) return found
  throw new CoveyError('E_USAGE', `executor ${JSON.stringify(name)} is unknown`, {
    remedy: `Use one of: ${EXECUTORS.join(', ')}`,
  })
}

/** The executors of those kinds. */
export function makeExecutors(
  kinds: Kinds,
  context: RunContext & { readonly artifacts: ArtifactCache },
  limiter: Limiter,
): ExecutorsByName {
  const made = new Map<ExecutorName, Executor>()
  // What a former start left behind is ended in any case, so this one is always there.
  made.set('exec', new ExecExecutor(context, limiter))
  if (kinds.functions !== undefined) made.set('function', new FunctionExecutor(context, kinds.functions))
  if (kinds.names.includes('wasm')) made.set('wasm', new WasmExecutor({ ...context, limiter }))
  const { engine, cpuLimit } = kinds
  if (engine !== undefined) made.set('container', new ContainerExecutor({ ...context, engine, cpuLimit }))
  return made
}

/** What the log says of them. */
export function shown({ names, functions, engine }: Kinds): object {
  return {
    executors: names,
    ...(functions === undefined ? {} : { functions: functions.names }),
    ...(engine === undefined ? {} : { engine: engine.program }),
  }
}
