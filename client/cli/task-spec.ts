/** The spec of `covey run`, made from its options and operands. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { isArtifactName } from '../../shared/artifacts/names.ts'
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
import { artifactName } from './task-artifacts.ts'
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
  const {
    artifact,
    input,
    array,
    where,
    prefer,
    resources,
    priority,
    tenant,
    after,
    exclusive,
    timeout,
    retries,
    ttl,
  } = values
  return {
    run: await runOf(values, operands),
    ...(artifact === undefined ? {} : { artifacts: await artifactsOf(artifact) }),
    ...(input === undefined ? {} : { input: parseInput(await inputText(context, input)) }),
    ...(array === undefined ? {} : { array: parseArray(array, await arrayText(context, array)) }),
    ...(where === undefined ? {} : { where: labelsOf(where) }),
    ...(prefer === undefined
      ? {}
      : { prefer: prefer.map(({ where, weight }) => ({ where: labelsOf(where), weight })) }),
    ...(values.group === undefined ? {} : { group: values.group }),
    ...(values.spread === undefined ? {} : { spread: values.spread }),
    ...(values.near === undefined ? {} : { near: values.near.map(relationOf) }),
    ...(values.apart === undefined ? {} : { apart: values.apart.map(relationOf) }),
    ...(resources === undefined ? {} : { resources: { ...resources } }),
    ...(values.taskData === undefined ? {} : { data: dataOf(values.taskData) }),
    ...(values.taskStrategy === undefined ? {} : { strategy: values.taskStrategy }),
    ...(values.taskObjective === undefined ? {} : { objective: values.taskObjective }),
    ...(values.taskDuration === undefined ? {} : { duration: exactDuration(values.taskDuration) }),
    ...(priority === undefined ? {} : { priority }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(after === undefined ? {} : { after: [...after] }),
    ...(exclusive === true ? { exclusive } : {}),
    ...(timeout === undefined ? {} : { timeout: exactDuration(timeout) }),
    ...(retries === undefined ? {} : { retries: { failed: retries } }),
    ...(ttl === undefined ? {} : { ttl: exactDuration(ttl) }),
  }
}

/** What to run; which of its parts go together is for the codec to say. */
async function runOf(values: RunValues, operands: readonly string[]): Promise<Run> {
  const { taskEnv, cwd, image, pull, wasm } = values
  const around = {
    ...(taskEnv === undefined ? {} : { env: { ...taskEnv } }),
    ...(cwd === undefined ? {} : { cwd }),
  }
  oneKind(values)
  if (image === undefined && pull !== undefined) {
    throw new CoveyError('E_USAGE', '--pull says when an image is fetched, and there is none', {
      remedy: 'Name one with --image',
    })
  }
  if (image !== undefined) {
    const argv = operands.length === 0 ? {} : { argv: [...operands] }
    return { container: { image, ...argv, ...(pull === undefined ? {} : { pull }) }, ...around }
  }
  if (wasm !== undefined) {
    const args = operands.length === 0 ? {} : { args: [...operands] }
    return { wasm: { module: await artifactName(wasm), ...args }, ...around }
  }
  if (values.function !== undefined) {
    if (operands.length === 0) return { function: values.function, ...around }
    const message = `with --function there is no command, and ${JSON.stringify(operands[0])} follows`
    throw new CoveyError('E_USAGE', message, { remedy: 'Pass what the function needs with --input' })
  }
  if (operands.length > 0) return { exec: [...operands], ...around }
  throw new CoveyError('E_USAGE', 'covey run wants a program, --function, --image or --wasm', {
    remedy: 'See covey help run',
  })
}

function oneKind(values: RunValues): void {
  const named = (['function', 'image', 'wasm'] as const).filter((name) => values[name] !== undefined)
  if (named.length < 2) return
  const flags = named.map((name) => `--${name}`).join(' and ')
  throw new CoveyError('E_USAGE', `${flags} exclude each other`, { remedy: 'Leave all but one of them out' })
}

async function artifactsOf(written: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const names: Record<string, string> = {}
  for (const [file, artifact] of Object.entries(written)) names[file] = await artifactName(artifact)
  return names
}

/** What a task's id begins with when it is not chosen. */
export function nameOf(run: Run, { wasm }: Pick<RunValues, 'wasm'> = {}): string {
  if ('exec' in run) return basename(run.exec[0] ?? '')
  if ('function' in run) return run.function
  if ('container' in run) return basename(run.container.image)
  return wasm === undefined || isArtifactName(wasm) ? 'module' : basename(wasm, '.wasm')
}

function labelsOf(
  where: Readonly<Record<string, string | readonly string[]>>,
): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(where).map(([key, value]) => [key, typeof value === 'string' ? value : [...value]]),
  )
}

function dataOf(sizes: readonly (readonly [site: string, size: string])[]): { at: string; size: string }[] {
  return sizes.map(([at, size]) => ({ at, size }))
}

/** `db`, or with the label by which devices count as one place `db:zone`. */
function relationOf(text: string): { group: string; by?: string } {
  const colon = text.indexOf(':')
  return colon < 0 ? { group: text } : { group: text.slice(0, colon), by: text.slice(colon + 1) }
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
