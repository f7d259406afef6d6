/** For tests: a context for commands whose output is kept as text. */
import { PassThrough, Readable, Writable } from 'node:stream'
import type { Context, Input, Interruption, Output } from '../context.ts'

export interface TestTerminal {
  readonly context: Context
  readonly out: () => string
  readonly err: () => string
  /** As the first Ctrl-C or SIGTERM would. */
  interrupt(signal?: 'SIGINT' | 'SIGTERM'): void
}

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly home?: string
  readonly stdin?: string
  /** Columns of a terminal; without it output goes into a pipe. */
  readonly columns?: number
}

/** Makes a context; by default with an empty environment, in folders that do not exist. */
export function testTerminal(options: TerminalOptions = {}): TestTerminal {
  const stdout = new Sink(options.columns)
  const stderr = new Sink(options.columns)
  const interruption = new AbortController()
  return {
    context: {
      stdout,
      stderr,
      stdin:
        options.stdin === undefined
          ? (new PassThrough() as Input)
          : (Readable.from([options.stdin]) as Input),
      env: options.env ?? {},
      cwd: options.cwd ?? '/nonexistent',
      home: options.home ?? '/nonexistent',
      interrupted: interruption.signal,
    },
    out: () => stdout.text,
    err: () => stderr.text,
    interrupt: (signal = 'SIGINT') => {
      interruption.abort({ signal, exitCode: signal === 'SIGINT' ? 130 : 143 } satisfies Interruption)
    },
  }
}

class Sink extends Writable implements Output {
  text = ''
  readonly isTTY: boolean
  readonly columns: number

  constructor(columns: number | undefined) {
    super()
    this.isTTY = columns !== undefined
    this.columns = columns ?? 80
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}
