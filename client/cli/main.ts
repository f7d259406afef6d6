#!/usr/bin/env node
/** The program `covey`: hands the world to the dispatcher, turns signals into interruptions, ends with a true exit code. */
import { homedir } from 'node:os'
import type { Writable } from 'node:stream'
import type { Context, Interruption } from './context.ts'
import { dispatch } from './dispatch.ts'
import { EXIT_PIPE } from './exit-codes.ts'

const interruption = new AbortController()
/** A closed terminal ends a command in order too. Without one the signal may be ignored on purpose (`nohup`). */
const terminal = process.stdin.isTTY === true || process.stdout.isTTY === true
const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const
for (const [signal, exitCode] of signals) {
  if (signal === 'SIGHUP' && !terminal) continue
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(exitCode)
    interruption.abort({ signal, exitCode } satisfies Interruption)
  })
}

for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT_PIPE)
    throw error
  })
}

const context: Context = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  interrupted: interruption.signal,
}

const exitCode = await dispatch(process.argv.slice(2), context)
// A pipe takes output in the background; ending before it is through would cut it.
await Promise.all([flushed(process.stdout), flushed(process.stderr)])
process.exit(exitCode)

function flushed(output: Writable): Promise<void> {
  return new Promise((resolve) => output.write('', () => resolve()))
}
