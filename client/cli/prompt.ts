/** Asks for a secret without showing it, or reads it from a pipe. */
import { createInterface } from 'node:readline'
import { CoveyError } from '../../shared/errors/errors.ts'
import type { Context } from './context.ts'

const SECRET_CHARS_MAX = 1_024

/**
 * One line from standard input; on a terminal with a question (on standard error) and without echo.
 *
 * @throws CoveyError E_USAGE when nothing was entered; the interruption on Ctrl-C
 */
export async function askSecret(context: Context, question: string): Promise<string> {
  const secret = context.stdin.isTTY === true ? await askHidden(context, question) : await firstLine(context)
  if (secret === '')
    throw new CoveyError('E_USAGE', 'the password is empty', { remedy: 'Enter one, or pipe one line in' })
  return secret
}

async function firstLine({ stdin }: Context): Promise<string> {
  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })
  try {
    for await (const line of lines) return line
    return ''
  } finally {
    lines.close()
  }
}

function askHidden(context: Context, question: string): Promise<string> {
  const { stdin, stderr } = context
  stderr.write(question)
  stdin.setRawMode?.(true)
  stdin.setEncoding('utf8')
  return new Promise<string>((resolve, reject) => {
    let secret = ''
    const end = (settle: () => void) => {
      stdin.off('data', take)
      stdin.pause()
      stdin.setRawMode?.(false)
      stderr.write('\n')
      settle()
    }
    const take = (text: string) => {
      for (const char of text) {
        // In raw mode Ctrl-C is a character like any other.
        if (char === '\u0003') return end(() => reject({ signal: 'SIGINT', exitCode: 130 }))
        if (char === '\r' || char === '\n' || char === '\u0004') return end(() => resolve(secret))
        if (char === '\u007f' || char === '\b') secret = secret.slice(0, -1)
        else if (char >= ' ' && secret.length < SECRET_CHARS_MAX) secret += char
      }
    }
    stdin.on('data', take)
    stdin.resume()
  })
}
