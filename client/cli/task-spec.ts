/** The spec of `covey run`, made from its options and operands. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import {
  ARRAY_BYTES_MAX,
  PAYLOAD_BYTES_MAX,
  type Run,
  type TaskSpec,
} from '../../shared/protocol/schemas/index.ts'
import { parseArray, readArrayFile } from './array-input.ts'
import type { OptionsOf } from './commands.ts'
import type { Context, Input } from './context.ts'
import { exactDuration } from './defaults.ts'
import type { Values } from './options.ts'
import { wrongValue } from './values.ts'

export type RunValues = Values<OptionsOf<'run'>>

/**
 * @param operands program and arguments
 * @throws CoveyError E_USAGE when it names nothing to run or too much, or the input is not JSON or cannot be read
 */
export async function specOf(
  context: Context,
  values: RunValues,
  operands: readonly string[],
): Promise<TaskSpec> {
  const { input, array, where, resources, priority, after, exclusive, timeout, retries, ttl } = values
  return {
    run: runOf(values, operands),
    ...(input === undefined ? {} : { input: parseInput(await inputText(context, input)) }),
    ...(array === undefined ? {} : { array: parseArray(array, await arrayText(context, array)) }),
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

/** What to run; which of its parts go together is for the codec to say. */
function runOf(values: RunValues, operands: readonly string[]): Run {
  const { taskEnv, cwd } = values
  const around = {
    ...(taskEnv === undefined ? {} : { env: { ...taskEnv } }),
    ...(cwd === undefined ? {} : { cwd }),
  }
  const { image, pull } = values
  if (image !== undefined && values.function !== undefined) {
    throw new CoveyError('E_USAGE', '--function and --image exclude each other', {
      remedy: 'Leave one of them out',
    })
  }
  if (image === undefined && pull !== undefined) {
    throw new CoveyError('E_USAGE', '--pull says when an image is fetched, and there is none', {
      remedy: 'Name one with --image',
    })
  }
  if (image !== undefined) {
    const argv = operands.length === 0 ? {} : { argv: [...operands] }
    return { container: { image, ...argv, ...(pull === undefined ? {} : { pull }) }, ...around }
  }
  if (values.function !== undefined) {
    if (operands.length === 0) return { function: values.function, ...around }
    const message = `with --function there is no command, and ${JSON.stringify(operands[0])} follows`
    throw new CoveyError('E_USAGE', message, { remedy: 'Pass what the function needs with --input' })
  }
  if (operands.length > 0) return { exec: [...operands], ...around }
  throw new CoveyError('E_USAGE', 'covey run wants a program, --function or --image', {
    remedy: 'See covey help run',
  })
}

/** What a task's id begins with when it is not chosen. */
export function nameOf(run: Run): string {
  if ('exec' in run) return basename(run.exec[0] ?? '')
  return 'function' in run ? run.function : basename(run.container.image)
}

function copy(value: string | readonly string[]): string | string[] {
  return typeof value === 'string' ? value : [...value]
}

async function inputText(context: Context, written: string): Promise<string> {
  if (written === '-') return readAll(context.stdin, '--input', PAYLOAD_BYTES_MAX)
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

async function arrayText(context: Context, name: string): Promise<string> {
  return name === '-' ? readAll(context.stdin, '--array', ARRAY_BYTES_MAX) : readArrayFile(name)
}

async function readAll(stdin: Input, option: string, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdin) {
    const buffer = Buffer.from(chunk as Buffer | string)
    bytes += buffer.length
    if (bytes > bytesMax) {
      throw wrongValue(
        option,
        `it exceeds ${bytesMax} bytes`,
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
