/** One attempt as a call of a function: in a thread of its own while it lasts, ended with the thread if it must be. */
import type { RunEnd } from '../../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../../shared/protocol/attempt.ts'
import type { Checkpoint, LogStream, ResultBody, TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { type PlacedArtifacts, placeArtifacts } from '../artifacts/inputs.ts'
import { Capture } from '../capture.ts'
import type { RunContext } from '../child-run.ts'
import { Ending } from '../ending.ts'
import { failed } from '../failed.ts'
import { ByteBudget, LiveOutput } from '../live-output.ts'
import type { Run } from '../run-table.ts'
import { makeWorkFolder, removeWorkFolder } from '../work-folder.ts'
import { LatestOnly } from './latest-only.ts'
import type { Returned, ThreadFault, ThreadListener } from './messages.ts'
import type { RemoteThread } from './remote-thread.ts'
import type { Threads } from './threads.ts'

export interface CallWish {
  readonly attempt: Attempt
  readonly task: string
  readonly name: string
  readonly input: unknown
  readonly memoryBytesMax: number
  readonly artifacts: TaskSpec['artifacts']
  /** What an earlier attempt of the task published last. */
  readonly checkpoint: Checkpoint | undefined
  readonly gpus: readonly number[]
}

const PROGRESS_EVERY_MS = 250

export class FunctionCall implements Run, ThreadListener {
  readonly done: Promise<void>
  readonly #wish: CallWish
  readonly #context: RunContext
  readonly #threads: Threads
  readonly #captures: { stdout: Capture; stderr: Capture }
  readonly #live: { stdout: LiveOutput; stderr: LiveOutput }
  readonly #progress: LatestOnly
  /** Aborted when it is to end before it began. */
  readonly #early = new AbortController()
  #folder: string | undefined
  #thread: RemoteThread | undefined
  readonly #ending = new Ending()
  #settle: (end: Returned | ThreadFault) => void = () => undefined

  constructor(wish: CallWish, context: RunContext, threads: Threads) {
    this.#wish = wish
    this.#context = context
    this.#threads = threads
    const { limits } = context
    const pass = (stream: LogStream) => (text: string) => {
      context.emit({ in: 'output', attempt: wish.attempt, stream, text })
    }
    const budget = new ByteBudget(limits.logBytesPerSecondMax)
    this.#captures = {
      stdout: new Capture(limits.stdoutBytesMax),
      stderr: new Capture(limits.stdoutBytesMax),
    }
    this.#live = {
      stdout: new LiveOutput(budget, limits, pass('stdout')),
      stderr: new LiveOutput(budget, limits, pass('stderr')),
    }
    this.#progress = new LatestOnly(PROGRESS_EVERY_MS, pass('progress'))
    this.done = this.#run()
  }

  kill(graceMs: number): void {
    if (graceMs > 0) this.#thread?.abort()
    this.#ending.ask(graceMs)
    this.#early.abort()
  }

  output(stream: 'stdout' | 'stderr', text: string): void {
    const bytes = Buffer.from(text)
    this.#captures[stream].add(bytes)
    this.#live[stream].add(bytes)
  }

  progress(json: string): void {
    this.#progress.put(json)
  }

  /** The thread has seen to it that they come seldom enough. */
  checkpoint(json: string): void {
    const value: unknown = JSON.parse(json)
    this.#context.emit({ in: 'checkpoint', attempt: this.#wish.attempt, value })
  }

  returned(returned: Returned): void {
    this.#settle(returned)
  }

  broke(fault: ThreadFault): void {
    this.#settle(fault)
  }

  async #run(): Promise<void> {
    const end = await this.#placeAndCall()
    this.#progress.end()
    this.#live.stdout.end()
    this.#live.stderr.end()
    this.#context.emit({ in: 'ended', attempt: this.#wish.attempt, end })
    if (this.#folder !== undefined) await removeWorkFolder(this.#folder, this.#context.log)
  }

  async #placeAndCall(): Promise<RunEnd> {
    const { artifacts, attempt, name } = this.#wish
    let placed: PlacedArtifacts | RunEnd
    try {
      placed = await placeArtifacts(artifacts === undefined ? {} : { artifacts }, {
        cache: this.#context.artifacts,
        attemptFolder: () => {
          this.#folder ??= makeWorkFolder(this.#context.agent, attempt)
          return this.#folder
        },
        early: this.#early.signal,
      })
    } catch (error) {
      return failed('E_START', `${name}: ${(error as Error).message}`)
    }
    return 'outcome' in placed ? placed : this.#callInThread(placed.paths)
  }

  async #callInThread(artifacts: PlacedArtifacts['paths']): Promise<RunEnd> {
    const thread = this.#threads.take(this.#wish.memoryBytesMax)
    this.#thread = thread
    const ended = (await this.#ending.wait(this.#call(thread, artifacts))) ?? this.#terminate(thread)
    this.#thread = undefined
    const { asked } = this.#ending
    // What was told to end may have left work behind that still runs.
    if ('spent' in ended && !ended.spent && !asked) this.#threads.giveBack(thread)
    else if (!(await thread.terminate({ code: 'E_FUNCTION', message: 'the thread is replaced' }))) {
      const { killWaitMs } = this.#context.limits
      this.#context.log.error(
        { task: this.#wish.task, killWaitMs },
        'a thread does not go although it was terminated',
      )
    }
    return this.#conclude(ended)
  }

  async #call(thread: RemoteThread, artifacts: PlacedArtifacts['paths']): Promise<Returned | ThreadFault> {
    const ended = new Promise<Returned | ThreadFault>((resolve) => {
      this.#settle = resolve
    })
    const loaded = await thread.loaded
    if ('code' in loaded) return loaded
    const { name, input, task, attempt, gpus, checkpoint: given } = this.#wish
    const text = input === undefined ? undefined : JSON.stringify(input)
    const checkpoint = given === undefined ? undefined : JSON.stringify(given.value)
    thread.call({ name, input: text, task, attempt: attemptKey(attempt), artifacts, gpus, checkpoint }, this)
    // It may have been asked to end while the module was loading.
    if (this.#ending.asked) thread.abort()
    return ended
  }

  /** By the end of its grace a call is over, with its thread. */
  #terminate(thread: RemoteThread): ThreadFault {
    const fault: ThreadFault = {
      code: 'E_FUNCTION',
      message: 'it was told to end and its thread was terminated',
    }
    void thread.terminate(fault)
    return fault
  }

  #conclude(ended: Returned | ThreadFault): RunEnd {
    const returned = 'spent' in ended ? ended : undefined
    const fault = returned === undefined ? (ended as ThreadFault) : returned.fault
    if (fault?.stack !== undefined) this.output('stderr', `${fault.stack}\n`)
    const stdout = this.#captures.stdout.text()
    const stderr = this.#captures.stderr.text()
    const truncated = stdout.truncated || stderr.truncated || returned?.truncated === true
    const result: ResultBody = {
      ...(returned?.json === undefined ? {} : { value: JSON.parse(returned.json) as unknown }),
      stdout: stdout.text,
      stderr: stderr.text,
      ...(truncated ? { truncated } : {}),
      limits: { memory: 'heap' },
    }
    if (fault === undefined) return { outcome: 'succeeded', result }
    return { ...failed(fault.code, `${this.#wish.name}: ${fault.message}`), result }
  }
}
