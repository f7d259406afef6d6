/**
 * One attempt as a WebAssembly module, in a process of its own: a loop in it stops nobody else, and KILL ends it
 * whatever it does. It has no signals, so TERM ends it at once.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { demandOf } from '../../../shared/model/task.ts'
import type { Given, RunEnd } from '../../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../../shared/protocol/attempt.ts'
import type { TaskSpec, WasmRun as WasmSpec } from '../../../shared/protocol/schemas/index.ts'
import type { ArtifactCache } from '../artifacts/cache.ts'
import { placeArtifact, placeArtifacts } from '../artifacts/inputs.ts'
import { within } from '../bounded-wait.ts'
import { builtEntry } from '../built-entry.ts'
import { CHECKPOINT_FILE, CHECKPOINT_VARIABLE, CheckpointFile } from '../checkpoint-file.ts'
import { ATTEMPT_VARIABLE, DATA_VARIABLE, gpuVariables, workVariables } from '../child-environment.ts'
import { ChildOutput } from '../child-output.ts'
import { type Exit, feed, type RunContext, watchExit } from '../child-run.ts'
import { Ending } from '../ending.ts'
import { failed } from '../failed.ts'
import { exitOrKill } from '../forced-exit.ts'
import { ProcessGroup } from '../group.ts'
import type { Hold, Limiter } from '../limiter/limiter.ts'
import { wishedLimits } from '../limiter/wished-limits.ts'
import type { Run } from '../run-table.ts'
import { makeWorkFolder, removeWorkFolder } from '../work-folder.ts'
import { CHECKPOINT_MOUNT, type ModuleOrder, type ModuleReport, memoryHint } from './messages.ts'

const PROGRAM = fileURLToPath(builtEntry('wasm/module-main'))
/** For what the engine keeps beside the module's memory: its own objects, and those of modules with a collector. */
const HEAP_MIB_MAX = 64
/** How V8 ends a process that it cannot go on in. */
const ENGINE_ABORTS: readonly NodeJS.Signals[] = ['SIGABRT', 'SIGTRAP', 'SIGILL']
/** Bytes from the thousandths in which resources are counted. */
const THOUSANDTHS = 1_000

export interface WasmContext extends RunContext {
  readonly artifacts: ArtifactCache
  readonly limiter: Limiter
}

export class WasmRun implements Run {
  readonly done: Promise<void>
  readonly #attempt: Attempt
  readonly #task: string
  readonly #spec: TaskSpec
  readonly #run: WasmSpec
  readonly #context: WasmContext
  readonly #memoryBytesMax: number
  readonly #output: ChildOutput
  /** Aborted when it is to end before it began. */
  readonly #early = new AbortController()
  readonly #ending = new Ending()
  #group: ProcessGroup | undefined
  #folder: string | undefined
  #hold: Hold | undefined
  readonly #given: Given
  #checkpoint: CheckpointFile | undefined

  constructor(attempt: Attempt, task: string, spec: TaskSpec, context: WasmContext, given: Given) {
    this.#given = given
    this.#attempt = attempt
    this.#task = task
    this.#spec = spec
    this.#run = spec.run as WasmSpec
    this.#context = context
    this.#memoryBytesMax = Math.floor((demandOf(spec).resources['memory'] ?? 0) / THOUSANDTHS)
    this.#output = new ChildOutput(attempt, task, context)
    this.done = this.#toEnd()
  }

  kill(graceMs: number): void {
    this.#early.abort()
    if (graceMs > 0) this.#group?.signal('SIGTERM')
    this.#ending.ask(graceMs)
  }

  async #toEnd(): Promise<void> {
    let end: RunEnd
    try {
      end = await this.#placeAndRun()
    } catch (error) {
      end = failed('E_START', `start the module: ${(error as Error).message}`)
    }
    this.#hold?.release()
    this.#checkpoint?.end()
    this.#context.emit({ in: 'ended', attempt: this.#attempt, end })
    if (this.#folder !== undefined) await removeWorkFolder(this.#folder, this.#context.log)
  }

  async #placeAndRun(): Promise<RunEnd> {
    const { agent, artifacts: cache, limits } = this.#context
    const early = this.#early.signal
    this.#folder = makeWorkFolder(agent, this.#attempt)
    const module = join(this.#folder, 'module.wasm')
    const files = join(this.#folder, 'files')
    mkdirSync(files, { mode: 0o700 })
    const fault = await placeArtifact(this.#run.wasm.module, module, cache, early)
    if (fault !== undefined) return fault
    const { size } = statSync(module)
    if (size > limits.moduleBytesMax) {
      return failed('E_MODULE', `the module has ${size} bytes, and ${limits.moduleBytesMax} are possible`)
    }
    const placed = await placeArtifacts(this.#spec, { cache, attemptFolder: () => files, early })
    if ('outcome' in placed) return placed
    this.#checkpoint = new CheckpointFile(
      this.#folder,
      this.#attempt,
      this.#given.checkpoint,
      this.#context.emit,
    )
    return this.#runToEnd(this.#order(module, files, dirname(this.#checkpoint.path)))
  }

  #order(module: string, files: string, checkpoint: string): ModuleOrder {
    const { agent, limits } = this.#context
    const { env = {}, wasm } = this.#run
    return {
      module,
      files,
      checkpoint,
      args: wasm.args ?? [],
      env: {
        ...env,
        COVEY_MESH: agent.mesh,
        COVEY_DEVICE: agent.device,
        ...workVariables(this.#task),
        ...gpuVariables(this.#given.gpus),
        [ATTEMPT_VARIABLE]: attemptKey(this.#attempt),
        [CHECKPOINT_VARIABLE]: `${CHECKPOINT_MOUNT}/${CHECKPOINT_FILE}`,
      },
      filesBytesMax: limits.moduleFilesBytesMax,
      memoryBytesMax: this.#memoryBytesMax,
    }
  }

  async #runToEnd(order: ModuleOrder): Promise<RunEnd> {
    const { input } = this.#spec
    const { cpuMilli } = wishedLimits(this.#spec)
    // Its memory is held by the module itself; what holds processes to theirs would count the engine's too.
    const wished = cpuMilli === undefined ? {} : { cpuMilli }
    this.#hold = this.#context.limiter.prepare(attemptKey(this.#attempt), wished)
    const command = [process.execPath, `--max-old-space-size=${HEAP_MIB_MAX}`, PROGRAM] as const
    const [program, ...args] = this.#hold?.wrap([...command]) ?? command
    const child = spawn(program, args, {
      // A later agent finds it by these two.
      env: { [ATTEMPT_VARIABLE]: attemptKey(this.#attempt), [DATA_VARIABLE]: this.#context.agent.data },
      cwd: order.files,
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'ipc'],
    })
    const exited = watchExit(child)
    if (child.pid === undefined) {
      const { error } = await exited
      return failed('E_START', `start the process of the module: ${error?.message ?? 'unknown error'}`)
    }
    this.#group = new ProcessGroup(child.pid)
    this.#context.emit({ in: 'started', attempt: this.#attempt, pid: child.pid })
    const reported = exchangeWith(child, order)
    if (input !== undefined) feed(child, input, this.#task, this.#context.log)
    this.#output.listen(child)
    const exit = await exitOrKill(exited, this.#group, this.#ending, { ...this.#context, task: this.#task })
    await this.#output.drain()
    child.stdin?.destroy()
    if (exit === undefined) child.unref()
    return this.#conclude(exit, await within(reported, this.#context.limits.pipeDrainMs))
  }

  #conclude(exit: Exit | undefined, report: ModuleReport | undefined): RunEnd {
    const output = { ...this.#output.body(), limits: { ...this.#hold?.held, memory: 'wasm' } }
    if (report !== undefined && 'fault' in report) {
      return { ...failed(report.fault.code, report.fault.message), result: output }
    }
    if (report !== undefined) {
      const { exitCode, memoryBytes } = report
      const result = { exitCode, ...output }
      if (exitCode === 0) return { outcome: 'succeeded', result }
      const hint = memoryHint(memoryBytes, this.#memoryBytesMax)
      const how = `code ${exitCode}${hint === undefined ? '' : `, ${hint}`}`
      return { ...failed('E_EXIT', `the module ended with ${how}`), result }
    }
    if (exit === undefined) {
      return { ...failed('E_SIGNAL', 'the module was killed and has not gone yet'), result: output }
    }
    const { code, signal } = exit
    if (signal !== null && ENGINE_ABORTS.includes(signal) && /out of memory/i.test(output.stderr ?? '')) {
      return {
        ...failed('E_MEMORY', 'the engine ran out of memory beside that of the module'),
        result: output,
      }
    }
    if (signal === null) {
      return { ...failed('E_START', `the process of the module ended with code ${code}`), result: output }
    }
    return {
      ...failed('E_SIGNAL', `the module was ended by signal ${signal}`),
      result: { signal, ...output },
    }
  }
}

/** Sends the order; resolves with the report, or with nothing when there will be none. */
function exchangeWith(child: ChildProcess, order: ModuleOrder): Promise<ModuleReport | undefined> {
  return new Promise((resolve) => {
    child.once('message', (report) => resolve(report as ModuleReport))
    child.once('disconnect', () => resolve(undefined))
    // It may be gone already; its exit tells that.
    child.send(order, () => undefined)
  })
}
