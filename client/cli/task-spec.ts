/** The spec of `covey run`, made from its options and operands. */
import { readFileSync } from 'node:fs'
import { PAYLOAD_BYTES_MAX, type TaskSpec } from '../../shared/protocol/schemas/index.ts'
import type { OptionsOf } from './commands.ts'
import type { Context, Input } from './context.ts'
import { exactDuration } from './defaults.ts'
import type { Values } from './options.ts'
import { wrongValue } from './values.ts'

export type RunValues = Values<OptionsOf<'run'>>

/**
 * @param operands program and arguments
 * @throws CoveyError E_USAGE when the input is not JSON or cannot be read
 */
export async function specOf(
  context: Context,
  values: RunValues,
  operands: readonly string[],
): Promise<TaskSpec> {
  const { taskEnv, cwd, input, where, resources, priority, after, exclusive, timeout, retries, ttl } = values
  return {
    run: {
      exec: [...operands],
      ...(taskEnv === undefined ? {} : { env: { ...taskEnv } }),
      ...(cwd === undefined ? {} : { cwd }),
    },
    ...(input === undefined ? {} : { input: parseInput(await inputText(context, input)) }),
    ...(where === undefined
      ? {}
      : { where: Object.fromEntries(Object.entries(where).map(([key, value]) => [key, copy(value)])) }),
    ...(resources === undefined ? {} : { resources: { ...resources } }),
    ...(priority === undefined ? {} : { priority }),
    ...(after === undefined ? {} : { after: [...after] }),
    ...(exclusive === true ? { exclusive } : {}),
    ...(timeout === undefined ? {} : { timeout: exactDuration(timeout) }),
    ...(retries === undefined ? {} : { retries: { failed: retries } }),
    ...(ttl === undefined ? {} : { ttl: exactDuration(ttl) }),
  }
}

function copy(value: string | readonly string[]): string | string[] {
  return typeof value === 'string' ? value : [...value]
}

async function inputText(context: Context, written: string): Promise<string> {
  if (written === '-') return readAll(context.stdin)
  if (!written.startsWith('@')) return written
  try {
    return readFileSync(written.slice(1), 'utf8')
  } catch (error) {
    throw wrongValue(
      '--input',
      `the file cannot be read: ${(error as Error).message}`,
      'Name a readable file after @',
    )
  }
}

async function readAll(stdin: Input): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdin) {
    const buffer = Buffer.from(chunk as Buffer | string)
    bytes += buffer.length
    if (bytes > PAYLOAD_BYTES_MAX) {
      throw wrongValue(
        '--input',
        `it exceeds ${PAYLOAD_BYTES_MAX} bytes`,
        'Put large input where the device can fetch it',
      )
    }
    chunks.push(buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseInput(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const remedy = 'Write JSON, a text with its quotes: --input \'"text"\''
    throw wrongValue('--input', `it is not JSON: ${(error as Error).message}`, remedy)
  }
}
