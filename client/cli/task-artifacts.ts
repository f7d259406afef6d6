/** What `--wasm` and `--artifact` name: artifacts by their digest, or files that are put among them first. */
import { isArtifactName } from '../../shared/artifacts/names.ts'
import { type ArtifactOptions, digestOf, putArtifact } from '../artifacts.ts'
import { wrongValue } from './values.ts'

export interface ArtifactWishes {
  readonly wasm?: string
  readonly artifact?: Readonly<Record<string, string>>
}

/**
 * The digest that a word stands for.
 *
 * @throws CoveyError E_USAGE for a file that cannot be read
 */
export async function artifactName(written: string): Promise<string> {
  return isArtifactName(written) ? written : (await digestOf(written)).name
}

/**
 * Puts the files among the artifacts, so that devices find what the spec names.
 *
 * @throws CoveyError E_USAGE when one is not what it was, and as `putArtifact`
 */
export async function putFiles(
  wishes: ArtifactWishes,
  names: ReadonlySet<string>,
  options: ArtifactOptions,
): Promise<void> {
  const written = [
    ...(wishes.wasm === undefined ? [] : [wishes.wasm]),
    ...Object.values(wishes.artifact ?? {}),
  ]
  for (const file of new Set(written)) {
    if (isArtifactName(file)) continue
    const { name } = await putArtifact(file, options)
    if (!names.has(name)) throw wrongValue(file, 'it was changed meanwhile', 'Run it again')
  }
}
