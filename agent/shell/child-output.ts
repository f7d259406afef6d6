/** The output of an attempt's process: its start kept for the result, passed on live, read no faster than allowed. */
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { Attempt } from '../../shared/protocol/attempt.ts'
import type { ResultBody } from '../../shared/protocol/schemas/index.ts'
import { within } from './bounded-wait.ts'
import { Capture } from './capture.ts'
import type { RunContext } from './child-run.ts'
import { ByteBudget, LiveOutput } from './live-output.ts'

const DRAIN_WINDOW_MS = 100

export class ChildOutput {
  readonly #attempt: Attempt
  readonly #task: string
  readonly #context: RunContext
  readonly #captures: { stdout: Capture; stderr: Capture }
  #streams: { closed: Promise<void>; finish: () => void }[] = []

  constructor(attempt: Attempt, task: string, context: RunContext) {
    this.#attempt = attempt
    this.#task = task
    this.#context = context
    const { stdoutBytesMax } = context.limits
    this.#captures = { stdout: new Capture(stdoutBytesMax), stderr: new Capture(stdoutBytesMax) }
  }

  /** Reads what a child writes, from now on. */
  listen(child: ChildProcess): void {
    const { limits, emit } = this.#context
    const budget = new ByteBudget(limits.logBytesPerSecondMax)
    this.#streams = (['stdout', 'stderr'] as const).map((name) => {
      const stream = child[name] as Readable
      const pass = (text: string) => emit({ in: 'output', attempt: this.#attempt, stream: name, text })
      const live = new LiveOutput(budget, limits, pass)
      const throttle = new Throttle(stream, limits.drainBytesPerSecondMax)
      stream.on('data', (chunk: Buffer) => {
        this.#captures[name].add(chunk)
        live.add(chunk)
        throttle.passed(chunk.length)
      })
      stream.on('error', (error) => {
        this.#context.log.debug(
          { task: this.#task, stream: name, error: error.message },
          'reading output failed',
        )
      })
      const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()))
      const finish = () => {
        stream.removeAllListeners('data')
        stream.destroy()
        throttle.end()
        live.end()
      }
      return { closed, finish }
    })
  }

  /** Waits a moment for what is still in the pipes, then closes them. */
  async drain(): Promise<void> {
    await within(Promise.all(this.#streams.map(({ closed }) => closed)), this.#context.limits.pipeDrainMs)
    for (const stream of this.#streams) stream.finish()
  }

  /** What the result says of it. */
  body(): ResultBody {
    const stdout = this.#captures.stdout.text()
    const stderr = this.#captures.stderr.text()
    return {
      stdout: stdout.text,
      stderr: stderr.text,
      ...(stdout.truncated || stderr.truncated ? { truncated: true } : {}),
    }
  }
}

/** Reads a stream no faster than that: the writer waits on its full pipe. */
class Throttle {
  readonly #stream: Readable
  readonly #windowBytesMax: number
  #windowBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(stream: Readable, bytesPerSecondMax: number) {
    this.#stream = stream
    this.#windowBytesMax = (bytesPerSecondMax * DRAIN_WINDOW_MS) / 1000
  }

  passed(bytes: number): void {
    this.#windowBytes += bytes
    this.#timer ??= setTimeout(() => this.#next(), DRAIN_WINDOW_MS)
    if (this.#windowBytes > this.#windowBytesMax) this.#stream.pause()
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #next(): void {
    this.#timer = undefined
    this.#windowBytes = 0
    this.#stream.resume()
  }
}
