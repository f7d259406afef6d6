/** How artifacts are named: by what is in them, wherever they lie. This file stands apart so that a core may load it. */

/** The name of an artifact: SHA-256 of its bytes, in lower case. */
export const ARTIFACT_PATTERN = '^sha256:[0-9a-f]{64}$'
/** The name that a task gives an artifact for itself: also the name of the file. */
export const ARTIFACT_FILE_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'
/** Artifacts of one task, a module not counted. */
export const ARTIFACTS_MAX = 16

const NAME = new RegExp(ARTIFACT_PATTERN)

/** True for a well-formed name of an artifact. */
export function isArtifactName(text: string): boolean {
  return NAME.test(text)
}

/** Below which path of a server an artifact lies, like "/sha256/9f86…". */
export function artifactPath(name: string): string {
  return `/${name.replace(':', '/')}`
}

/** The name of the artifact that lies below that path; `undefined` when none can. */
export function artifactAtPath(path: string): string | undefined {
  const name = path.replace(/^\/sha256\//, 'sha256:')
  return isArtifactName(name) ? name : undefined
}

/** The name as it stands in file names: its digits alone. */
export function artifactFile(name: string): string {
  return name.slice('sha256:'.length)
}
