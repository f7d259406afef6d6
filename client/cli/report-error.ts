/** Errors as a person or a program reads them, on standard error. */
import { CoveyError, InvariantError } from '../../shared/errors/errors.ts'
import type { Context } from './context.ts'
import { paint } from './paint.ts'
import { printable } from './text-width.ts'

/** Writes what went wrong and what would be right; a bug comes with its stack. */
export function reportError(context: Context, error: unknown, json: boolean): void {
  const { stderr } = context
  if (error instanceof CoveyError) {
    const path = 'path' in error && typeof error.path === 'string' ? { path: error.path } : {}
    if (json) {
      const { code, message, remedy } = error
      stderr.write(`${JSON.stringify({ error: { code, message, remedy, ...path } })}\n`)
      return
    }
    stderr.write(`${paint(context, stderr, 'red', error.code)}: ${printable(error.message)}\n`)
    if (error.remedy !== '') stderr.write(`  ${printable(error.remedy)}\n`)
    return
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const what = error instanceof InvariantError ? 'a bug in Covey' : 'an unexpected error'
  if (json) stderr.write(`${JSON.stringify({ error: { code: 'E_BUG', message: text } })}\n`)
  else stderr.write(`covey: ${what}: ${text}\n`)
}

/** A remark on standard error that is not part of the output. */
export function remark(context: Context, text: string): void {
  context.stderr.write(`${paint(context, context.stderr, 'dim', `covey: ${printable(text)}`)}\n`)
}
