/**
 * The agent's log: pino to standard error, JSON for programs, one readable line for a terminal. The line is
 * formatted here because pino's pretty printer is a dependency that a device does not need.
 */
import { writeSync } from 'node:fs'
import { type DestinationStream, pino } from 'pino'
import type { LogLevel } from '../../shared/ports.ts'

type LogMethod = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** What the shell needs of a logger; a pino logger is one. */
export type Log = { readonly [Level in LogLevel]: LogMethod }

export interface LogOptions {
  readonly level: LogLevel | 'silent'
  /** One readable line instead of JSON; default: when standard error is a terminal. */
  readonly readable?: boolean
  /** Stands in every line, like `{ device: 'pi-1' }`. */
  readonly context?: Readonly<Record<string, unknown>>
  readonly destination?: DestinationStream
}

/** Makes a logger that writes to standard error. */
export function createLog(options: LogOptions): Log {
  const readable = options.readable ?? process.stderr.isTTY === true
  const raw = options.destination ?? { write: writeToStderr }
  const destination = readable ? { write: (line: string) => raw.write(formatLine(line)) } : raw
  return pino(
    { level: options.level, base: options.context ?? {}, timestamp: pino.stdTimeFunctions.isoTime },
    destination,
  )
}

/** Standard error may be a full pipe or closed; a log line is not worth an agent's life. */
function writeToStderr(line: string): void {
  try {
    writeSync(2, line)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EAGAIN' && code !== 'EPIPE' && code !== 'EIO') throw error
  }
}

const LEVEL_NAMES: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'WARN', 50: 'ERROR', 60: 'FATAL' }

/** Turns one JSON line of pino into `12:00:00.000 info  message key=value`. */
export function formatLine(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const clock = String(time).slice(11, 23)
  const name = (LEVEL_NAMES[Number(level)] ?? String(level)).padEnd(5)
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${show(value)}`)
  return `${clock} ${name} ${String(msg).replaceAll('\n', '\\n')}${rest.join('')}\n`
}

function show(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value
  return JSON.stringify(value) ?? String(value)
}
