/**
 * One attempt as a container. The engine's `run` stays in the foreground as a child of ours: its streams are the
 * container's, TERM to it reaches the container, and its exit is the container's. KILL of it would leave the container
 * behind, so that is asked of the engine, as is what the exit code alone does not tell: whether it ever started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import type { Given, RunEnd } from '../../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../../shared/protocol/attempt.ts'
import type { ContainerRun as ContainerSpec, Held, TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { within } from '../bounded-wait.ts'
import { ATTEMPT_VARIABLE, DATA_VARIABLE, gpuVariables } from '../child-environment.ts'
import { ChildOutput } from '../child-output.ts'
import { type Exit, feed, type RunContext, watchExit } from '../child-run.ts'
import { Ending } from '../ending.ts'
import { failed } from '../failed.ts'
import { ProcessGroup } from '../group.ts'
import { type CpuLimit, cpuShares, wishedLimits } from '../limiter/wished-limits.ts'
import type { Run } from '../run-table.ts'
import { type ContainerEngine, engineEnvironment, lastLine } from './engine.ts'

export const DATA_LABEL = 'covey.data'

/** A pull ends with the task's timeout at the latest. */
const PULL_MS_MAX = 2 ** 31 - 1
const KILLED_CODE = 128 + 9

export interface ContainerContext extends RunContext {
  readonly engine: ContainerEngine
  readonly cpuLimit: CpuLimit
}

export class ContainerRun implements Run {
  readonly done: Promise<void>
  readonly #attempt: Attempt
  readonly #task: string
  readonly #spec: TaskSpec
  readonly #run: ContainerSpec
  readonly #context: ContainerContext
  readonly #output: ChildOutput
  readonly #name: string
  readonly #held: Held
  readonly #gpus: Given['gpus']
  /** Aborted when it is to end before it began. */
  readonly #early = new AbortController()
  #group: ProcessGroup | undefined
  readonly #ending = new Ending()

  constructor(attempt: Attempt, task: string, spec: TaskSpec, context: ContainerContext, given: Given) {
    this.#gpus = given.gpus
    this.#attempt = attempt
    this.#task = task
    this.#spec = spec
    this.#run = spec.run as ContainerSpec
    this.#context = context
    this.#output = new ChildOutput(attempt, task, context)
    this.#name = containerName(context.agent.data, attempt)
    const { cpuMilli, memoryBytes } = wishedLimits(spec)
    const on = context.engine.limits
    this.#held = {
      ...(cpuMilli === undefined ? {} : { cpu: on ? `container ${context.cpuLimit}` : 'none' }),
      ...(memoryBytes === undefined ? {} : { memory: on ? 'container' : 'none' }),
    }
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
      end = (await this.#imageFault()) ?? (await this.#runContainer())
    } catch (error) {
      end = failed('E_START', `start ${this.#context.engine.program}: ${(error as Error).message}`)
    }
    if (this.#group !== undefined) await this.#remove()
    this.#context.emit({ in: 'ended', attempt: this.#attempt, end })
  }

  /** Sees that the image is there, by the task's policy. */
  async #imageFault(): Promise<RunEnd | undefined> {
    const { engine } = this.#context
    const { image, pull = 'missing' } = this.#run.container
    const { signal } = this.#early
    if (pull !== 'always') {
      const found = await engine.ask(['image', 'inspect', '--format', '{{.Id}}', image], undefined, signal)
      if (found.code === 0) return undefined
      if (this.#ending.asked) return ENDED_EARLY
      if (pull === 'never') return failed('E_IMAGE', `the device has no image ${image}, and pull is "never"`)
    }
    const pulled = await engine.ask(['pull', '--quiet', image], PULL_MS_MAX, signal)
    if (pulled.code === 0) return undefined
    return this.#ending.asked ? ENDED_EARLY : failed('E_IMAGE', `pull ${image}: ${lastLine(pulled.stderr)}`)
  }

  async #runContainer(): Promise<RunEnd> {
    if (this.#ending.asked) return ENDED_EARLY
    const { engine, emit } = this.#context
    const { input } = this.#spec
    const { image, argv = [] } = this.#run.container
    const child = spawn(engine.program, engine.runArguments(this.#options(), image, argv), {
      env: {
        ...engineEnvironment(),
        // A later agent finds this child by these two, and the container by its label.
        [ATTEMPT_VARIABLE]: attemptKey(this.#attempt),
        [DATA_VARIABLE]: this.#context.agent.data,
      },
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    const exited = watchExit(child)
    if (child.pid === undefined) {
      const { error } = await exited
      return failed('E_START', `start ${engine.program}: ${error?.message ?? 'unknown error'}`)
    }
    this.#group = new ProcessGroup(child.pid)
    emit({ in: 'started', attempt: this.#attempt, pid: child.pid })
    if (input !== undefined) feed(child, input, this.#task, this.#context.log)
    this.#output.listen(child)
    const exit = await this.#awaitExit(child, this.#group, exited)
    await this.#output.drain()
    child.stdin?.destroy()
    return this.#conclude(exit, await this.#state())
  }

  #options(): string[] {
    const { agent, cpuLimit, engine } = this.#context
    const { env = {}, cwd } = this.#run
    const { cpuMilli, memoryBytes } = engine.limits ? wishedLimits(this.#spec) : {}
    const labels = {
      [DATA_LABEL]: agent.data,
      'covey.mesh': agent.mesh,
      'covey.task': this.#task,
      'covey.attempt': attemptKey(this.#attempt),
    }
    const variables = {
      ...env,
      COVEY_MESH: agent.mesh,
      COVEY_DEVICE: agent.device,
      COVEY_TASK: this.#task,
      ...gpuVariables(this.#gpus),
      // By these two whoever ends an attempt finds its processes, where they are seen from outside.
      [ATTEMPT_VARIABLE]: attemptKey(this.#attempt),
      [DATA_VARIABLE]: agent.data,
    }
    return [
      ...['--name', this.#name, '--pull', 'never'],
      // The streams are read here; an engine's own log of them would grow without bound.
      ...['--log-driver', 'none'],
      ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...Object.entries(variables).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      ...(cwd === undefined ? [] : ['--workdir', cwd]),
      ...(this.#spec.input === undefined ? [] : ['--interactive']),
      // The same for memory and swap together means: no swap.
      ...(memoryBytes === undefined
        ? []
        : ['--memory', `${memoryBytes}b`, '--memory-swap', `${memoryBytes}b`]),
      ...(cpuMilli === undefined
        ? []
        : cpuLimit === 'quota'
          ? ['--cpus', `${cpuMilli / 1_000}`]
          : ['--cpu-shares', `${cpuShares(cpuMilli)}`]),
    ]
  }

  /** Waits for the client; once the grace is over the container is KILLed through the engine. */
  async #awaitExit(
    child: ChildProcess,
    group: ProcessGroup,
    exited: Promise<Exit>,
  ): Promise<Exit | undefined> {
    const exit = await this.#ending.wait(exited)
    if (exit !== undefined) return exit
    await this.#context.engine.ask(['kill', this.#name])
    const { killWaitMs } = this.#context.limits
    const ended = await within(exited, killWaitMs)
    if (ended !== undefined) return ended
    // Not created yet, or the engine hangs: without its client the container is all that can be left.
    group.signal('SIGKILL')
    const killed = await within(exited, killWaitMs)
    if (killed === undefined) child.unref()
    return killed
  }

  /** What the engine knows of the container; `undefined` when it never made one. */
  async #state(): Promise<ContainerState | undefined> {
    const found = await this.#context.engine.ask(['inspect', '--format', '{{json .State}}', this.#name])
    if (found.code !== 0) return undefined
    return JSON.parse(found.stdout) as ContainerState
  }

  #conclude(exit: Exit | undefined, state: ContainerState | undefined): RunEnd {
    const output = {
      ...this.#output.body(),
      ...(Object.keys(this.#held).length > 0 ? { limits: this.#held } : {}),
    }
    const { image } = this.#run.container
    if (state === undefined || state.StartedAt.startsWith('0001-')) {
      if (this.#ending.asked) return { ...ENDED_EARLY, result: output }
      const missing = exit?.code === 126 || exit?.code === 127
      const why = `${image}: ${lastLine(output.stderr ?? '')}`
      return { ...failed(missing ? 'E_NOT_FOUND' : 'E_START', why), result: output }
    }
    // A client that was killed has no exit code, and one that runs on says nothing.
    const code = exit?.code ?? (state.Running ? undefined : state.ExitCode)
    if (state.OOMKilled) {
      const message = `the container used more than its memory of ${wishedLimits(this.#spec).memoryBytes} bytes`
      return { ...failed('E_MEMORY', message), result: { exitCode: code ?? KILLED_CODE, ...output } }
    }
    if (code === 0) return { outcome: 'succeeded', result: { exitCode: 0, ...output } }
    if (code === undefined) {
      return { ...failed('E_SIGNAL', 'the container was killed and has not gone yet'), result: output }
    }
    const guess = code === KILLED_CODE && !this.#ending.asked && this.#held.memory === 'container'
    const hint = guess ? ': it was killed, most likely because it used more memory than its limit' : ''
    return {
      ...failed('E_EXIT', `the container ended with code ${code}${hint}`),
      result: { exitCode: code, ...output },
    }
  }

  async #remove(): Promise<void> {
    await removeContainers(this.#context.engine, [this.#name], (error) => {
      this.#context.log.error(
        { task: this.#task, container: this.#name, error },
        'a container cannot be removed',
      )
    })
  }
}

interface ContainerState {
  readonly Running: boolean
  readonly ExitCode: number
  readonly OOMKilled: boolean
  /** In the year 1 when it never started. */
  readonly StartedAt: string
}

const ENDED_EARLY: RunEnd = failed('E_SIGNAL', 'the container was told to end before it began')

/** Names are unique in an engine, which several agents may share. */
function containerName(data: string, attempt: Attempt): string {
  const hash = createHash('sha256')
    .update(`${data}\n${attemptKey(attempt)}`)
    .digest('hex')
  return `covey-${hash.slice(0, 24)}`
}

/** KILLs and removes containers, by name or id. One that is not there is as good as removed. */
export async function removeContainers(
  engine: ContainerEngine,
  names: readonly string[],
  complain: (error: string) => void,
): Promise<void> {
  if (names.length === 0) return
  // Removal by force alone would wait for TERM first. Of one that does not run this fails, as it should.
  await engine.ask(['kill', ...names])
  const removed = await engine.ask(['rm', '--force', ...names])
  if (removed.code !== 0 && !/no such container/i.test(removed.stderr)) complain(lastLine(removed.stderr))
}
