/** The artifacts of one attempt: copies in a folder of its own, each under the name that the task gives it. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CoveyError, failure } from '../../../shared/errors/errors.ts'
import type { RunEnd } from '../../../shared/ports.ts'
import type { TaskSpec } from '../../../shared/protocol/schemas/index.ts'
import { failed } from '../failed.ts'
import type { ArtifactCache } from './cache.ts'

/** Below the folder of an attempt. */
export const INPUT_FOLDER = 'artifacts'
/** In the environment of what runs: the folder with its artifacts. */
export const ARTIFACTS_VARIABLE = 'COVEY_ARTIFACTS'

export interface PlacedArtifacts {
  /** `undefined` when there are none. */
  readonly folder: string | undefined
  /** Absolute path by name. */
  readonly paths: Readonly<Record<string, string>>
}

export interface Placing {
  /** `undefined` on a device that takes none. */
  readonly cache: ArtifactCache | undefined
  /** The folder of the attempt; asked for only when it is needed. */
  readonly attemptFolder: () => string
  /** Aborted when the attempt is to end before it began. */
  readonly early: AbortSignal
}

/** Places a task's artifacts below the attempt's folder. @returns how the attempt ends when that is not possible */
export async function placeArtifacts(
  { artifacts = {} }: Pick<TaskSpec, 'artifacts'>,
  { cache, attemptFolder, early }: Placing,
): Promise<PlacedArtifacts | RunEnd> {
  const named = Object.entries(artifacts)
  if (named.length === 0) return { folder: undefined, paths: {} }
  if (cache === undefined) return failed('E_ARTIFACT', 'this device takes no artifacts')
  const folder = join(attemptFolder(), INPUT_FOLDER)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const paths: Record<string, string> = {}
  for (const [file, name] of named) {
    const path = join(folder, file)
    const end = await placeArtifact(name, path, cache, early)
    if (end !== undefined) return end
    paths[file] = path
  }
  return { folder, paths }
}

/** Places one artifact. @returns how the attempt ends when that is not possible */
export async function placeArtifact(
  name: string,
  path: string,
  cache: ArtifactCache,
  early: AbortSignal,
): Promise<RunEnd | undefined> {
  try {
    await cache.copy(name, path, early)
    return early.aborted ? endedEarly() : undefined
  } catch (error) {
    if (early.aborted) return endedEarly()
    if (!(error instanceof CoveyError)) throw error
    return { outcome: 'failed', error: { ...failure(error.code, error.message), remedy: error.remedy } }
  }
}

function endedEarly(): RunEnd {
  return failed('E_SIGNAL', 'it was told to end before it began')
}
