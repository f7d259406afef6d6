/** What a command may touch of the world, so that a test can hand in another one. */
import type { Readable, Writable } from 'node:stream'

export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }
export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown }

/** Why a command is asked to end. */
export interface Interruption {
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'
  /** 128 + the signal's number. */
  readonly exitCode: number
}

export interface Context {
  readonly stdout: Output
  readonly stderr: Output
  readonly stdin: Input
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly home: string
  /** Aborted with an `Interruption` by the first Ctrl-C or SIGTERM. */
  readonly interrupted: AbortSignal
}

/** Why the command was interrupted; `undefined` when it was not. */
export function interruptionOf(context: Context): Interruption | undefined {
  return context.interrupted.aborted ? (context.interrupted.reason as Interruption) : undefined
}

/** Resolves when the command is interrupted. */
export function untilInterrupted(context: Context): Promise<Interruption> {
  return new Promise((resolve) => {
    const signal = context.interrupted
    const end = () => resolve(signal.reason as Interruption)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
