/**
 * One attempt as a process group: started, fed, listened to, and ended as a whole. The attempt is over when its
 * leader is; what the leader leaves behind in its group is KILLed, after what is left of the grace if it was asked
 * to end. A process that made itself a session of its own lives on when its leader ends by itself, and is found and
 * ended when the attempt is killed, or when the agent starts again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Given, Lease, RunEnd } from '../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import type { ExecRun, TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { ArtifactCache } from './artifacts/cache.ts'
import { ARTIFACTS_VARIABLE, placeArtifacts } from './artifacts/inputs.ts'
import { CHECKPOINT_VARIABLE, CheckpointFile } from './checkpoint-file.ts'
import { type AgentIdentity, childEnvironment, gpuVariables } from './child-environment.ts'
import { ChildOutput } from './child-output.ts'
import { Ending } from './ending.ts'
import { failed } from './failed.ts'
import { exitOrKill } from './forced-exit.ts'
import { ProcessGroup } from './group.ts'
import type { Guard } from './guard.ts'
import type { Hold, Limiter } from './limiter/limiter.ts'
import { wishedLimits } from './limiter/wished-limits.ts'
import type { ShellLimits } from './limits.ts'
import type { Emit } from './link.ts'
import type { Log } from './log.ts'
import { programFault } from './program.ts'
import { reapAttempt } from './reap.ts'
import type { Run } from './run-table.ts'
import { makeWorkFolder, removeWorkFolder } from './work-folder.ts'

const GROUP_POLL_MS_MAX = 100

export interface RunContext {
  readonly agent: AgentIdentity
  readonly emit: Emit
  readonly log: Log
  readonly limits: ShellLimits
  /** What the device has of artifacts; without it no task gets any. */
  readonly artifacts?: ArtifactCache | undefined
}

/** Who ends exclusive work when its lease is over. */
export interface Guarded {
  readonly guard: Guard
  readonly lease: Lease
}

/** What holds a command, beside its timeout; each `undefined` when nothing does. */
export interface Bounds {
  readonly guarded: Guarded | undefined
  readonly limiter: Limiter | undefined
}

export class ChildRun implements Run {
  readonly attempt: Attempt
  /** Resolves after `ended` was emitted and the files of the attempt are removed. */
  readonly done: Promise<void>
  readonly #context: RunContext
  readonly #spec: TaskSpec
  readonly #command: ExecRun
  readonly #task: string
  readonly #output: ChildOutput
  readonly #guarded: Guarded | undefined
  readonly #given: Given
  #checkpoint: CheckpointFile | undefined
  #lapsed = false
  #workFolder: string | undefined
  #group: ProcessGroup | undefined
  readonly #ending = new Ending()
  /** Aborted when it is to end before it began. */
  readonly #early = new AbortController()
  readonly #limiter: Limiter | undefined
  #hold: Hold | undefined

  constructor(
    attempt: Attempt,
    task: string,
    spec: TaskSpec,
    context: RunContext,
    bounds: Bounds,
    given: Given,
  ) {
    this.attempt = attempt
    this.#given = given
    this.#task = task
    this.#spec = spec
    this.#command = spec.run as ExecRun
    this.#context = context
    this.#guarded = bounds.guarded
    this.#limiter = bounds.limiter
    this.#output = new ChildOutput(attempt, task, context)
    this.done = this.#run()
  }

  /** TERM now, KILL after the grace; asked again, the earlier KILL holds. */
  kill(graceMs: number): void {
    if (graceMs > 0 && this.#group?.signal('SIGTERM') === true) {
      // A stopped process would sleep through its grace.
      this.#group.signal('SIGCONT')
    }
    this.#ending.ask(graceMs)
    this.#early.abort()
  }

  async #run(): Promise<void> {
    let end: RunEnd
    try {
      const hindrance = await this.#hindrance()
      end = hindrance === undefined ? await this.#prepareAndRun() : failed('E_LEASE', hindrance)
    } catch (error) {
      end = failed('E_START', `start ${this.#command.exec[0]}: ${(error as Error).message}`)
    }
    if (this.#guarded !== undefined) {
      const key = attemptKey(this.attempt)
      if (end.outcome === 'failed' && this.#overdue) end = { ...end, lapsed: true }
      this.#guarded.guard.drop(key)
    }
    this.#hold?.release()
    this.#checkpoint?.end()
    this.#context.emit({ in: 'ended', attempt: this.attempt, end })
    if (this.#workFolder !== undefined) await removeWorkFolder(this.#workFolder, this.#context.log)
  }

  /** It is exclusive, and its lease is over. */
  get #overdue(): boolean {
    return this.#guarded !== undefined && (this.#lapsed || this.#guarded.guard.over(attemptKey(this.attempt)))
  }

  /** Exclusive work starts only when its guard has it, and nobody has ended it meanwhile. */
  async #hindrance(): Promise<string | undefined> {
    if (this.#guarded === undefined) return undefined
    const { guard, lease } = this.#guarded
    const lapse = () => {
      this.#lapsed = true
      this.kill(0)
    }
    const result = await guard.hold(attemptKey(this.attempt), lease, lapse)
    if (result !== 'held') this.#lapsed = true
    if (result === 'no-guard') return 'no guard could be started'
    return this.#lapsed || this.#ending.asked ? 'its lease was over' : undefined
  }

  async #prepareAndRun(): Promise<RunEnd> {
    const cwd = this.#enterFolder()
    const placed = await placeArtifacts(this.#spec, {
      cache: this.#context.artifacts,
      attemptFolder: () => this.#ownFolder(),
      early: this.#early.signal,
    })
    return 'outcome' in placed ? placed : this.#runToEnd(cwd, placed.folder)
  }

  async #runToEnd(cwd: string, artifacts: string | undefined): Promise<RunEnd> {
    const { input } = this.#spec
    const { exec, env: added } = this.#command
    const command = exec as [string, ...string[]]
    const own = { ...added, ...gpuVariables(this.#given.gpus) }
    const env = childEnvironment(this.#context.agent, this.attempt, this.#task, cwd, own)
    if (artifacts !== undefined) env[ARTIFACTS_VARIABLE] = artifacts
    const { emit } = this.#context
    this.#checkpoint = new CheckpointFile(this.#ownFolder(), this.attempt, this.#given.checkpoint, emit)
    env[CHECKPOINT_VARIABLE] = this.#checkpoint.path
    this.#hold = this.#limiter?.prepare(attemptKey(this.attempt), wishedLimits(this.#spec))
    const [program, ...args] = this.#hold?.wrap(command) ?? command
    // What enters limits is a shell first, which would find this out too late.
    const fault = program === command[0] ? undefined : programFault(command[0], env['PATH'] ?? '', cwd)
    if (fault !== undefined) return explainSpawn(command[0], fault)
    // Fetching its artifacts took its time, and while there is no process the guard has nothing to end.
    if (this.#overdue) return failed('E_LEASE', 'its lease was over before it began')
    const child = spawn(program, args, {
      cwd,
      env,
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const exited = watchExit(child)
    if (child.pid === undefined) {
      const { error } = await exited
      return explainSpawn(command[0], error?.code, error?.message)
    }
    this.#group = new ProcessGroup(child.pid)
    this.#guarded?.guard.started(attemptKey(this.attempt), child.pid)
    emit({ in: 'started', attempt: this.attempt, pid: child.pid })
    if (input !== undefined) feed(child, input, this.#task, this.#context.log)
    this.#output.listen(child)
    const exit = await exitOrKill(exited, this.#group, this.#ending, { ...this.#context, task: this.#task })
    await this.#endGroup(this.#group)
    await this.#output.drain()
    child.stdin?.destroy()
    if (exit === undefined) child.unref()
    return this.#conclude(exit)
  }

  /** @throws when there is no such folder, or it cannot be made */
  #enterFolder(): string {
    const { cwd } = this.#command
    if (cwd !== undefined) {
      // Without this the system's answer is that the *program* does not exist.
      const found = statSync(cwd, { throwIfNoEntry: false })
      if (found === undefined) throw new Error(`working directory ${cwd} does not exist`)
      if (!found.isDirectory()) throw new Error(`working directory ${cwd} is not a directory`)
      return cwd
    }
    return this.#ownFolder()
  }

  #ownFolder(): string {
    this.#workFolder ??= makeWorkFolder(this.#context.agent, this.attempt)
    return this.#workFolder
  }

  /** Ends what the leader left behind. */
  async #endGroup(group: ProcessGroup): Promise<void> {
    const { agent, limits, log } = this.#context
    if (this.#ending.asked) {
      await pollWhile(
        () => group.alive,
        () => this.#ending.forceAtMs,
      )
      // Looking through all processes is worth it here only: whoever asked relies on nothing being left.
      reapAttempt(agent.data, attemptKey(this.attempt), log)
    }
    if (!group.signal('SIGKILL')) return
    const untilMs = performance.now() + limits.killWaitMs
    const gone = await pollWhile(
      () => group.alive,
      () => untilMs,
    )
    if (gone) return
    log.error({ task: this.#task, group: group.pid }, 'a process group does not go although it was killed')
  }

  #conclude(exit: Exit | undefined): RunEnd {
    const { held = {}, outOfMemory = false } = this.#hold ?? {}
    const output = { ...this.#output.body(), ...(Object.keys(held).length > 0 ? { limits: held } : {}) }
    if (exit === undefined) {
      return { ...failed('E_SIGNAL', 'the command was killed and has not gone yet'), result: output }
    }
    const { code, signal } = exit
    if (code === 0) return { outcome: 'succeeded', result: { exitCode: 0, ...output } }
    if (outOfMemory) {
      const message = `it used more than its memory of ${wishedLimits(this.#spec).memoryBytes} bytes`
      const how = code === null ? { signal: signal ?? 'unknown' } : { exitCode: code }
      return { ...failed('E_MEMORY', message), result: { ...how, ...output } }
    }
    if (code !== null) {
      return {
        ...failed('E_EXIT', `the command ended with code ${code}`),
        result: { exitCode: code, ...output },
      }
    }
    const name = signal ?? 'unknown'
    return {
      ...failed('E_SIGNAL', `the command was ended by signal ${name}`),
      result: { signal: name, ...output },
    }
  }
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Instead of both, when it could not be started. */
  readonly error?: NodeJS.ErrnoException
}

export function watchExit(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.on('error', (error) => {
      // An error of a process that runs concerns a signal to it; its exit still follows.
      if (child.pid === undefined) resolve({ code: null, signal: null, error })
    })
  })
}

/** Writes a task's input to its standard input, as one line of JSON. */
export function feed(child: ChildProcess, input: unknown, task: string, log: Log): void {
  // A command may close its standard input or end without reading it: its choice, no failure.
  child.stdin?.on('error', (error) => {
    log.debug({ task, error: error.message }, 'the command did not read all its input')
  })
  child.stdin?.end(`${JSON.stringify(input)}\n`)
}

function explainSpawn(program: string, code: string | undefined, message = 'unknown error'): RunEnd {
  const why = code === 'EACCES' ? 'may not be executed' : 'does not exist'
  if (code === 'ENOENT' || code === 'EACCES') return failed('E_NOT_FOUND', `${program} ${why} on this device`)
  return failed('E_START', `start ${program}: ${message}`)
}

/** Looks more and more seldom; true when the condition has ended before the time was over. */
async function pollWhile(condition: () => boolean, untilMs: () => number): Promise<boolean> {
  for (let everyMs = 1; condition(); everyMs = Math.min(GROUP_POLL_MS_MAX, everyMs * 2)) {
    const leftMs = untilMs() - performance.now()
    if (leftMs <= 0) return false
    const pauseMs = Math.min(everyMs, leftMs)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return true
}
