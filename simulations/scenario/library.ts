/** Finds scenarios, by file or by their name in the library, and reads what they need from the disk. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { CoveyError } from '../../shared/errors/errors.ts'
import { type Outage, readOutages } from './outages.ts'
import { parseScenario } from './parse.ts'
import type { Scenario } from './scenario.ts'

const FOLDER = fileURLToPath(new URL('../scenarios/', import.meta.url))
const FILE_BYTES_MAX = 64 * 2 ** 20
/** How a gzip file begins (RFC 1952, 2.3.1). */
const GZIP = [0x1f, 0x8b] as const

export interface LoadOptions {
  /** Where relative paths begin. */
  readonly cwd: string
  /** Outages to replay instead of those that the scenario names. */
  readonly data?: string
}

/** A scenario, and the texts that it was read from: what has to be kept to run the same again. */
export interface Loaded {
  readonly scenario: Scenario
  readonly text: string
  /** By the name in the scenario: the files of outages. */
  readonly data: Readonly<Record<string, string>>
}

/** The names of the library's scenarios. */
export function libraryNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort()
}

/**
 * Loads a scenario.
 *
 * @param name a file (with `/` or `.yaml`), or a name of the library
 * @throws CoveyError E_SCENARIO
 */
export function loadScenario(name: string, { cwd, data }: LoadOptions): Loaded {
  const isFile = name.includes('/') || /\.ya?ml$/.test(name)
  if (!isFile && !libraryNames().includes(name)) {
    throw new CoveyError('E_SCENARIO', `there is no scenario ${JSON.stringify(name)} in the library`, {
      remedy: `Name a file like ./my.yaml, or one of: ${libraryNames().join(', ')}`,
    })
  }
  const path = isFile ? join(name.startsWith('/') ? '' : cwd, name) : join(FOLDER, `${name}.yaml`)
  const text = read(path)
  const folder = dirname(path)
  const named = parseScenario(text, basename(path)).faults.flatMap(({ trace }) => trace ?? [])
  if (data !== undefined && named.length === 0) {
    throw new CoveyError('E_SCENARIO', `${basename(path)} replays no outages`, {
      remedy: 'Leave --data out, or add a fault with "trace"',
    })
  }
  const texts = Object.fromEntries(
    named.map((file) => [
      file,
      data === undefined ? read(join(folder, file)) : read(join(data.startsWith('/') ? '' : cwd, data)),
    ]),
  )
  return assemble(text, basename(path), texts, data)
}

/**
 * A scenario from texts that were read before.
 *
 * @param given the file that the outages come from, when it is not the one that the scenario names; for messages
 */
export function assemble(
  text: string,
  source: string,
  data: Readonly<Record<string, string>>,
  given?: string,
): Loaded {
  const outages = new Map<string, readonly Outage[]>(
    Object.entries(data).map(([file, csv]) => [file, readOutages(csv, basename(given ?? file))]),
  )
  return { scenario: { ...parseScenario(text, source), outages }, text, data }
}

/** The text of a file; one that is compressed with gzip is unpacked. */
function read(path: string): string {
  try {
    const bytes = readFileSync(path)
    if (bytes.length > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`)
    const packed = bytes[0] === GZIP[0] && bytes[1] === GZIP[1]
    return (packed ? gunzipSync(bytes, { maxOutputLength: FILE_BYTES_MAX }) : bytes).toString('utf8')
  } catch (cause) {
    throw new CoveyError('E_SCENARIO', `cannot read ${path}: ${(cause as Error).message}`, {
      remedy: 'Name a file that exists',
      cause,
    })
  }
}
