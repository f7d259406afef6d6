/** Colour, only on a terminal and only when nobody asked for none (https://no-color.org). */
import type { Context, Output } from './context.ts'

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const
export type Paint = keyof typeof CODES

/** The text in that colour, or as it is. */
export function paint(context: Context, output: Output, colour: Paint, text: string): string {
  return painted(context, output) ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text
}

/** Whether the output takes colour. */
export function painted(context: Context, output: Output): boolean {
  const { env } = context
  return output.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
}

const STATES: Readonly<Record<string, Paint>> = {
  succeeded: 'green',
  running: 'cyan',
  assigned: 'cyan',
  online: 'green',
  failed: 'red',
  timed_out: 'red',
  rejected: 'red',
  offline: 'red',
  pending: 'yellow',
  parked: 'yellow',
  cordoned: 'yellow',
  draining: 'yellow',
  held: 'yellow',
  cancelled: 'dim',
}

/** The colour of a task's or a device's state. */
export function stateColour(state: string): Paint | undefined {
  return STATES[state]
}
